import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from "jose";

import { Problem } from "./problem.ts";

/** Who sent a request, as its access token says. */
export interface Caller {
  /** `sub`: who sends requests, is counted, and gets to see secrets. */
  readonly personId: string;
  /** Whose keys these are: the person's own, or an organization's service user's. */
  readonly userId: string;
  /** `org_id`: outside of it, no key exists for this caller; `null`: the token is of no organization. */
  readonly organizationId: string | null;
  readonly scopes: ReadonlySet<string>;
  /** `permissions`: with RBAC, what the user may do here; empty without. */
  readonly permissions: ReadonlySet<string>;
  /** When the user last logged in, in seconds since 1970; `undefined` if the token does not tell. */
  readonly loggedInAtSeconds: number | undefined;
}

/** What access tokens must be. */
export interface TokenRules {
  /** With its trailing slash, as in `https://acme.eu.auth0.com/`. */
  readonly issuer: string;
  /** The identifier of the API (resource server) that self-service is. */
  readonly audience: string;
  /** Default: `.well-known/jwks.json` of the issuer. */
  readonly jwks_uri?: string;
  /** The claim with the time of the login. */
  readonly loginClaim: string;
  readonly fetch?: typeof fetch;
  readonly nowSeconds: () => number;
}

const UNAVAILABLE = new Set(["ERR_JOSE_GENERIC", "ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID"]);

/**
 * Reads callers from `Authorization: Bearer`: RS256 under the tenant's JWKS, issuer, audience, times. Every token that
 * is not valid gets the same refusal. A token with an actor is not the user's own, and one without a user is nobody's.
 */
export function callerReader(rules: TokenRules): (request: Request) => Promise<Caller> {
  const jwks = createRemoteJWKSet(
    new URL(rules.jwks_uri ?? ".well-known/jwks.json", rules.issuer),
    rules.fetch && { [customFetch]: rules.fetch },
  );
  return async (request) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (token === undefined) throw invalidToken("Bearer");
    const payload = await verify(token);
    if ("act" in payload) throw new Problem("key_derived_token");
    const userId = payload.sub ?? "";
    const isMachine = payload["gty"] === "client-credentials" || userId.endsWith("@clients");
    if (isMachine || userId === "") throw new Problem("not_a_user");
    const { scope, org_id, permissions } = payload;
    if (org_id !== undefined && typeof org_id !== "string") throw invalidToken();
    const loggedInAt = payload[rules.loginClaim];
    return {
      personId: userId,
      userId,
      organizationId: org_id ?? null,
      scopes: new Set(typeof scope === "string" ? scope.split(" ") : []),
      permissions: new Set(Array.isArray(permissions) ? permissions.map(String) : []),
      loggedInAtSeconds: typeof loggedInAt === "number" ? loggedInAt : undefined,
    };
  };

  async function verify(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, jwks, {
        issuer: rules.issuer,
        audience: rules.audience,
        algorithms: ["RS256"],
        requiredClaims: ["sub", "exp", "iat"],
        currentDate: new Date(rules.nowSeconds() * 1000),
      });
      return payload;
    } catch (error) {
      const isToken = error instanceof errors.JOSEError && !UNAVAILABLE.has(error.code);
      throw isToken ? invalidToken() : new Problem("temporarily_unavailable", { cause: error });
    }
  }
}

/** Throws unless the caller's token has the scope. */
export function requireScope(caller: Caller, scope: string): void {
  if (caller.scopes.has(scope)) return;
  const challenge = `Bearer error="insufficient_scope", scope="${scope}"`;
  throw new Problem("insufficient_scope", {
    detail: `Ask for the scope ${scope} when the user logs in.`,
    headers: { "www-authenticate": challenge },
  });
}

/** By how much the clock of who set the claim may differ from ours. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** Throws unless the user logged in within so many seconds, as the token says, give or take a minute of clocks. */
export function requireRecentLogin(
  caller: Caller,
  maxAgeSeconds: number | undefined,
  nowSeconds: number,
): void {
  if (maxAgeSeconds === undefined) return;
  const ageSeconds = nowSeconds - (caller.loggedInAtSeconds ?? Number.NEGATIVE_INFINITY);
  const isRecent = ageSeconds <= maxAgeSeconds + CLOCK_TOLERANCE_SECONDS;
  if (isRecent && ageSeconds >= -CLOCK_TOLERANCE_SECONDS) return;
  // RFC 9470 §3.
  const challenge = `Bearer error="insufficient_user_authentication", max_age="${maxAgeSeconds}"`;
  throw new Problem("recent_login_required", { headers: { "www-authenticate": challenge } });
}

function invalidToken(challenge = 'Bearer error="invalid_token"'): Problem {
  return new Problem("invalid_token", { headers: { "www-authenticate": challenge } });
}
