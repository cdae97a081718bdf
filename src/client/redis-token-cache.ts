import { base64url } from "jose";

import type { RedisPort } from "./redis-port.ts";
import { openToken, sealToken } from "./sealed-token.ts";
import type { CacheSlot, TokenCache } from "./token-cache.ts";

/** What a Redis cache may be told. */
export interface RedisTokenCacheOptions {
  /** What the names of its keys start with. Default: `apikey-token:`. */
  readonly keyPrefix?: string;
  readonly nowMs?: () => number;
  /** Milliseconds that only grow, whatever happens to the clock. */
  readonly monotonicMs?: () => number;
}

/**
 * Tokens in Redis, for a fleet: sealed, and locked across processes. Plain commands only; use a database or at least a
 * user of its own, not the one that the Action reads.
 */
export function redisTokenCache(redis: RedisPort, options: RedisTokenCacheOptions = {}): TokenCache {
  const { keyPrefix = "apikey-token:", nowMs = Date.now, monotonicMs = () => performance.now() } = options;
  const tokenKey = ({ name }: CacheSlot) => `${keyPrefix}${name}`;
  const lockKey = ({ name }: CacheSlot) => `${keyPrefix}lock:${name}`;
  return {
    async get(slot, besides) {
      const sealed = await redis.command("GET", tokenKey(slot));
      if (typeof sealed !== "string") return undefined;
      const token = await openToken(slot, sealed);
      const isWanted = token && token.access_token !== besides?.access_token;
      return isWanted && token.expiresAtSeconds * 1000 > nowMs() ? token : undefined;
    },
    async set(slot, token) {
      const leftMs = Math.floor(token.expiresAtSeconds * 1000 - nowMs());
      if (leftMs <= 0) return;
      await redis.command("SET", tokenKey(slot), await sealToken(slot, token), "PX", String(leftMs));
    },
    async delete(slot) {
      await redis.command("DEL", tokenKey(slot));
    },
    async tryLock(slot, leaseMs) {
      const takenAtMs = monotonicMs();
      const owner = base64url.encode(crypto.getRandomValues(new Uint8Array(12)));
      const taken = await redis.command("SET", lockKey(slot), owner, "NX", "PX", String(leaseMs));
      if (taken === null) return undefined;
      return async () => {
        // Compare-and-delete needs Lua. While less than the lease has passed, the lock can only be ours.
        if (monotonicMs() - takenAtMs < leaseMs) await redis.command("DEL", lockKey(slot));
      };
    },
  };
}
