import { leftMs } from "./clock.ts";
import { havingMethods } from "../core/check-options.ts";

/** An access token with what is needed to judge it. Times are seconds since 1970 by the clock of who obtained it. */
export interface CachedToken {
  readonly access_token: string;
  readonly token_type: "Bearer";
  /** The scopes that were granted, space-delimited. */
  readonly scope: string;
  readonly obtainedAtSeconds: number;
  readonly expiresAtSeconds: number;
}

/**
 * A place for one token: which key, tenant, client, audience, scope and organization. Both fields are derived from the
 * API key and useless for guessing it.
 */
export interface CacheSlot {
  /** 43 base64url characters. */
  readonly name: string;
  /** 32 bytes, for caches that keep tokens outside of this process. */
  readonly encryptionKey: Uint8Array;
}

/**
 * Where tokens are kept. Every method may reject where the cache is out of order; the token source then goes on
 * without it. No cache ever gets to see an API key.
 */
export interface TokenCache {
  /** The slot's token, unless it has expired or is the one `besides`, which the caller has already. */
  get(slot: CacheSlot, besides?: CachedToken): Promise<CachedToken | undefined>;
  set(slot: CacheSlot, token: CachedToken): Promise<void>;
  delete(slot: CacheSlot): Promise<void>;
  /** Takes the slot's lock for at most `leaseMs`; gives what releases it, or `undefined` while another holds it. */
  tryLock(slot: CacheSlot, leaseMs: number): Promise<(() => Promise<void>) | undefined>;
  /**
   * For a cache that several processes share: what lies beside the tokens for a while, sealed by the token source. So
   * they share refusals as well.
   */
  readonly notes?: {
    get(slot: CacheSlot): Promise<string | undefined>;
    set(slot: CacheSlot, sealed: string, lifetimeMs: number): Promise<void>;
  };
  /** Is told how many tokens to keep in this process's memory, and whom to tell of each that makes room for another. */
  readonly limit?: (maxEntries: number, onEvict?: () => void) => void;
  /** Is called when a nearer cache gave a token: a shared one may use it to find out that it has lost its tokens. */
  readonly touch?: () => void;
}

/** What a token cache must be. */
export const TOKEN_CACHE = havingMethods("get", "set", "delete", "tryLock");

/** So many tokens, and keys, a process remembers unless it is told otherwise. */
export const MAX_ENTRIES = 10_000;

// Another process may have longer leases, and a clock of its own.
const LEASE_TOLERANCE_MS = 120_000;

/**
 * Whether a lock is held that ends at this time. One whose end cannot be believed, since nobody takes a lock for so long
 * or it is no time at all, is not: everybody would wait for it for ever.
 */
export function isHeld(untilMs: number, nowMs: number, leaseMs: number): boolean {
  return leftMs(untilMs, 2 * leaseMs + LEASE_TOLERANCE_MS, nowMs) > 0;
}
