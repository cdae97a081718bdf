import { decodeJwt } from "jose";

import { ExchangeError } from "./exchange-error.ts";
import { findCredentials, type HeaderFields } from "./gateway-credentials.ts";
import { challenge, refusalOf, unavailable, type GatewayRefusal } from "./gateway-refusal.ts";
import type { KillSwitch } from "./kill-switch.ts";
import type { CachedToken } from "./token-cache.ts";
import type { ApiKeyTokenSource, TokenRequest } from "./token-source.ts";
import { createTokenVerifier, type Auth, type TokenVerifierOptions } from "./verify-token.ts";

/** What a gateway needs to see of a request. */
export interface GatewayRequest {
  readonly method: string;
  /** Path and query, or the whole URL. */
  readonly url: string;
  readonly headers: HeaderFields;
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
}

/** What to do with a request: let it pass as it is, with a token in place of its key, or refuse it. */
export type GatewayDecision =
  | { readonly kind: "untouched" }
  | { readonly kind: "authorized"; readonly authorization: string; readonly auth: Auth }
  | GatewayRefusal;

const ADDRESS = /^[0-9A-Fa-f.:]{2,45}$/;

/** Turns requests that carry an API key into requests that carry its access token. */
export class ApiKeyGateway {
  readonly #options: GatewayOptions;
  readonly #verify: (token: CachedToken) => Promise<Auth>;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#verify = createTokenVerifier(options);
  }

  /** Decides on a request. Never throws what a caller could cause. */
  async authorize(request: GatewayRequest): Promise<GatewayDecision> {
    const credentials = findCredentials(request.headers, this.#options.keyPrefixes);
    switch (credentials.kind) {
      case "none":
        return { kind: "untouched" };
      case "ambiguous":
        return challenge("invalid_request", "Send one Authorization or one X-API-Key header, not both.");
      case "other":
        return (await this.#refuseKilled(credentials.bearer)) ?? { kind: "untouched" };
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
      if (error instanceof ExchangeError) return refusalOf(error);
      throw error;
    }
    let auth: Auth;
    try {
      auth = await this.#verify(token);
    } catch {
      // Not the caller's fault: another issuer, a JWKS that cannot be reached, or a cache that was tampered with.
      await source.drop(request);
      return unavailable();
    }
    const killed = await killSwitch?.refuse(auth.payload);
    if (!killed) return { kind: "authorized", authorization: `Bearer ${token.access_token}`, auth };
    if (killed.status === 401) await source.drop(request);
    return killed;
  }

  #tokenRequest(apiKey: string, request: GatewayRequest): TokenRequest {
    const { audience, scope, organization, forwardClientAddress } = this.#options;
    const address = request.clientAddress?.replace(/^::ffff:(?=\d+\.)/i, "") ?? "";
    return {
      apiKey,
      audience,
      scope: typeof scope === "function" ? scope(request) : scope,
      organization,
      forwardedFor: forwardClientAddress && ADDRESS.test(address) ? address : undefined,
    };
  }

  /** Claims are read unverified: they can only make the answer a refusal, and the API verifies what passes. */
  async #refuseKilled(bearer: string | undefined): Promise<GatewayRefusal | undefined> {
    if (!this.#options.killSwitch || bearer === undefined) return undefined;
    let claims;
    try {
      claims = decodeJwt(bearer);
    } catch {
      return undefined;
    }
    return this.#options.killSwitch.refuse(claims);
  }
}
