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
  /** Is called when a nearer cache gave a token: a shared one may use it to find out that it has lost its tokens. */
  readonly touch?: () => void;
}
