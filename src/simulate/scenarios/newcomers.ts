import { Fleet, keyOf } from "../fleet.ts";
import { ModelRedis } from "../model-redis.ts";
import { ModelTenant } from "../model-tenant.ts";
import { exponential, seededRandom } from "../random.ts";
import { Tally } from "../tally.ts";
import { World } from "../world.ts";
import { DAY_SECONDS, PROCESSES, type Run } from "./run.ts";

/** What becomes of new keys in a region whose replica does not know them yet. */
export interface NewcomerRow {
  /** A replica follows so late on average. */
  readonly lag_ms: number;
  /** A key is used so long after it was made. */
  readonly used_after_ms: number;
  readonly keys: number;
  /** Of their first calls. */
  readonly failed: number;
  readonly blocked: number;
}

const LAGS_MS = [200, 1_000];
const USED_AFTER_MS = [500, 2_000, 10_000];
const EVERY_MS = 60_000;
const STARTS_AT_MS = Date.UTC(2027, 0, 4);

/** A day with a new key a minute, used through a gateway of another region soon after. */
export async function newcomers({ seed, isQuick, note }: Run): Promise<readonly NewcomerRow[]> {
  const rows: NewcomerRow[] = [];
  for (const lag_ms of LAGS_MS) {
    for (const used_after_ms of USED_AFTER_MS) {
      note(`new keys, ${lag_ms} ms of lag, used after ${used_after_ms} ms`);
      rows.push(await day(lag_ms, used_after_ms, seed, isQuick ? 0.01 : 1));
    }
  }
  return rows;
}

async function day(lag_ms: number, used_after_ms: number, seed: number, count: number): Promise<NewcomerRow> {
  const random = seededRandom(seed);
  const world = new World(STARTS_AT_MS);
  const nowMs = () => world.nowMs();
  const tenant = new ModelTenant(world, random, { exchangesPerSecond: 4, lifetimeSeconds: DAY_SECONDS });
  const redis = new ModelRedis(world, 1);
  const address = "192.0.2.1";
  const fleet = new Fleet(world, random, { design: "redis", processes: PROCESSES, redis, tenant, address });
  const seenAtMs = new Map<string, number>();
  tenant.judge = (apiKey, atMs) => (atMs < (seenAtMs.get(apiKey) ?? Infinity) ? "unknown" : "grant");
  const tally = new Tally();
  let keys = 0;
  const make = () => {
    const key = keyOf(++keys);
    seenAtMs.set(key.reveal(), nowMs() + exponential(random, lag_ms));
    world.at(nowMs() + used_after_ms, () => void tally.count(fleet.getToken(key), nowMs));
    world.at(nowMs() + EVERY_MS, make);
  };
  make();
  await world.run(STARTS_AT_MS + count * DAY_SECONDS * 1000);
  const { calls, failed } = tally.outcome;
  return { lag_ms, used_after_ms, keys: calls, failed, blocked: tenant.blocked };
}
