import { ApiKey } from "../core/api-key.ts";
import { BoundedMap } from "./bounded-map.ts";
import { deriveSlot, slotText } from "./cache-slot.ts";
import { SYSTEM_CLOCK, type Clock } from "./clock.ts";
import { ExchangeError } from "./exchange-error.ts";
import type { ExchangeEndpoint, ExchangeParameters } from "./exchange.ts";
import { createFingerprint } from "./fingerprint.ts";
import { freshnessOf } from "./freshness.ts";
import { GuardedCache, UNSEEN } from "./guarded-cache.ts";
import { memoryTokenCache } from "./memory-token-cache.ts";
import { decideRetry } from "./retry.ts";
import type { CachedToken, CacheSlot, TokenCache } from "./token-cache.ts";
import { TokenObtainer, type Need } from "./token-obtainer.ts";

/** Whose token, and what for. */
export interface TokenRequest extends ExchangeParameters {
  readonly apiKey: ApiKey | string;
}

/** What a token source is made with; only the endpoint is needed. */
export interface TokenSourceOptions extends ExchangeEndpoint {
  /** Default: 10,000 tokens in memory. */
  readonly cache?: TokenCache;
  /** An exchange is given up after so many milliseconds. Default: 10,000 (10 seconds). */
  readonly timeoutMs?: number;
  /** So many milliseconds a call may wait, all its attempts together, before it fails. Default: 20,000. */
  readonly waitBudgetMs?: number;
  /** For so many milliseconds a refusal is repeated without asking. Default: 30,000. */
  readonly refusalMemoryMs?: number;
  /** Whether a call waits for a refresh that is due, as a process must that ends after it. Default: `background`. */
  readonly refresh?: "background" | "inline";
  /** Gets what goes on in the background: in a Worker, `ctx.waitUntil`. */
  readonly waitUntil?: (work: Promise<void>) => void;
  /** Is told when the cache is out of order. The source goes on without it. */
  readonly onCacheError?: (error: unknown) => void;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** From 0 to 1. Default: `Math.random`, which is good enough to spread load. */
  readonly random?: () => number;
}

/** What is known of one key and one use of it. */
interface Held {
  readonly slot: Promise<CacheSlot>;
  /** Where in the refresh window this process refreshes. */
  readonly jitter: number;
  /** The exchange that is under way. */
  flight: { readonly token: Promise<CachedToken>; readonly isUrgent: boolean } | undefined;
  refusal: { readonly error: ExchangeError; readonly untilMs: number } | undefined;
  refreshNotBeforeMs: number;
}

const MAX_HELD = 10_000;
const POLL_MS = 50;
const MAX_POLL_MS = 500;
const REFRESH_PAUSE_MS = 30_000;

/**
 * Exchanges API keys for access tokens and keeps those: one exchange a key, use and token lifetime, over all processes
 * that share a cache. Made to be kept: one source a process.
 */
export class ApiKeyTokenSource {
  readonly #options: TokenSourceOptions;
  readonly #cache: GuardedCache;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #fingerprint = createFingerprint();
  readonly #held = new BoundedMap<Held>(MAX_HELD);
  readonly #obtainer: TokenObtainer;

