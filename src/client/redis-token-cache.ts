import { base64url } from "jose";

import { checkOptions, check, optional, FUNCTION, MILLISECONDS, TEXT } from "../core/check-options.ts";
import { REDIS_PORT, type RedisPort } from "./redis-port.ts";
import { RedisStoreWatch } from "./redis-store-watch.ts";
import { openToken, sealToken } from "./sealed-token.ts";
import { isHeld, MAX_ENTRIES, type CacheSlot, type TokenCache } from "./token-cache.ts";

/** What a Redis cache may be told. */
export interface RedisTokenCacheOptions {
  /** What the names of its keys start with. Default: `apikey-token:`. */
  readonly keyPrefix?: string;
  /**
   * For so many milliseconds nobody gets a lock in a store that is empty, as a new one is or one that was lost: the
   * processes of the fleet put the tokens back that they still have. Default: 3,000.
   */
  readonly settleMs?: number;
  /**
   * For so many milliseconds after Redis went away a lock counts as taken, so that callers without a token wait for it
   * to come back; then they go on without. Default: 3,000.
   */
  readonly outageWaitMs?: number;
  readonly nowMs?: () => number;
  /** Milliseconds that only grow, whatever happens to the clock. */
  readonly monotonicMs?: () => number;
}

/**
 * Tokens in Redis, for a fleet: sealed, and locked across processes. Plain commands only; use a database or at least a
 * user of its own, not the one that the Action reads.
 */
export function redisTokenCache(port: RedisPort, options: RedisTokenCacheOptions = {}): TokenCache {
  check('redisTokenCache: "port"', port, REDIS_PORT);
  checkOptions<RedisTokenCacheOptions>("redisTokenCache", options, {
    keyPrefix: optional(TEXT),
    settleMs: optional(MILLISECONDS),
    outageWaitMs: optional(MILLISECONDS),
    nowMs: optional(FUNCTION),
    monotonicMs: optional(FUNCTION),
  });
  const { keyPrefix = "apikey-token:", nowMs = Date.now, monotonicMs = () => performance.now() } = options;
  const { settleMs = 3_000, outageWaitMs = 3_000 } = options;
  let goneSinceMs: number | undefined;
  const redis: RedisPort = {
    async command(...words) {
      try {
        const reply = await port.command(...words);
        goneSinceMs = undefined;
        return reply;
      } catch (error) {
        goneSinceMs ??= monotonicMs();
        throw error;
      }
    },
  };
  const watch = new RedisStoreWatch(redis, {
    keyPrefix,
    settleMs,
    nowMs,
    monotonicMs,
    maxTokens: MAX_ENTRIES,
  });
  const tokenKey = ({ name }: CacheSlot) => `${keyPrefix}${name}`;
  const noteKey = ({ name }: CacheSlot) => `${keyPrefix}note:${name}`;
  const lockKey = ({ name }: CacheSlot) => `${keyPrefix}lock:${name}`;
  return {
    async get(slot, besides) {
      const sealed = await redis.command("GET", tokenKey(slot));
      if (typeof sealed !== "string") return undefined;
      const token = await openToken(slot, sealed);
      if (!token || token.access_token === besides?.access_token) return undefined;
      if (token.expiresAtSeconds * 1000 <= nowMs()) return undefined;
      watch.remember(tokenKey(slot), sealed, token, true);
      return token;
    },
    async set(slot, token) {
      const leftMs = Math.floor(token.expiresAtSeconds * 1000 - nowMs());
      if (leftMs <= 0) return;
      const sealed = await sealToken(slot, token);
      watch.remember(tokenKey(slot), sealed, token, false);
      const reply = await redis.command("SET", tokenKey(slot), sealed, "PX", String(leftMs));
      if (reply !== "OK") throw new Error("Redis did not keep a token.");
      watch.remember(tokenKey(slot), sealed, token, true);
    },
    async delete(slot) {
      watch.forget(tokenKey(slot));
      await redis.command("DEL", tokenKey(slot));
    },
    async tryLock(slot, leaseMs) {
      try {
        if ((await watch.look()) === "settling") return undefined;
        const takenAtMs = monotonicMs();
        const owner = base64url.encode(crypto.getRandomValues(new Uint8Array(12)));
        const taken = await redis.command("SET", lockKey(slot), owner, "NX", "PX", String(leaseMs));
        if (taken !== "OK") {
          if (taken !== null) throw new Error("Redis answered a lock with neither OK nor nothing.");
          // Without an end, as a copied or restored key may be, or with one that is too far away, nobody gives it back.
          const leftMs = Number(await redis.command("PTTL", lockKey(slot)));
          if (leftMs !== -2 && !isHeld(leftMs, 0, leaseMs)) await redis.command("DEL", lockKey(slot));
          return undefined;
        }
        return async () => {
          // Compare-and-delete needs Lua. While less than the lease has passed, the lock can only be ours.
          if (monotonicMs() - takenAtMs < leaseMs) await redis.command("DEL", lockKey(slot));
        };
      } catch (error) {
        if (goneSinceMs !== undefined && monotonicMs() - goneSinceMs < outageWaitMs) return undefined;
        throw error;
      }
    },
    touch: () => watch.glance(),
    limit: (maxEntries, onEvict) => watch.limit(maxEntries, onEvict),
    notes: {
      async get(slot) {
        const sealed = await redis.command("GET", noteKey(slot));
        return typeof sealed === "string" ? sealed : undefined;
      },
      async set(slot, sealed, lifetimeMs) {
        await redis.command("SET", noteKey(slot), sealed, "PX", String(Math.ceil(lifetimeMs)));
      },
    },
  };
}
