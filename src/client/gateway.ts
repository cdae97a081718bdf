import { decodeJwt } from "jose";

import { clientAddressOf } from "./client-address.ts";
import { ExchangeError } from "./exchange-error.ts";
import {
  findCredentials,
  hasQueryToken,
  mayCarryToken,
  mayHideToken,
  type HeaderFields,
  type TokenPlaces,
} from "./gateway-credentials.ts";
import { challenge, refusalOf, unavailable, type GatewayRefusal } from "./gateway-refusal.ts";
import type { KillSwitch } from "./kill-switch.ts";
import {
  checkOptions,
  havingMethods,
  optional,
  rule,
  FLAG,
  FUNCTION,
  TEXT,
  TEXTS,
  type Rules,
} from "../core/check-options.ts";
import { isKeyPrefix } from "../core/key-format.ts";
import type { CachedToken } from "./token-cache.ts";
import type { ApiKeyTokenSource, TokenRequest } from "./token-source.ts";
import {
  BadTokenError,
  createTokenVerifier,
  VERIFIER_RULES,
  type Auth,
  type TokenVerifier,
  type TokenVerifierOptions,
} from "./verify-token.ts";

/** What a gateway needs to see of a request. */
export interface GatewayRequest {
  readonly method: string;
  /** Path and query, or the whole URL. */
  readonly url: string;
  readonly headers: HeaderFields;
  /** What was read of the body already, if it was. */
  readonly body?: unknown;
  /** The end user's address. */
  readonly clientAddress?: string | undefined;
}

/** What a gateway is made with. `issuer` and `audience` are those that tokens are verified for. */
export interface GatewayOptions extends TokenVerifierOptions {
  readonly source: ApiKeyTokenSource;
  /** The scopes to request, or what gives them for a request: a key that lacks one of them is refused. */
  readonly scope?: string | ((request: GatewayRequest) => string | undefined);
  readonly organization?: string;
  /** What keys start with, so that a key that was cut is told from a token. Default: any legal prefix. */
  readonly keyPrefixes?: readonly string[];
  /**
   * Whether the end user's address goes to Auth0 as `auth0-forwarded-for`, so that their wrong keys are counted for
   * them. For a confidential client whose IP header the tenant trusts. Tokens are then kept for each address.
   */
  readonly forwardClientAddress?: boolean;
  readonly killSwitch?: KillSwitch;
  /** Is told why keys cannot be exchanged or tokens not be verified, where that is no caller's fault. */
  readonly onError?: (error: unknown) => void;
}

/** What an adapter of a framework must be given. */
export const GATEWAY = havingMethods("authorize");
export const KILL_SWITCH = havingMethods("refuse", "hasEnded");

const RULES: Rules<GatewayOptions> = {
  ...VERIFIER_RULES,
  source: havingMethods("getToken", "drop"),
  scope: optional(
    rule("a string that is not blank, or a function", (value) => TEXT.test(value) || FUNCTION.test(value)),
  ),
  organization: optional(TEXT),
  keyPrefixes: optional(
    rule(
      "a list of key prefixes",
      (value) =>
        TEXTS.test(value) && (value as string[]).length > 0 && (value as string[]).every(isKeyPrefix),
    ),
  ),
  forwardClientAddress: optional(FLAG),
  killSwitch: optional(KILL_SWITCH),
  onError: optional(FUNCTION),
};

/** What to do with a request: let it pass as it is, with a token in place of its key, or refuse it. */
export type GatewayDecision =
  | { readonly kind: "untouched" }
  | { readonly kind: "authorized"; readonly authorization: string; readonly auth: Auth }
  | GatewayRefusal;

// A token that was obtained just now and does not pass will not be better the next time.
const SETTLED_SECONDS = 60;

/** Turns requests that carry an API key into requests that carry its access token. */
export class ApiKeyGateway {
  readonly #options: GatewayOptions;
  readonly #verify: TokenVerifier;

  constructor(options: GatewayOptions) {
    checkOptions("ApiKeyGateway", options, RULES);
    this.#options = options;
    const ofVerifier = Object.entries(options).filter(([name]) => Object.hasOwn(VERIFIER_RULES, name));
    this.#verify = createTokenVerifier(Object.fromEntries(ofVerifier) as unknown as TokenVerifierOptions);
  }

