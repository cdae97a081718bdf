import { openToken, sealToken } from "./sealed-token.ts";
import type { CachedToken, CacheSlot, TokenCache } from "./token-cache.ts";

/** What a cache gives that did not answer. */
export const UNSEEN = Symbol("the cache did not answer");

/** What a cache that is out of order gives instead of a lock: whoever asked goes on without. */
export const UNLOCKED = async (): Promise<void> => undefined;

/**
 * A cache that may be out of order at any time: what it throws is told to `onError`, and nobody else. No token that it
 * gives lasts longer than `maxTokenAgeMs`, whoever has put it there.
 */
export class GuardedCache {
  readonly #cache: TokenCache;
  readonly #onError: (error: unknown) => void;
  readonly #maxTokenAgeSeconds: number;
  /** The same object for the same token: what was verified is remembered by it. */
  readonly #shortened = new WeakMap<CachedToken, CachedToken>();

  constructor(cache: TokenCache, onError: (error: unknown) => void, maxTokenAgeMs = Infinity) {
    this.#cache = cache;
    this.#onError = onError;
    this.#maxTokenAgeSeconds = maxTokenAgeMs / 1000;
  }

  async get(slot: CacheSlot, besides?: CachedToken): Promise<CachedToken | typeof UNSEEN | undefined> {
    const token = await this.#guard(async () => this.#cache.get(slot, besides), UNSEEN);
    return token && token !== UNSEEN ? this.shorten(token) : token;
  }

  /** The token, with an end that is no later than the maximum age. */
  shorten(token: CachedToken): CachedToken {
    const expiresAtSeconds = token.obtainedAtSeconds + this.#maxTokenAgeSeconds;
    if (token.expiresAtSeconds <= expiresAtSeconds) return token;
    const shortened = this.#shortened.get(token) ?? { ...token, expiresAtSeconds };
    this.#shortened.set(token, shortened);
    return shortened;
  }

  async set(slot: CacheSlot, token: CachedToken): Promise<void> {
    await this.#guard(async () => this.#cache.set(slot, token), undefined);
  }

  async delete(slot: CacheSlot): Promise<void> {
    await this.#guard(async () => this.#cache.delete(slot), undefined);
  }

  /** What lies beside the slot's token, in a cache that is shared. */
  async getNote<T>(slot: CacheSlot): Promise<T | undefined> {
    const sealed = await this.#guard(async () => this.#cache.notes?.get(slot), undefined);
    return sealed === undefined ? undefined : openToken<T>(noteSlot(slot), sealed);
  }

  async setNote(slot: CacheSlot, note: object, lifetimeMs: number): Promise<void> {
    const { notes } = this.#cache;
    if (!notes) return;
    const sealed = await sealToken(noteSlot(slot), note);
    await this.#guard(async () => notes.set(slot, sealed, lifetimeMs), undefined);
  }

  /** What releases the lock; {@link UNLOCKED} if the cache cannot lock, `undefined` while another holds it. */
  async tryLock(slot: CacheSlot, leaseMs: number): Promise<(() => Promise<void>) | undefined> {
    const release = await this.#guard(async () => this.#cache.tryLock(slot, leaseMs), UNLOCKED);
    if (release === UNLOCKED) return UNLOCKED;
    return release && (async () => this.#guard(release, undefined));
  }

  async #guard<T, U>(use: () => Promise<T>, otherwise: U): Promise<T | U> {
    try {
      return await use();
    } catch (error) {
      this.#onError(error);
      return otherwise;
    }
  }
}

/** So that a note cannot be taken for a token, or be put in its place. */
function noteSlot({ name, encryptionKey }: CacheSlot): CacheSlot {
  return { name: `note:${name}`, encryptionKey };
}
