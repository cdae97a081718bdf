import { addresses, type AddressRow } from "./scenarios/addresses.ts";
import { capacity, capacityRuns, type CapacityRow, type CapacityRun } from "./scenarios/capacity.ts";
import { cron, type CronRow } from "./scenarios/cron.ts";
import { endedKeys, type EndedKeysRow } from "./scenarios/ended-keys.ts";
import { lostCache, type BlowRow } from "./scenarios/lost-cache.ts";
import { newcomers, type NewcomerRow } from "./scenarios/newcomers.ts";
import { revocation, type RevocationRow } from "./scenarios/revocation.ts";
import type { Run } from "./scenarios/run.ts";
import { waiting, type WaitingRow } from "./scenarios/waiting.ts";

/** All that docs/SCALE.md is made of. */
export interface Scale {
  readonly seed: number;
  readonly waiting: readonly WaitingRow[];
  readonly capacity: readonly CapacityRow[];
  readonly capacity_runs: readonly CapacityRun[];
  readonly blows: readonly BlowRow[];
  readonly cron: readonly CronRow[];
  readonly revocation: readonly RevocationRow[];
  readonly addresses: readonly AddressRow[];
  readonly newcomers: readonly NewcomerRow[];
  readonly ended_keys: readonly EndedKeysRow[];
}

/** Runs every scenario, one after the other. */
export async function simulate(run: Run): Promise<Scale> {
  return {
    seed: run.seed,
    waiting: await waiting(run),
    capacity: capacity(),
    capacity_runs: await capacityRuns(run),
    blows: await lostCache(run),
    cron: await cron(run),
    revocation: await revocation(run),
    addresses: await addresses(run),
    newcomers: await newcomers(run),
    ended_keys: await endedKeys(run),
  };
}
