/** What a load loop measured. */
export interface LoadResult {
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** One request, sent and not read yet. */
export type Send = () => Promise<Response>;

/** Several ways to do the same, measured in turn over several rounds; the first of them is ours. */
export interface Comparison {
  readonly in_flight: number;
  readonly ways: Readonly<Record<string, LoadResult>>;
  /** What ours does a second as a part of what each other way does: the median over the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
}

const IN_FLIGHT = [1, 8, 64];

/** Compares ways at 1, 8 and 64 requests in flight. The first round warms all of them up. */
export async function compare(
  ways: Readonly<Record<string, Send>>,
  { requests, rounds }: { readonly requests: number; readonly rounds: number },
): Promise<readonly Comparison[]> {
  const [ours = "", ...others] = Object.keys(ways);
  const results: Comparison[] = [];
  for (const inFlight of IN_FLIGHT) {
    const measured: Record<string, LoadResult>[] = [];
    for (let round = 0; round <= rounds; round++) {
      const one: Record<string, LoadResult> = {};
      for (const [name, send] of inTurn(Object.entries(ways), round)) {
        one[name] = await measureLoad(send, requests, inFlight);
      }
      if (round > 0) measured.push(one);
    }
    const of = (name: string, what: keyof LoadResult) =>
      median(measured.map((round) => round[name]?.[what] ?? Number.NaN));
    const ratioTo = (name: string) =>
      median(
        measured.map((round) => (round[ours]?.per_second ?? 0) / (round[name]?.per_second ?? Number.NaN)),
      );
    const medians = (name: string): LoadResult => ({
      per_second: of(name, "per_second"),
      p50_ms: of(name, "p50_ms"),
      p99_ms: of(name, "p99_ms"),
    });
    results.push({
      in_flight: inFlight,
      ways: Object.fromEntries(Object.keys(ways).map((name) => [name, medians(name)])),
      ratios: Object.fromEntries(others.map((name) => [name, hundredths(ratioTo(name))])),
    });
  }
  return results;
}

/** Sends `requests` requests with `inFlight` of them under way at a time. Throws if one of them is not answered with 200. */
async function measureLoad(send: Send, requests: number, inFlight: number): Promise<LoadResult> {
  const tookMs: number[] = [];
  let left = requests;
  const worker = async () => {
    while (left-- > 0) {
      const startedMs = performance.now();
      const response = await send();
      await response.arrayBuffer();
      if (response.status !== 200)
        throw new Error(`A request under load was answered with ${response.status}.`);
      tookMs.push(performance.now() - startedMs);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const allMs = performance.now() - startedMs;
  tookMs.sort((a, b) => a - b);
  const at = (part: number) => hundredths(tookMs[Math.floor(tookMs.length * part)] ?? 0);
  return { per_second: Math.round((requests / allMs) * 1000), p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** The same in another order each round: whoever comes first pays for what the last one left. */
export function inTurn<T>(values: readonly T[], round: number): readonly T[] {
  const first = round % values.length;
  return [...values.slice(first), ...values.slice(0, first)];
}

/** The median of some numbers. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** A number to two places. */
export function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
