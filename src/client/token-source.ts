import { ApiKey } from "../core/api-key.ts";
import { BoundedMap } from "./bounded-map.ts";
import { deriveSlot, slotText } from "./cache-slot.ts";
import { leftMs, SYSTEM_CLOCK, type Clock } from "./clock.ts";
import { ExchangeError } from "./exchange-error.ts";
import {
  ENDPOINT_RULES,
  PARAMETER_RULES,
  type ExchangeEndpoint,
  type ExchangeParameters,
} from "./exchange.ts";
import { createFingerprint } from "./fingerprint.ts";
import { freshnessOf } from "./freshness.ts";
import { GuardedCache, UNSEEN } from "./guarded-cache.ts";
import { memoryTokenCache } from "./memory-token-cache.ts";
import {
  checkOptions,
  havingMethods,
  oneOf,
  optional,
  orUndefined,
  rule,
  COUNT,
  FUNCTION,
  MILLISECONDS,
  STRING,
  type Rules,
} from "../core/check-options.ts";
import { Refusals, type Refusal } from "./refusals.ts";
import { decideRetry } from "./retry.ts";
import {
  MAX_ENTRIES,
  TOKEN_CACHE,
  type CachedToken,
  type CacheSlot,
  type TokenCache,
} from "./token-cache.ts";
import { TokenObtainer, type Need, type Offer } from "./token-obtainer.ts";

/** Whose token, and what for. */
export interface TokenRequest extends ExchangeParameters {
  readonly apiKey: ApiKey | string;
  /** Is asked before an exchange, with the key's id: whether the key is known to have ended, so that none is made. */
  readonly hasEnded?: ((keyId: string) => Promise<boolean>) | undefined;
}

/** What a token source is made with; only the endpoint is needed. */
export interface TokenSourceOptions extends ExchangeEndpoint {
  /** Default: in memory. */
  readonly cache?: TokenCache;
  /** So many keys, with what they are used for, and so many tokens a process keeps in memory. Default: 10,000. */
  readonly maxEntries?: number;
  /** Is told of each key or token that makes room for another: `maxEntries` is too small then, and calls take longer. */
  readonly onEvict?: (what: "key" | "token") => void;
  /** An exchange is given up after so many milliseconds. Default: 10,000 (10 seconds). */
  readonly timeoutMs?: number;
  /**
   * No token is used for longer than so many milliseconds after it was obtained, whatever its own end: a revoked key's
   * tokens end within it, for an exchange per key and time. Default: as long as the token lasts.
   */
  readonly maxTokenAgeMs?: number;
  /** So many milliseconds a call may wait, all its attempts together, before it fails. Default: 20,000. */
  readonly waitBudgetMs?: number;
  /** For so many milliseconds a refusal is repeated without asking; twice as long each time. Default: 30,000. */
  readonly refusalMemoryMs?: number;
  /** And no longer than this. Default: 3,600,000 (an hour). */
  readonly maxRefusalMemoryMs?: number;
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

type SourceNeed = Need & Pick<TokenRequest, "hasEnded">;

/** What is known of one key and one use of it. */
interface Held {
  readonly slot: Promise<CacheSlot>;
  /** Where in the refresh window this process refreshes. */
  readonly jitter: number;
  /** The exchange that is under way. */
  flight: { readonly token: Promise<CachedToken>; readonly isUrgent: boolean } | undefined;
  /** The last one, since which no token was obtained. */
  refusal: Refusal | undefined;
  readonly offer: Offer;
  /** Whether the last call found no turn. */
  hasMissed: boolean;
  refreshNotBeforeMs: number;
}

const POLL_MS = 50;
const MAX_POLL_MS = 500;
const REFRESH_PAUSE_MS = 30_000;

const RULES: Rules<TokenSourceOptions> = {
  ...ENDPOINT_RULES,
  cache: optional(TOKEN_CACHE),
  maxEntries: optional(COUNT),
  onEvict: optional(FUNCTION),
  timeoutMs: optional(MILLISECONDS),
  maxTokenAgeMs: optional(MILLISECONDS),
  waitBudgetMs: optional(MILLISECONDS),
  refusalMemoryMs: optional(MILLISECONDS),
  maxRefusalMemoryMs: optional(MILLISECONDS),
  refresh: optional(oneOf("background", "inline")),
  waitUntil: optional(FUNCTION),
  onCacheError: optional(FUNCTION),
  fetch: optional(FUNCTION),
  clock: optional(havingMethods("nowMs", "sleep")),
  random: optional(FUNCTION),
};

const REQUEST_RULES: Rules<TokenRequest> = {
  ...PARAMETER_RULES,
  apiKey: rule("an API key", (value) => STRING.test(value) || value instanceof ApiKey),
  hasEnded: orUndefined(FUNCTION),
};

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
  readonly #held: BoundedMap<Held>;
  readonly #refusals: Refusals;
  readonly #obtainer: TokenObtainer;

