/** A clock that moves by itself, and by leaps where somebody sleeps: nothing really waits. */
export interface Clock {
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A clock that starts now. */
export function newClock(): Clock {
  let leapMs = 0;
  return {
    nowMs: () => Date.now() + leapMs,
    sleep: async (ms) => {
      leapMs += ms;
      return Promise.resolve();
    },
  };
}
