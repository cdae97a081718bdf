import { decodeJwt } from "jose";

import type { ApiKey } from "../core/api-key.ts";
import { Blockade } from "./blockade.ts";
import { leftMs, type Clock } from "./clock.ts";
import { ExchangeError } from "./exchange-error.ts";
import { ExchangeLine, type LineOutcome, type Rank } from "./exchange-line.ts";
import {
  exchangeApiKeyRequest,
  offeredScope,
  processExchangeResponse,
  type ExchangeEndpoint,
  type ExchangeParameters,
} from "./exchange.ts";
import { freshnessOf } from "./freshness.ts";
import { UNLOCKED, UNSEEN, type GuardedCache } from "./guarded-cache.ts";
import type { Refusal, Refusals } from "./refusals.ts";
import type { CachedToken, CacheSlot } from "./token-cache.ts";

/** A token that is needed. */
export interface Need {
  readonly slot: CacheSlot;
  readonly key: ApiKey;
  readonly request: ExchangeParameters;
  /** Where in the refresh window this process refreshes. */
  readonly jitter: number;
  /** The token that it is to replace, which no cache needs to give again. */
  readonly atHand: CachedToken | undefined;
  /** Whether a caller waits for it, or the one at hand will do for a while. */
  readonly isUrgent: boolean;
  readonly rank: Rank;
  /** The last refusal, since which no token was obtained. */
  readonly refusal: Refusal | undefined;
  readonly offer: Offer;
}

/** What a key has, as it was answered to a request for no scope; empty before. It counts for a while. */
export interface Offer {
  scope: string | undefined;
  forMs: number;
  untilMs: number;
}

/** What became of one attempt. */
export type Attempt =
  | { readonly kind: "token"; readonly token: CachedToken; readonly isNew?: true }
  | { readonly kind: "busy" }
  /** The cache went away under the lock: what another process may have put there was not seen. */
  | { readonly kind: "blind" }
  /** Whoever does not need it at once should come again. */
  | { readonly kind: "put_off" }
  /** The tenant's limit leaves no time for this caller. */
  | { readonly kind: "no_turn"; readonly retryAfterMs: number }
  | { readonly kind: "failed"; readonly error: ExchangeError }
  /** Here or in another process; nobody is to ask again yet. */
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Where tokens come from. */
export interface Origin {
  readonly endpoint: ExchangeEndpoint;
  readonly cache: GuardedCache;
  readonly refusals: Refusals;
  readonly clock: Clock;
  readonly random: () => number;
  readonly timeoutMs: number;
  readonly fetch: typeof fetch | undefined;
}

// For what is done under the lock beside the exchange: looking into the cache, and writing to it.
const LEASE_SLACK_MS = 5_000;
// A token's own end, by a clock that is so far ahead that it would have ended already, is no use: it is kept for so long.
const LEAST_LIFETIME_SECONDS = 60;
// Until its token is there, a key's scopes are remembered for so long.
const OFFER_MS = 60_000;

/**
 * Attempts to obtain tokens: looks into the cache, and asks the tenant only in its turn, while holding the slot's lock,
 * and after looking once more. So all processes together exchange once.
 */
export class TokenObtainer {
  readonly #origin: Origin;
  readonly #line: ExchangeLine;
  readonly #blockade = new Blockade();

  constructor(origin: Origin) {
    this.#origin = origin;
    this.#line = new ExchangeLine(origin.clock, origin.random);
  }