  constructor(options: TokenSourceOptions) {
    const { clock = SYSTEM_CLOCK, random = Math.random, timeoutMs = 10_000, fetch } = options;
    const { cache = memoryTokenCache({ nowMs: () => clock.nowMs() }) } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#cache = new GuardedCache(cache, (error) => options.onCacheError?.(error));
    this.#obtainer = new TokenObtainer({
      endpoint: options,
      cache: this.#cache,
      clock,
      random,
      timeoutMs,
      fetch,
    });
  }

  /**
   * A token that is still valid, from the cache or by an exchange. Callers at the same time share one exchange. Throws
   * an {@link ExchangeError}; one that is not `retryable` is repeated for a while without asking the tenant again.
   */
  async getToken(request: TokenRequest): Promise<CachedToken> {
    const key = readKey(request.apiKey);
    const held = await this.#hold(key, request);
    if (held.flight?.isUrgent) return held.flight.token;
    const slot = await held.slot;
    const seen = await this.#cache.get(slot);
    const cached = seen === UNSEEN ? undefined : seen;
    const freshness = cached && freshnessOf(cached, this.#clock.nowMs() / 1000, held.jitter);
    if (cached && freshness === "fresh") return cached;
    const { jitter } = held;
    if (cached && freshness === "refresh")
      return this.#refresh(held, cached, { slot, key, request, jitter, atHand: cached, isUrgent: false });
    // A refresh that is under way may be put off, which is no answer to a caller without a token.
    const refreshed = await held.flight?.token.catch(() => undefined);
    if (refreshed) return refreshed;
    const { refusal } = held;
    if (refusal && this.#clock.nowMs() < refusal.untilMs) throw refusal.error;
    return this.#fly(held, { slot, key, request, jitter, atHand: cached, isUrgent: true });
  }

  /** Forgets a token, in every cache: for one that an API refused, or whose key was revoked. */
  async drop(request: TokenRequest): Promise<void> {
    const held = await this.#hold(readKey(request.apiKey), request);
    await this.#cache.delete(await held.slot);
  }

  async #hold(key: ApiKey, request: TokenRequest): Promise<Held> {
    const text = slotText(this.#options, request);
    const name = await this.#fingerprint(`${key.reveal()} ${text}`);
    const known = this.#held.get(name);
    if (known) return known;
    const held: Held = {
      slot: deriveSlot(key, text),
      jitter: this.#random(),
      flight: undefined,
      refusal: undefined,
      refreshNotBeforeMs: 0,
    };
    this.#held.set(name, held);
    return held;
  }

  /** The token at hand while a new one is on its way; or the new one, where a call is to wait for it. */
  async #refresh(held: Held, cached: CachedToken, need: Need): Promise<CachedToken> {
    if (this.#clock.nowMs() < held.refreshNotBeforeMs) return cached;
    const settled = this.#fly(held, need).catch((error: unknown) => {
      held.refreshNotBeforeMs = this.#clock.nowMs() + REFRESH_PAUSE_MS * (0.5 + this.#random());
      if (error instanceof ExchangeError && error.retryable) return cached;
      throw error;
    });
    if (this.#options.refresh === "inline") return settled;
    const work = settled.then(
      () => undefined,
      // Remembered as a refusal: the next call throws it.
      () => undefined,
    );
    this.#options.waitUntil?.(work);
    return cached;
  }

  async #fly(held: Held, need: Need): Promise<CachedToken> {
    held.flight ??= {
      isUrgent: need.isUrgent,
      token: this.#obtain(held, need).finally(() => {
        held.flight = undefined;
      }),
    };
    return held.flight.token;
  }

  async #obtain(held: Held, need: Need): Promise<CachedToken> {
    const deadlineMs = this.#clock.nowMs() + (this.#options.waitBudgetMs ?? 20_000);
    let pollMs = POLL_MS;
    let mayBeBlind = false;
    for (let attempt = 0; ;) {
      const outcome = await this.#obtainer.attempt(need, deadlineMs, mayBeBlind);
      if (outcome.kind === "token") return outcome.token;
      if (outcome.kind === "put_off") throw new ExchangeError("timeout");
      const leftMs = deadlineMs - this.#clock.nowMs();
      if (outcome.kind === "busy" || outcome.kind === "blind") {
        // Once more, for a cache that comes back; one that locks and cannot be read is gone without.
        mayBeBlind ||= outcome.kind === "blind";
        if (leftMs <= 0) throw new ExchangeError("timeout");
        await this.#clock.sleep(Math.min(leftMs, pollMs * (0.5 + this.#random())));
        pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS);
        continue;
      }
      if (outcome.kind === "no_turn")
        throw new ExchangeError("too_many_requests", { retryAfterMs: outcome.retryAfterMs });
      const { error } = outcome;
      if (error.code === "too_many_requests") {
        // A caller waits in the line for another turn; a refresh makes room.
        if (need.isUrgent) continue;
        throw error;
      }
      const retry = decideRetry(error, attempt++, leftMs, this.#random());
      if (retry.kind === "give_up") {
        if (!error.retryable) await this.#refuse(held, error);
        throw error;
      }
      await this.#clock.sleep(retry.waitMs);
    }
  }

  async #refuse(held: Held, error: ExchangeError): Promise<void> {
    held.refusal = { error, untilMs: this.#clock.nowMs() + (this.#options.refusalMemoryMs ?? 30_000) };
    await this.#cache.delete(await held.slot);
  }
}

function readKey(apiKey: ApiKey | string): ApiKey {
  const key = typeof apiKey === "string" ? ApiKey.parse(apiKey) : apiKey;
  if (!key) throw new ExchangeError("malformed_key");
  return key;
}
