/** How much is measured. */
export interface BenchSize {
  /** Requests a round under load. */
  readonly requests: number;
  /** Rounds that count; one before them warms up. */
  readonly rounds: number;
  /** Rounds of checks of a key. */
  readonly checkRounds: number;
  /** How long each single function is repeated, in milliseconds. */
  readonly timeMs: number;
  /** Starts of a process of its own. */
  readonly starts: number;
  /** First requests of a new gateway. */
  readonly firstRequests: number;
  /** After how many executions of the Action its memory is looked at: growing numbers. */
  readonly executions: readonly number[];
  /** How many keys are rebuilt after Redis was lost, each number by itself. */
  readonly reconcileKeys: readonly number[];
  /** Milliseconds that Redis is made slower by when a key is checked. */
  readonly addedMs: readonly number[];
}

/** What says something about the machine. */
export const FULL: BenchSize = {
  requests: 2_000,
  rounds: 5,
  checkRounds: 15,
  timeMs: 2_000,
  starts: 21,
  firstRequests: 15,
  executions: [10_000, 50_000, 100_000],
  reconcileKeys: [1_000, 10_000],
  addedMs: [0, 5, 20],
};

/** What shows that everything is measured, in seconds: its times say nothing. */
export const QUICK: BenchSize = {
  requests: 16,
  rounds: 1,
  checkRounds: 1,
  timeMs: 20,
  starts: 1,
  firstRequests: 1,
  executions: [1_000, 2_000, 4_000],
  reconcileKeys: [300],
  addedMs: [0, 5],
};
