import { isIP } from "node:net";

import type { Redis } from "@upstash/redis";

import { useKey, type KeyUse } from "../core/key-use.ts";
import { reach } from "./reach.ts";

/** The last uses of keys, which the Action notes where last-used tracking is on. */
export interface RedisKeyUses {
  /** The last use of each of these keys that was used, by id: one request, whatever their number. */
  readUses(keyIds: readonly string[]): Promise<ReadonlyMap<string, KeyUse>>;
}

/** The uses in an Upstash database. Every failure to reach it is `store_unavailable`. */
export function redisKeyUses(redis: Redis): RedisKeyUses {
  return {
    async readUses(keyIds) {
      const uses = new Map<string, KeyUse>();
      if (keyIds.length === 0) return uses;
      const pipeline = redis.pipeline();
      for (const keyId of keyIds) pipeline.hgetall(useKey(keyId));
      const answers = await reach(pipeline.exec<unknown[]>());
      for (const [at, keyId] of keyIds.entries()) {
        const use = useOf(answers[at]);
        if (use) uses.set(keyId, use);
      }
      return uses;
    },
  };
}

/** Whoever may write uses may write nonsense: what is no use is none. */
function useOf(fields: unknown): KeyUse | undefined {
  if (!Array.isArray(fields)) return undefined;
  const named = new Map<unknown, unknown>();
  for (let at = 0; at < fields.length; at += 2) named.set(fields[at], fields[at + 1]);
  const [at, count] = [Number(named.get("at")), Number(named.get("count") ?? 0)];
  const ip = String(named.get("ip"));
  // The largest moment that a Date can hold, in seconds.
  if (!(Number.isSafeInteger(at) && at >= 0 && at <= 8.64e12 && Number.isSafeInteger(count)))
    return undefined;
  return { at, ip: isIP(ip) === 0 ? undefined : ip, count };
}
