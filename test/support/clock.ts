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

/** A clock that stands still but for the leaps: for tests of what is so before a moment, on however slow a machine. */
export function stoppedClock(): Clock {
  let nowMs = Date.now();
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
}
