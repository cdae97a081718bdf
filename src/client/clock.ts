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
