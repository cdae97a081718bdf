import type { Keys } from "./keys.ts";

const SECONDS_A_DAY = 86_400;

/** How long a dead key stays known, in seconds. */
export function retentionSecondsOf(keys: Keys): number {
  return keys.policy.retentionDays * SECONDS_A_DAY;
}
