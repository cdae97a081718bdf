import { createRemoteJWKSet, customFetch, jwtVerify, type JWTHeaderParameters, type JWTPayload } from "jose";

import type { CachedToken } from "./token-cache.ts";

/** A verified token, in the shape of `express-oauth2-jwt-bearer`. */
export interface Auth {
  readonly header: JWTHeaderParameters;
  readonly payload: JWTPayload;
  readonly token: string;
}

/** What tokens must be. */
export interface TokenVerifierOptions {
  /** With its trailing slash, as in `https://acme.eu.auth0.com/`. */
  readonly issuer: string;
  readonly audience: string;
  /** Default: `.well-known/jwks.json` of the issuer. */
  readonly jwks_uri?: string;
  readonly fetch?: typeof fetch;
  readonly nowMs?: () => number;
}

// The token source never gives a token that is about to end: this is for a clock that is off.
const CLOCK_TOLERANCE_SECONDS = 60;
// So long a signing key that was taken out of the JWKS may still count.
const REMEMBERED_MS = 60_000;

/**
 * Verifies tokens of a source with the tenant's JWKS: signature, issuer, audience, times. A token that passed is not
 * verified again for a minute: it comes from the memory of this process. Rejects with jose's errors.
 */
export function createTokenVerifier(options: TokenVerifierOptions): (token: CachedToken) => Promise<Auth> {
  const { issuer, audience, nowMs = Date.now } = options;
  const jwks = createRemoteJWKSet(
    new URL(options.jwks_uri ?? ".well-known/jwks.json", issuer),
    options.fetch && { [customFetch]: options.fetch },
  );
  const verified = new WeakMap<CachedToken, { readonly auth: Auth; readonly untilMs: number }>();
  return async (token) => {
    const known = verified.get(token);
    if (known && nowMs() < known.untilMs) return known.auth;
    const { payload, protectedHeader } = await jwtVerify(token.access_token, jwks, {
      issuer,
      audience,
      algorithms: ["RS256", "PS256"],
      requiredClaims: ["sub", "exp"],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs()),
    });
    const auth = { header: protectedHeader, payload, token: token.access_token };
    verified.set(token, { auth, untilMs: nowMs() + REMEMBERED_MS });
    return auth;
  };
}
