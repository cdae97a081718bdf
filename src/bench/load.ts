/** What a load loop measured. */
interface LoadResult {
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Sends `requests` requests with `inFlight` of them under way at a time. Throws if one of them is not answered with 200. */
async function measureLoad(
  send: () => Promise<Response>,
  requests: number,
  inFlight: number,
): Promise<LoadResult> {
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
  const at = (part: number) => Math.round((tookMs[Math.floor(tookMs.length * part)] ?? 0) * 100) / 100;
  return { per_second: Math.round((requests / allMs) * 1000), p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** The median of some numbers. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Two ways to do the same, measured in turn over several rounds. */
export interface Comparison {
  readonly in_flight: number;
  /** What ours does a second as a part of what the other does: the median over the rounds. */
  readonly ratio: number;
  readonly ours: LoadResult;
  readonly other: LoadResult;
}

const ROUNDS = 5;

/** Compares two ways at 1, 8 and 64 requests in flight. */
export async function compare(
  ours: () => Promise<Response>,
  other: () => Promise<Response>,
  requests: number,
): Promise<readonly Comparison[]> {
  const results: Comparison[] = [];
  for (const inFlight of [1, 8, 64]) {
    const rounds: { ours: LoadResult; other: LoadResult }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const measured = {
        ours: await measureLoad(ours, requests, inFlight),
        other: await measureLoad(other, requests, inFlight),
      };
      // The first round warms both sides up.
      if (round > 0) rounds.push(measured);
    }
    const medians = (side: "ours" | "other"): LoadResult => ({
      per_second: median(rounds.map((round) => round[side].per_second)),
      p50_ms: median(rounds.map((round) => round[side].p50_ms)),
      p99_ms: median(rounds.map((round) => round[side].p99_ms)),
    });
    const ratio = median(rounds.map((round) => round.ours.per_second / round.other.per_second));
    results.push({
      in_flight: inFlight,
      ratio: Math.round(ratio * 100) / 100,
      ours: medians("ours"),
      other: medians("other"),
    });
  }
  return results;
}
