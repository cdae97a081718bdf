/** What a load loop measured. */
export interface LoadResult {
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Sends `requests` requests with `inFlight` of them under way at a time. Throws if one of them is not answered with 200. */
export async function measureLoad(
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
