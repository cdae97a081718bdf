import { ExchangeError, type ExchangeErrorCode } from "../client/exchange-error.ts";

/** What came of calls. Milliseconds and numbers of calls. */
export interface Outcome {
  readonly calls: number;
  /** Calls that had to wait for an exchange, and how long the middle one and the 99th of a hundred did. */
  readonly waited: number;
  readonly p50_wait_ms: number;
  readonly p99_wait_ms: number;
  readonly max_wait_ms: number;
  /** Calls that got no token. */
  readonly failed: number;
  readonly failures: Readonly<Partial<Record<ExchangeErrorCode, number>>>;
}

// Looking into Redis is no waiting.
const LEAST_WAIT_MS = 20;

/** Counts calls, and how long each waited. */
export class Tally {
  readonly #waitsMs: number[] = [];
  readonly #failures: Partial<Record<ExchangeErrorCode, number>> = {};
  #calls = 0;

  /** Waits for a call, by the clock, and notes what came of it. */
  async count(call: Promise<unknown>, nowMs: () => number): Promise<void> {
    const startedMs = nowMs();
    this.#calls++;
    try {
      await call;
      const tookMs = nowMs() - startedMs;
      if (tookMs > LEAST_WAIT_MS) this.#waitsMs.push(tookMs);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      this.#failures[error.code] = (this.#failures[error.code] ?? 0) + 1;
    }
  }

  get outcome(): Outcome {
    const waits = Float64Array.from(this.#waitsMs).toSorted();
    const at = (part: number) => Math.round(waits[Math.floor(waits.length * part)] ?? 0);
    return {
      calls: this.#calls,
      waited: waits.length,
      p50_wait_ms: at(0.5),
      p99_wait_ms: at(0.99),
      max_wait_ms: Math.round(waits.at(-1) ?? 0),
      failed: Object.values(this.#failures).reduce((sum, one) => sum + one, 0),
      failures: { ...this.#failures },
    };
  }
}
