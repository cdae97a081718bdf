import type { Redis } from "@upstash/redis";

import { reach } from "./change-texts.ts";

/** What Redis remembers of the requests of users for a while: which were begun, and how many there were. */
export interface RedisRequests {
  /** Notes a text under a name unless there is one; gives the one that is there afterwards. */
  claim(name: string, text: string, forSeconds: number): Promise<string>;
  /** Replaces a noted text, if it is still there. */
  amend(name: string, text: string): Promise<void>;
  /** Counts one more; gives how many that were since the name was new. */
  count(name: string, forSeconds: number): Promise<number>;
}

/** Over an Upstash database, without scripts. Every failure to reach it is `store_unavailable`. */
export function redisRequests(redis: Redis): RedisRequests {
  return {
    async claim(name, text, forSeconds) {
      const key = `apikey-request:${name}`;
      // Twice, since the claim of another may end between the two commands.
      for (let attempt = 0; attempt < 2; attempt++) {
        if ((await reach(redis.set(key, text, { nx: true, ex: forSeconds }))) === "OK") return text;
        const there = await reach(redis.get<string>(key));
        if (there !== null) return there;
      }
      return text;
    },
    async amend(name, text) {
      await reach(redis.set(`apikey-request:${name}`, text, { xx: true, keepTtl: true }));
    },
    async count(name, forSeconds) {
      const key = `apikey-rate:${name}`;
      const pipeline = redis.pipeline().hincrby(key, "count", 1).expire(key, forSeconds);
      const [count] = await reach(pipeline.exec<[number, number]>());
      return count;
    },
  };
}
