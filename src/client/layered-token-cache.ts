import { check } from "../core/check-options.ts";
import { TOKEN_CACHE, type TokenCache } from "./token-cache.ts";

/**
 * A near cache before a far one: memory before Redis or files. Locks are those of the far one, which others share. The
 * near one keeps working while the far one is out of order.
 */
export function layeredTokenCache(near: TokenCache, far: TokenCache): TokenCache {
  check('layeredTokenCache: "near"', near, TOKEN_CACHE);
  check('layeredTokenCache: "far"', far, TOKEN_CACHE);
  return {
    async get(slot, besides) {
      // Who has a token asks for what others have put far away: whatever is near must not hide it.
      const nearest = besides ? undefined : await near.get(slot);
      if (nearest) {
        far.touch?.();
        return nearest;
      }
      const token = await far.get(slot, besides);
      const isLater = token && token.expiresAtSeconds > (besides?.expiresAtSeconds ?? 0);
      if (isLater) await near.set(slot, token);
      return token;
    },
    async set(slot, token) {
      await near.set(slot, token);
      await far.set(slot, token);
    },
    async delete(slot) {
      await near.delete(slot);
      await far.delete(slot);
    },
    tryLock: async (slot, leaseMs) => far.tryLock(slot, leaseMs),
    touch: () => far.touch?.(),
    limit(maxEntries, onEvict) {
      near.limit?.(maxEntries, onEvict);
      // What it remembers beside is for a Redis that was lost.
      far.limit?.(maxEntries);
    },
    ...(far.notes && { notes: far.notes }),
  };
}
