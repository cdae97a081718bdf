import type { Population } from "../demand.ts";

/** How a scenario is run. */
export interface Run {
  readonly seed: number;
  /** In small: to see that it works, not what comes of it. */
  readonly isQuick: boolean;
  /** Tells what is under way. */
  readonly note: (text: string) => void;
}

/** What stands in the tables for all scenarios but where they say otherwise. */
export const PLANS = { "Professional, 4 a second": 4, "Enterprise, 15 a second": 15 } as const;
export const PROCESSES = 8;
export const USE: Omit<Population, "keys"> = { usesPerKeyPerDay: 10, exponent: 1 };
export const HOUR_SECONDS = 3_600;
export const DAY_SECONDS = 86_400;
/** The part of a plan that is planned with: see the table of waiting. */
export const PLANNED_LOAD = 0.8;
/** The part of the keys that a quick run has. */
export const QUICK_PART = 0.05;
