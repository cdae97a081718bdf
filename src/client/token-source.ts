import { ApiKey } from "../core/api-key.ts";
import { Blockade } from "./blockade.ts";
import { BoundedMap } from "./bounded-map.ts";
import { deriveSlot, slotText } from "./cache-slot.ts";
import { SYSTEM_CLOCK, type Clock } from "./clock.ts";
import { ExchangeError } from "./exchange-error.ts";
import { ExchangeLine, type LineOutcome } from "./exchange-line.ts";
import {
  exchangeApiKeyRequest,
  processExchangeResponse,
  type ExchangeEndpoint,
  type ExchangeParameters,
} from "./exchange.ts";
import { createFingerprint } from "./fingerprint.ts";
import { freshnessOf } from "./freshness.ts";
import { memoryTokenCache } from "./memory-token-cache.ts";
import { decideRetry } from "./retry.ts";
import type { CachedToken, CacheSlot, TokenCache } from "./token-cache.ts";

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

/** A token that is needed. */
interface Need {
  readonly held: Held;
  readonly key: ApiKey;
  readonly request: TokenRequest;
  /** The token that it is to replace, which no cache needs to give again. */
  readonly atHand: CachedToken | undefined;
  /** Whether a caller waits for it, or the one at hand will do for a while. */
  readonly isUrgent: boolean;
}

type Attempt =
  | { readonly kind: "token"; readonly token: CachedToken; readonly isNew?: true }
  | { readonly kind: "busy" }
  /** The cache went away under the lock: what another process may have put there was not seen. */
  | { readonly kind: "blind" }
  | { readonly kind: "put_off" }
  /** The tenant's limit leaves no time for this caller. */
  | { readonly kind: "no_turn" }
  | { readonly kind: "failed"; readonly error: ExchangeError };

const MAX_HELD = 10_000;
const UNSEEN = Symbol("the cache did not answer");
const UNLOCKED = async (): Promise<void> => undefined;
// For what is done under the lock beside the exchange: looking into the cache, and writing to it.
const LEASE_SLACK_MS = 5_000;
const POLL_MS = 50;
const MAX_POLL_MS = 500;
const REFRESH_PAUSE_MS = 30_000;

/**
 * Exchanges API keys for access tokens and keeps those: one exchange a key, use and token lifetime, over all processes
 * that share a cache. Made to be kept: one source a process.
 */
