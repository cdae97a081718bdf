import { BoundedMap } from "./bounded-map.ts";
import { checkOptions, optional, FUNCTION } from "../core/check-options.ts";
import { isHeld, MAX_ENTRIES, type CachedToken, type TokenCache } from "./token-cache.ts";

/** What a memory cache may be told. */
export interface MemoryTokenCacheOptions {
  readonly nowMs?: () => number;
}

/** Tokens in the memory of this process, for as long as it lives. */
export function memoryTokenCache(options: MemoryTokenCacheOptions = {}): TokenCache {
  checkOptions<MemoryTokenCacheOptions>("memoryTokenCache", options, {
    nowMs: optional(FUNCTION),
  });
  const { nowMs = Date.now } = options;
  const tokens = new BoundedMap<CachedToken>(MAX_ENTRIES);
  const locks = new Map<string, number>();
  return {
    async get({ name }, besides) {
      const token = tokens.get(name);
      if (token === undefined || token.access_token === besides?.access_token) return undefined;
      if (token.expiresAtSeconds * 1000 > nowMs()) return token;
      tokens.delete(name);
      return undefined;
    },
    async set({ name }, token) {
      tokens.set(name, token);
    },
    async delete({ name }) {
      tokens.delete(name);
    },
    async tryLock({ name }, leaseMs) {
      const untilMs = locks.get(name);
      if (untilMs !== undefined && isHeld(untilMs, nowMs(), leaseMs)) return undefined;
      const mineUntilMs = nowMs() + leaseMs;
      locks.set(name, mineUntilMs);
      return async () => {
        if (locks.get(name) === mineUntilMs) locks.delete(name);
      };
    },
    limit(maxEntries, onEvict) {
      tokens.maxEntries = maxEntries;
      tokens.onEvict = onEvict;
    },
  };
}
