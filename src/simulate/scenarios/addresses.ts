import { Fleet, keyOf } from "../fleet.ts";
import { ModelRedis } from "../model-redis.ts";
import { ModelTenant } from "../model-tenant.ts";
import { exponential, seededRandom } from "../random.ts";
import { Tally } from "../tally.ts";
import { World } from "../world.ts";
import { HOUR_SECONDS, PROCESSES, type Run } from "./run.ts";

/** What the customers of a gateway feel of one of them, behind its one address. */
export interface AddressRow {
  readonly what: string;
  readonly calls: number;
  /** Calls of the others that failed. */
  readonly failed: number;
  /** Requests that the tenant refused for their address. */
  readonly blocked: number;
}

interface Case {
  readonly what: string;
  /** What is wrong with the keys of the one. */
  readonly verdict: "unknown" | "revoked";
  /** Keys that the one tries, a call a second. */
  readonly keys: number;
  readonly isForwarded?: true;
  readonly isAllowed?: true;
}

const CASES: readonly Case[] = [
  { what: "one customer's key is revoked", verdict: "revoked", keys: 1 },
  { what: "one customer's key is wrong", verdict: "unknown", keys: 1 },
  { what: "one customer guesses, a new key a second", verdict: "unknown", keys: 1_000_000 },
  { what: "the same, with forwardClientAddress", verdict: "unknown", keys: 1_000_000, isForwarded: true },
  {
    what: "the same, the gateway's address on the allowlist",
    verdict: "unknown",
    keys: 1_000_000,
    isAllowed: true,
  },
];
const STARTS_AT_MS = Date.UTC(2027, 0, 4);
const OTHERS = 2_000;
const GATEWAY = "192.0.2.1";

/** What others feel of one customer who sends wrong keys through the same gateway: 2,000 others, an exchange a second. */
export async function addresses({ seed, isQuick, note }: Run): Promise<readonly AddressRow[]> {
  const rows: AddressRow[] = [];
  for (const one of CASES) {
    note(one.what);
    rows.push(await hours(one, seed, isQuick ? 0.05 : 3));
  }
  return rows;
}

async function hours(
  { what, verdict, keys, isForwarded, isAllowed }: Case,
  seed: number,
  count: number,
): Promise<AddressRow> {
  const random = seededRandom(seed);
  const world = new World(STARTS_AT_MS);
  const tenant = new ModelTenant(world, random, { exchangesPerSecond: 15, lifetimeSeconds: HOUR_SECONDS });
  const redis = new ModelRedis(world, 1);
  const fleet = new Fleet(world, random, {
    design: "redis",
    processes: PROCESSES,
    redis,
    tenant,
    address: GATEWAY,
  });
  if (isAllowed) tenant.allowlist.add(GATEWAY);
  const rights = new Set(Array.from({ length: OTHERS }, (_, number) => keyOf(number).reveal()));
  tenant.judge = (apiKey) => (rights.has(apiKey) ? "grant" : verdict);
  const tally = new Tally();
  const nowMs = () => world.nowMs();
  const everySecond = (act: () => void) => {
    const again = () => {
      act();
      world.at(nowMs() + exponential(random, 1000), again);
    };
    again();
  };
  everySecond(() => {
    const number = Math.floor(random() * OTHERS);
    void tally.count(fleet.getToken(keyOf(number), isForwarded && `203.0.113.${number}`), nowMs);
  });
  everySecond(() => {
    const number = OTHERS + Math.floor(random() * keys);
    void fleet.getToken(keyOf(number), isForwarded && "198.51.100.7").catch(() => undefined);
  });
  await world.run(STARTS_AT_MS + count * HOUR_SECONDS * 1000);
  const { calls, failed } = tally.outcome;
  return { what, calls, failed, blocked: tenant.blocked };
}