  /**
   * One attempt, which waits for its turn until `deadlineMs` at most. `mayBeBlind` lets it go on although the cache could
   * not be seen under the lock.
   */
  async attempt(need: Need, deadlineMs: number, mayBeBlind: boolean): Promise<Attempt> {
    const found = await this.#look(need);
    if (found && found !== UNSEEN) return { kind: "token", token: found };
    const noted = await this.#origin.refusals.find(need.slot);
    if (noted && this.#origin.refusals.isValid(noted)) return { kind: "refused", refusal: noted };
    const blocked = this.#blockade.find(need.request.forwardedFor ?? "", this.#origin.clock.nowMs());
    if (blocked) return { kind: "failed", error: blocked };
    if (!need.isUrgent && this.#line.isThere) return { kind: "put_off" };
    if (!(await this.#line.enter(deadlineMs, need.rank)))
      return { kind: "no_turn", retryAfterMs: this.#line.closedForMs };
    const outcome = await this.#lockAndExchange(need, mayBeBlind);
    this.#line.leave(lineOutcomeOf(outcome));
    return outcome;
  }

  async #look({ slot, atHand, jitter, isUrgent }: Need): Promise<CachedToken | typeof UNSEEN | undefined> {
    const { cache, clock } = this.#origin;
    const token = await cache.get(slot, atHand);
    if (token === UNSEEN || token === undefined) return token;
    const freshness = freshnessOf(token, clock.nowMs() / 1000, jitter);
    // What another process may have put there counts as new only if it is.
    return freshness === "fresh" || (freshness === "refresh" && isUrgent) ? token : undefined;
  }

  async #lockAndExchange(need: Need, mayBeBlind: boolean): Promise<Attempt> {
    const { slot, request, isUrgent } = need;
    const { cache, clock, refusals, timeoutMs } = this.#origin;
    const release = await cache.tryLock(slot, timeoutMs + LEASE_SLACK_MS);
    // Without locks every process would refresh on its own: there is time to wait for the cache. Without a token, none.
    if (release === UNLOCKED && !isUrgent) return { kind: "put_off" };
    if (!release) return { kind: "busy" };
    let noted: Refusal | undefined;
    try {
      const seen = await this.#look(need);
      if (seen === UNSEEN && release !== UNLOCKED) {
        if (!isUrgent) return { kind: "put_off" };
        if (!mayBeBlind) return { kind: "blind" };
      }
      if (seen && seen !== UNSEEN) return { kind: "token", token: seen };
      noted = await refusals.find(slot);
      if (noted && refusals.isValid(noted)) return { kind: "refused", refusal: noted };
      return { kind: "token", token: await this.#exchange(need), isNew: true };
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      this.#blockade.note(error, request.forwardedFor ?? "", clock.nowMs());
      if (error.retryable) return { kind: "failed", error };
      return { kind: "refused", refusal: await refusals.add(slot, error, need.refusal ?? noted) };
    } finally {
      await release();
    }
  }

  /** One exchange; for a caller who asked for no scope a second one, if the tenant answers which scopes the key has. */
  async #exchange(need: Need): Promise<CachedToken> {
    const { request, offer } = need;
    const signal = AbortSignal.timeout(this.#origin.timeoutMs);
    if (request.scope?.trim()) return this.#ask(need, request, signal);
    const nowMs = this.#origin.clock.nowMs();
    const scope = leftMs(offer.untilMs, offer.forMs, nowMs) > 0 ? offer.scope : undefined;
    const remember = (offered: string, forMs: number) =>
      Object.assign(offer, { scope: offered, forMs, untilMs: nowMs + forMs });
    try {
      return await this.#ask(need, { ...request, scope }, signal);
    } catch (error) {
      const offered = error instanceof ExchangeError ? offeredScope(error) : undefined;
      if (offered === undefined || offered === scope) throw error;
      remember(offered, OFFER_MS);
      const token = await this.#ask(need, { ...request, scope: offered }, signal);
      // Until then alone: what the key is given later is to be seen.
      remember(offered, token.expiresAtSeconds * 1000 - nowMs);
      return token;
    }
  }

  async #ask({ slot, key }: Need, request: ExchangeParameters, signal: AbortSignal): Promise<CachedToken> {
    const { endpoint, cache, clock, fetch } = this.#origin;
    // Counted from before the request: the token is at most as old as we take it to be.
    const obtainedAtSeconds = Math.floor(clock.nowMs() / 1000);
    const response = await exchangeApiKeyRequest(endpoint, key, request, { fetch, signal });
    const answer = await processExchangeResponse(response, () => clock.nowMs());
    const leftSeconds = Math.max(LEAST_LIFETIME_SECONDS, expOf(answer.access_token) - obtainedAtSeconds);
    const token = cache.shorten({
      access_token: answer.access_token,
      token_type: answer.token_type,
      scope: answer.scope ?? request.scope ?? "",
      obtainedAtSeconds,
      expiresAtSeconds: obtainedAtSeconds + Math.min(answer.expires_in, leftSeconds),
    });
    await cache.set(slot, token);
    return token;
  }
}

/** When a token says that it ends, in seconds; one that is no JWT, or says no time, does not. */
function expOf(token: string): number {
  try {
    const { exp } = decodeJwt(token);
    return Number.isFinite(exp) ? Number(exp) : Infinity;
  } catch {
    return Infinity;
  }
}

function lineOutcomeOf(attempt: Attempt): LineOutcome {
  if (attempt.kind === "token" && attempt.isNew) return { kind: "granted" };
  const error = attempt.kind === "failed" ? attempt.error : undefined;
  return error?.code === "too_many_requests"
    ? { kind: "limited", retryAfterMs: error.retryAfterMs, perSecond: error.rateLimit }
    : { kind: "other" };
}
