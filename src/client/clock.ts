/** Time as a parameter. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** The time of this machine. */
export const SYSTEM_CLOCK: Clock = {
  nowMs: Date.now,
  sleep: async (ms) =>
    new Promise((resolve) => {
      setTimeout(resolve, ms);
    }),
};

/**
 * Milliseconds that are left of what lasts `forMs` at most and ends at `untilMs`; 0 where it has ended, and where more
 * would be left than there can be: then the clock was put back.
 */
export function leftMs(untilMs: number, forMs: number, nowMs: number): number {
  const left = untilMs - nowMs;
  return left > 0 && left <= forMs ? left : 0;
}