  /** Decides on a request. Never throws what a caller could cause. */
  async authorize(request: GatewayRequest): Promise<GatewayDecision> {
    const credentials = findCredentials(request.headers, this.#options.keyPrefixes);
    switch (credentials.kind) {
      case "none":
        return this.#pass(undefined, request);
      case "other_key":
        return challenge("invalid_token", "This API key is none of this API's.");
      case "malformed":
        return challenge("invalid_request", "The Authorization header has no token in it.");
      case "ambiguous":
        return challenge("invalid_request", "Send one Authorization or one X-API-Key header, and no more.");
      case "other":
        return this.#pass(credentials.bearer, request);
      case "api_key":
        return this.#exchange(this.#tokenRequest(credentials.apiKey, request));
    }
  }

  async #exchange(request: TokenRequest): Promise<GatewayDecision> {
    const { source, killSwitch } = this.#options;
    let token: CachedToken;
    try {
      token = await source.getToken(request);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      const refusal = refusalOf(error);
      if (refusal.status >= 500) this.#options.onError?.(error);
      return refusal;
    }
    let auth: Auth;
    try {
      auth = await this.#verify(token);
    } catch (error) {
      // Not the caller's fault: another issuer, or a JWKS that cannot be reached. Another token would not help, unless
      // this one was signed with a key that is out of use since.
      this.#options.onError?.(error);
      const ageSeconds = (this.#options.nowMs ?? Date.now)() / 1000 - token.obtainedAtSeconds;
      const isOutdated = error instanceof BadTokenError && error.isOutdated;
      if (isOutdated && ageSeconds >= SETTLED_SECONDS) await source.drop(request);
      return unavailable();
    }
    const killed = await killSwitch?.refuse(auth.payload);
    if (!killed) return { kind: "authorized", authorization: `Bearer ${token.access_token}`, auth };
    if (killed.status === 401) await source.drop(request);
    return killed;
  }

  #tokenRequest(apiKey: string, request: GatewayRequest): TokenRequest {
    const { audience, scope, organization, forwardClientAddress, killSwitch } = this.#options;
    return {
      apiKey,
      audience,
      scope: typeof scope === "function" ? scope(request) : scope,
      organization,
      forwardedFor: forwardClientAddress ? clientAddressOf(request.clientAddress ?? "") : undefined,
      hasEnded: killSwitch && (async (keyId) => killSwitch.hasEnded(keyId)),
    };
  }

  /**
   * A token passes as it is: the API verifies it. One that a key was exchanged for is asked about, once it is verified:
   * anybody can write a token that names a key, and each would be a look-up.
   */
  async #pass(bearer: string | undefined, request: GatewayRequest): Promise<GatewayDecision> {
    const { killSwitch, onError } = this.#options;
    if (!killSwitch) return { kind: "untouched" };
    if (bearer === undefined ? mayHideToken(request) : hasQueryToken(request))
      return challenge("invalid_request", "Send the access token in an Authorization header alone.");
    if (bearer === undefined) return { kind: "untouched" };
    let claims;
    try {
      claims = decodeJwt(bearer);
    } catch {
      // What cannot be read here, such as an encrypted token (JWE), may be read behind the gateway.
      return bearer.includes(".")
        ? challenge("invalid_token", "The access token does not pass.")
        : { kind: "untouched" };
    }
    if (claims["act"] === undefined) return { kind: "untouched" };
    try {
      const { payload } = await this.#verify({ access_token: bearer });
      return (await killSwitch.refuse(payload)) ?? { kind: "untouched" };
    } catch (error) {
      if (error instanceof BadTokenError)
        return challenge("invalid_token", "The access token does not pass.");
      onError?.(error);
      return unavailable();
    }
  }
}

/** For a kill switch behind the validation of tokens: a token that was not verified cannot be judged, and passes nothing. */
export async function refuseEnded(
  killSwitch: KillSwitch,
  claims: Readonly<Record<string, unknown>> | null | undefined,
  places: TokenPlaces,
): Promise<GatewayRefusal | undefined> {
  if (claims) return killSwitch.refuse(claims);
  if (!mayCarryToken(places)) return undefined;
  return challenge("invalid_token", "Nothing has verified the access token before the kill switch.");
}
