import type { Redis } from "@upstash/redis";

import { ApiKeysError } from "../core/errors.ts";
import { reach, reachCount, reachText } from "./reach.ts";
import type { TextCipher } from "./text-cipher.ts";

/** What Redis remembers of the requests of users for a while: which were begun, and how many there were. */
export interface RedisRequests {
  /** Notes a text under a name unless there is one; gives the one that is there afterwards. */
  claim(name: string, text: string, forSeconds: number): Promise<string>;
  /** Replaces a noted text, if it is still there. */
  amend(name: string, text: string): Promise<void>;
  /** Counts one more; gives how many that were since the name was new. */
  count(name: string, forSeconds: number): Promise<number>;
}

/**
 * Over an Upstash database, without scripts. Claims are encrypted, and named by a secret that the Action does not hold:
 * who can read this database and has the Action's secrets learns nothing. Every failure to reach it is
 * `store_unavailable`; a claim that is not ours is `record_untrusted`.
 */
export function redisRequests(redis: Redis, cipher: TextCipher): RedisRequests {
  const keyOf = (name: string) => `apikey-request:${cipher.nameOf(name)}`;
  return {
    async claim(name, text, forSeconds) {
      const key = keyOf(name);
      const encrypted = cipher.encrypt(name, text);
      // Twice, since the claim of another may end between the two commands.
      for (let attempt = 0; attempt < 2; attempt++) {
        if ((await reach(redis.set(key, encrypted, { nx: true, ex: forSeconds }))) === "OK") return text;
        const there = await reachText(redis.get(key));
        if (there !== null) return cipher.decrypt(name, there) ?? refuseUntrusted();
      }
      return text;
    },
    async amend(name, text) {
      await reach(redis.set(keyOf(name), cipher.encrypt(name, text), { xx: true, keepTtl: true }));
    },
    async count(name, forSeconds) {
      const key = `apikey-rate:${name}`;
      const pipeline = redis.pipeline().hincrby(key, "count", 1).expire(key, forSeconds);
      return reachCount(pipeline.exec<[unknown, unknown]>().then(([count]) => count));
    },
  };
}

function refuseUntrusted(): never {
  throw new ApiKeysError(
    "record_untrusted",
    "What Redis holds of a request was altered.",
    "Check who can write to this Redis database.",
  );
}