  constructor(options: TokenSourceOptions) {
    checkOptions("ApiKeyTokenSource", options, RULES);
    const { token_endpoint, client_id, client_secret, subject_token_type } = options;
    const { clock = SYSTEM_CLOCK, random = Math.random, timeoutMs = 10_000, fetch } = options;
    const { maxEntries = MAX_ENTRIES, onEvict } = options;
    const { refusalMemoryMs = 30_000, maxRefusalMemoryMs = 3_600_000 } = options;
    const { cache = memoryTokenCache({ nowMs: () => clock.nowMs() }) } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#cache = new GuardedCache(cache, (error) => options.onCacheError?.(error), options.maxTokenAgeMs);
    this.#held = new BoundedMap(maxEntries, onEvict && (() => onEvict("key")));
    cache.limit?.(maxEntries, onEvict && (() => onEvict("token")));
    this.#refusals = new Refusals(this.#cache, clock, refusalMemoryMs, maxRefusalMemoryMs);
    this.#obtainer = new TokenObtainer({
      endpoint: { token_endpoint, client_id, subject_token_type, client_secret },
      cache: this.#cache,
      refusals: this.#refusals,
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
    checkOptions("getToken", request, REQUEST_RULES);
    const { apiKey, hasEnded, ...parameters } = request;
    const key = readKey(apiKey);
    const held = await this.#hold(key, parameters);
    if (held.flight?.isUrgent) return held.flight.token;
    const slot = await held.slot;
    const seen = await this.#cache.get(slot);
    const cached = seen === UNSEEN ? undefined : seen;
    const freshness = cached && freshnessOf(cached, this.#clock.nowMs() / 1000, held.jitter);
    if (cached && freshness === "fresh") return cached;
    const { jitter, refusal, offer } = held;
    const need = { slot, key, request: parameters, hasEnded, jitter, atHand: cached, refusal, offer };
    if (cached && freshness === "refresh")
      return this.#refresh(held, cached, { ...need, isUrgent: false, rank: "first" });
    // A refresh that is under way may be put off, which is no answer to a caller without a token.
    const refreshed = await held.flight?.token.catch(() => undefined);
    if (refreshed) return refreshed;
    if (held.refusal && this.#refusals.isValid(held.refusal)) throw held.refusal.error;
    const rank = held.refusal ? "last" : held.hasMissed ? "again" : "first";
    return this.#fly(held, { ...need, isUrgent: true, rank });
  }

  /** Forgets a token, in every cache: for one that an API refused, or whose key was revoked. */
  async drop(request: TokenRequest): Promise<void> {
    checkOptions("drop", request, REQUEST_RULES);
    const held = await this.#hold(readKey(request.apiKey), request);
    await this.#cache.delete(await held.slot);
  }

  async #hold(key: ApiKey, request: ExchangeParameters): Promise<Held> {
    const text = slotText(this.#options, request);
    const name = await this.#fingerprint(`${key.reveal()} ${text}`);
    const known = this.#held.get(name);
    if (known) return known;
    const held: Held = {
      slot: deriveSlot(key, text),
      jitter: this.#random(),
      flight: undefined,
      refusal: undefined,
      offer: { scope: undefined, forMs: 0, untilMs: 0 },
      hasMissed: false,
      refreshNotBeforeMs: 0,
    };
    this.#held.set(name, held);
    return held;
  }

  /** The token at hand while a new one is on its way; or the new one, where a call is to wait for it. */
  async #refresh(held: Held, cached: CachedToken, need: SourceNeed): Promise<CachedToken> {
    if (leftMs(held.refreshNotBeforeMs, 1.5 * REFRESH_PAUSE_MS, this.#clock.nowMs()) > 0) return cached;
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

  async #fly(held: Held, need: SourceNeed): Promise<CachedToken> {
    held.flight ??= {
      isUrgent: need.isUrgent,
      token: this.#obtain(held, need).finally(() => {
        held.flight = undefined;
      }),
    };
    return held.flight.token;
  }

  async #obtain(held: Held, need: SourceNeed): Promise<CachedToken> {
    // Not remembered: it is asked again, and knows at once when the key is enabled again.
    if (await need.hasEnded?.(need.key.id)) throw new ExchangeError("invalid_request");
    const { waitBudgetMs = 20_000 } = this.#options;
    const deadlineMs = this.#clock.nowMs() + waitBudgetMs;
    let pollMs = POLL_MS;
    let mayBeBlind = false;
    for (let attempt = 0; ;) {
      const outcome = await this.#obtainer.attempt(need, deadlineMs, mayBeBlind);
      held.hasMissed = outcome.kind === "no_turn";
      if (outcome.kind === "token") {
        held.refusal = undefined;
        return outcome.token;
      }
      if (outcome.kind === "refused") {
        held.refusal = outcome.refusal;
        await this.#cache.delete(need.slot);
        throw outcome.refusal.error;
      }
      if (outcome.kind === "put_off") throw new ExchangeError("timeout");
      const budgetLeftMs = leftMs(deadlineMs, waitBudgetMs, this.#clock.nowMs());
      if (outcome.kind === "busy" || outcome.kind === "blind") {
        // Once more, for a cache that comes back; one that locks and cannot be read is gone without.
        mayBeBlind ||= outcome.kind === "blind";
        if (budgetLeftMs <= 0) throw new ExchangeError("timeout");
        await this.#clock.sleep(Math.min(budgetLeftMs, pollMs * (0.5 + this.#random())));
        pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS);
        continue;
      }
      if (outcome.kind === "no_turn") {
        // What is known of the key says more than that it could not be asked again.
        if (held.refusal) throw held.refusal.error;
        throw new ExchangeError("too_many_requests", { retryAfterMs: outcome.retryAfterMs });
      }
      const { error } = outcome;
      if (error.code === "too_many_requests") {
        // A caller waits in the line for another turn; a refresh makes room.
        if (need.isUrgent) continue;
        throw error;
      }
      const retry = decideRetry(error, attempt++, budgetLeftMs, this.#random());
      if (retry.kind === "give_up") throw error;
      await this.#clock.sleep(retry.waitMs);
    }
  }
}

function readKey(apiKey: ApiKey | string): ApiKey {
  const key = typeof apiKey === "string" ? ApiKey.parse(apiKey) : apiKey;
  if (!key) throw new ExchangeError("malformed_key");
  return key;
}
