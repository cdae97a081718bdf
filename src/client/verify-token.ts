import {
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type JWTHeaderParameters,
  type JWTPayload,
} from "jose";

import {
  checkOptions,
  optional,
  FUNCTION,
  ISSUER,
  SAFE_URL,
  TEXT,
  type Rules,
} from "../core/check-options.ts";
import { leftMs } from "./clock.ts";
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

/** Rejects with a {@link BadTokenError} where it is the token's fault, and with anything else where nothing can be verified. */
export type TokenVerifier = (token: Pick<CachedToken, "access_token">) => Promise<Auth>;

/** A token that is no good: the one that an issuer would give now may be, if `isOutdated`. */
export class BadTokenError extends Error {
  override readonly name = "BadTokenError";
  readonly isOutdated: boolean;

  constructor(cause: errors.JOSEError) {
    super(`The access token does not pass: ${cause.message}`, { cause });
    this.isOutdated = OUTDATED.has(cause.code);
  }
}

export const VERIFIER_RULES: Rules<TokenVerifierOptions> = {
  issuer: ISSUER,
  audience: TEXT,
  jwks_uri: optional(SAFE_URL),
  fetch: optional(FUNCTION),
  nowMs: optional(FUNCTION),
};

// Its signing key was taken out of use.
const OUTDATED: ReadonlySet<string> = new Set([
  "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
  "ERR_JWKS_NO_MATCHING_KEY",
]);
// What jose finds on the way to the JWKS. All else is in the token.
const UNAVAILABLE: ReadonlySet<string> = new Set([
  "ERR_JOSE_GENERIC",
  "ERR_JWKS_TIMEOUT",
  "ERR_JWKS_INVALID",
]);
// The token source never gives a token that is about to end: this is for a clock that is off.
const CLOCK_TOLERANCE_SECONDS = 60;
// So long a signing key that was taken out of the JWKS may still count.
const REMEMBERED_MS = 60_000;

/**
 * Verifies tokens of a source with the tenant's JWKS: signature, issuer, audience, times. A token that passed is not
 * verified again for a minute: it comes from the memory of this process.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  checkOptions("createTokenVerifier", options, VERIFIER_RULES);
  const { issuer, audience, nowMs = Date.now } = options;
  const jwks = createRemoteJWKSet(
    new URL(options.jwks_uri ?? ".well-known/jwks.json", issuer),
    options.fetch && { [customFetch]: options.fetch },
  );
  const verified = new WeakMap<
    Pick<CachedToken, "access_token">,
    { readonly auth: Auth; readonly untilMs: number }
  >();
  return async (token) => {
    const known = verified.get(token);
    if (known && leftMs(known.untilMs, REMEMBERED_MS, nowMs()) > 0) return known.auth;
    const { payload, protectedHeader } = await jwtVerify(token.access_token, jwks, {
      issuer,
      audience,
      algorithms: ["RS256", "PS256"],
      requiredClaims: ["sub", "exp"],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs()),
    }).catch((error: unknown) => {
      const isOfToken = error instanceof errors.JOSEError && !UNAVAILABLE.has(error.code);
      throw isOfToken ? new BadTokenError(error) : error;
    });
    const auth = { header: protectedHeader, payload, token: token.access_token };
    verified.set(token, { auth, untilMs: nowMs() + REMEMBERED_MS });
    return auth;
  };
}
