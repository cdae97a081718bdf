import { setTimeout as sleep } from "node:timers/promises";

import type { LookUp } from "../core/decide-exchange.ts";
import { recordKey } from "../core/key-record.ts";
import { STORE_MARKER_KEY } from "../core/store-marker.ts";
import { createRedis, readKeyRecord } from "../stores/key-record-reader.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import type { PeerCheck, SecondaryStorage } from "./peers.ts";
import { countRequests } from "./wire-count.ts";

/** A store that keys are checked with, which can be made slower. */
export interface CheckStore {
  readonly name: "redis" | "rest";
  /** What our own check asks. */
  lookUp(keyId: string): Promise<LookUp>;
  /** What a peer's check asks. */
  readonly storage: SecondaryStorage;
  /** Lets every request wait so long before it is sent. */
  setAddedMs(ms: number): void;
  /** How many requests a check makes. */
  countTrips(check: PeerCheck): Promise<number>;
}

// As the Action has it.
const TIMEOUT_MS = 2_000;

/** The tenant's Redis itself, and its REST endpoint through `@upstash/redis`, set up as the Action does. */
export function checkStores(bench: BenchTenant): readonly [CheckStore, CheckStore] {
  return [redisStore(bench), restStore(bench)];
}

function redisStore({ local: { redis } }: BenchTenant): CheckStore {
  let [addedMs, trips] = [0, 0];
  const send = async (...command: readonly string[]) => {
    trips++;
    if (addedMs > 0) await sleep(addedMs);
    return redis.execute(command);
  };
  return {
    name: "redis",
    async lookUp(keyId) {
      const answer = await send("MGET", recordKey(keyId), STORE_MARKER_KEY);
      const [record = null, marker = null] = answer as readonly (string | null)[];
      return { kind: "answered", record, marker };
    },
    storage: {
      get: async (name) => (await send("GET", name)) as string | null,
      set: async (name, value) => void (await send("SET", name, value)),
      delete: async (name) => void (await send("DEL", name)),
    },
    setAddedMs: (ms) => void (addedMs = ms),
    async countTrips(check) {
      trips = 0;
      await check();
      return trips;
    },
  };
}

function restStore({ local }: BenchTenant): CheckStore {
  const { redis_rest_url: url, redis_rest_token, redis_rest_read_only_token } = local.description;
  const reader = createRedis({ url, token: redis_rest_read_only_token, timeoutMs: TIMEOUT_MS });
  const writer = createRedis({ url, token: redis_rest_token, timeoutMs: TIMEOUT_MS });
  let addedMs = 0;
  const later = async <T>(request: () => Promise<T>) => {
    if (addedMs > 0) await sleep(addedMs);
    return request();
  };
  return {
    name: "rest",
    lookUp: async (keyId) => later(async () => readKeyRecord(reader, keyId)),
    storage: {
      get: async (name) => later(async () => writer.get<string>(name)),
      set: async (name, value) => void (await later(async () => writer.set(name, value))),
      delete: async (name) => void (await later(async () => writer.del(name))),
    },
    setAddedMs: (ms) => void (addedMs = ms),
    countTrips: async (check) => (await countRequests(local, check)).requests.redis,
  };
}