export class ApiKeyTokenSource {
  readonly #options: TokenSourceOptions;
  readonly #cache: TokenCache;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #timeoutMs: number;
  readonly #fingerprint = createFingerprint();
  readonly #held = new BoundedMap<Held>(MAX_HELD);
  readonly #blockade = new Blockade();
  readonly #line: ExchangeLine;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#random = options.random ?? Math.random;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#line = new ExchangeLine(this.#clock, this.#random);
    const nowMs = () => this.#clock.nowMs();
    this.#cache = options.cache ?? memoryTokenCache({ nowMs });
  }

  /**
   * A token that is still valid, from the cache or by an exchange. Callers at the same time share one exchange. Throws
   * an {@link ExchangeError}; one that is not `retryable` is repeated for a while without asking the tenant again.
   */
  async getToken(request: TokenRequest): Promise<CachedToken> {
    const key = readKey(request.apiKey);
    const held = await this.#hold(key, request);
    if (held.flight?.isUrgent) return held.flight.token;
    const cached = await this.#guard(this.#cache.get(await held.slot), undefined);
    const freshness = cached ? this.#freshnessOf(cached, held) : "expired";
    if (cached && freshness === "fresh") return cached;
    if (cached && freshness === "refresh")
      return this.#refresh({ held, key, request, atHand: cached, isUrgent: false }, cached);
    // A refresh that is under way may be put off, which is no answer to a caller without a token.
    const refreshed = await held.flight?.token.catch(() => undefined);
    if (refreshed) return refreshed;
    this.#throwIfRefused(held);
    return this.#fly({ held, key, request, atHand: cached, isUrgent: true });
  }

  /** Forgets a token, in every cache: for one that an API refused, or whose key was revoked. */
  async drop(request: TokenRequest): Promise<void> {
    const held = await this.#hold(readKey(request.apiKey), request);
    await this.#guard(this.#cache.delete(await held.slot), undefined);
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
  async #refresh(need: Need, cached: CachedToken): Promise<CachedToken> {
    const { held } = need;
    if (this.#clock.nowMs() < held.refreshNotBeforeMs) return cached;
    const flight = this.#fly(need);
    const settled = flight.catch((error: unknown) => {
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

  async #fly(need: Need): Promise<CachedToken> {
    const { held, isUrgent } = need;
    held.flight ??= {
      isUrgent,
      token: this.#obtain(need).finally(() => {
        held.flight = undefined;
      }),
    };
    return held.flight.token;
  }

  async #obtain(need: Need): Promise<CachedToken> {
    const deadlineMs = this.#clock.nowMs() + (this.#options.waitBudgetMs ?? 20_000);
    let pollMs = POLL_MS;
    let mayBeBlind = false;
    for (let attempt = 0; ;) {
      const outcome = await this.#attempt(need, mayBeBlind, deadlineMs);
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
        throw new ExchangeError("too_many_requests", { retryAfterMs: this.#line.closedForMs });
      const { error } = outcome;
      if (error.code === "too_many_requests") {
        // A caller waits in the line for another turn; a refresh makes room.
        if (need.isUrgent) continue;
        throw error;
      }
      const retry = decideRetry(error, attempt++, leftMs, this.#random());
      if (retry.kind === "give_up") {
        if (!error.retryable) await this.#refuse(need.held, error);
        throw error;
      }
      await this.#clock.sleep(retry.waitMs);
    }
  }

  /** Looks into the cache, and asks the tenant only while holding the slot's lock and after looking once more. */
  async #attempt(need: Need, mayBeBlind: boolean, deadlineMs: number): Promise<Attempt> {
    const { held, request, atHand, isUrgent } = need;
    const slot = await held.slot;
    const look = async () => {
      const token = await this.#guard(this.#cache.get(slot, atHand), UNSEEN);
      if (token === UNSEEN) return UNSEEN;
      const freshness = token && this.#freshnessOf(token, held);
      // What another process may have put there counts as new only if it is.
      return freshness === "fresh" || (freshness === "refresh" && isUrgent) ? token : undefined;
    };
    const found = await look();
    if (found && found !== UNSEEN) return { kind: "token", token: found };
    const blocked = this.#blockade.find(request.forwardedFor ?? "", this.#clock.nowMs());
    if (blocked) return { kind: "failed", error: blocked };
    if (!isUrgent && this.#line.isThere) return { kind: "put_off" };
    if (!(await this.#line.enter(deadlineMs))) return { kind: "no_turn" };
    const outcome = await this.#lockAndExchange(need, slot, look, mayBeBlind);
    this.#line.leave(lineOutcomeOf(outcome));
    return outcome;
  }

  async #lockAndExchange(
    { key, request, isUrgent }: Need,
    slot: CacheSlot,
    look: () => Promise<CachedToken | typeof UNSEEN | undefined>,
    mayBeBlind: boolean,
  ): Promise<Attempt> {
    const lock = this.#cache.tryLock(slot, this.#timeoutMs + LEASE_SLACK_MS);
    const release = await this.#guard(lock, UNLOCKED);
    // Without locks every process would refresh on its own: there is time to wait for the cache. Without a token, none.
    if (release === UNLOCKED && !isUrgent) return { kind: "put_off" };
    if (!release) return { kind: "busy" };
    try {
      const seen = await look();
      if (seen === UNSEEN && release !== UNLOCKED) {
        if (!isUrgent) return { kind: "put_off" };
        if (!mayBeBlind) return { kind: "blind" };
      }
      if (seen && seen !== UNSEEN) return { kind: "token", token: seen };
      return { kind: "token", token: await this.#exchange(slot, key, request), isNew: true };
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      this.#blockade.note(error, request.forwardedFor ?? "", this.#clock.nowMs());
      return { kind: "failed", error };
    } finally {
      await this.#guard(release(), undefined);
    }
  }

  async #exchange(slot: CacheSlot, key: ApiKey, request: TokenRequest): Promise<CachedToken> {
    const { fetch } = this.#options;
    // Counted from before the request: the token is at most as old as we take it to be.
    const obtainedAtSeconds = Math.floor(this.#clock.nowMs() / 1000);
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const response = await exchangeApiKeyRequest(this.#options, key, request, { fetch, signal });
    const answer = await processExchangeResponse(response, () => this.#clock.nowMs());
    const token: CachedToken = {
      access_token: answer.access_token,
      token_type: answer.token_type,
      scope: answer.scope ?? request.scope ?? "",
      obtainedAtSeconds,
      expiresAtSeconds: obtainedAtSeconds + answer.expires_in,
    };
    await this.#guard(this.#cache.set(slot, token), undefined);
    return token;
  }

  async #refuse(held: Held, error: ExchangeError): Promise<void> {
    held.refusal = { error, untilMs: this.#clock.nowMs() + (this.#options.refusalMemoryMs ?? 30_000) };
    await this.#guard(this.#cache.delete(await held.slot), undefined);
  }

  #throwIfRefused(held: Held): void {
    if (held.refusal && this.#clock.nowMs() < held.refusal.untilMs) throw held.refusal.error;
    held.refusal = undefined;
  }

  #freshnessOf(token: CachedToken, held: Held) {
    return freshnessOf(token, this.#clock.nowMs() / 1000, held.jitter);
  }

  async #guard<T, U>(answer: Promise<T>, otherwise: U): Promise<T | U> {
    try {
      return await answer;
    } catch (error) {
      this.#options.onCacheError?.(error);
      return otherwise;
    }
  }
}

function lineOutcomeOf(attempt: Attempt): LineOutcome {
  if (attempt.kind === "token" && attempt.isNew) return { kind: "granted" };
  const error = attempt.kind === "failed" ? attempt.error : undefined;
  return error?.code === "too_many_requests"
    ? { kind: "limited", retryAfterMs: error.retryAfterMs }
    : { kind: "other" };
}

function readKey(apiKey: ApiKey | string): ApiKey {
  const key = typeof apiKey === "string" ? ApiKey.parse(apiKey) : apiKey;
  if (!key) throw new ExchangeError("malformed_key");
  return key;
}
