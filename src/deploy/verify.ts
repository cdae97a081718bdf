import { createRemoteJWKSet, customFetch, jwtVerify, type JWTPayload } from "jose";

import { ApiKeysError } from "../core/errors.ts";
import { actorOf } from "../core/actor.ts";

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const TIMEOUT_MS = 15_000;
/** How long a replica of Redis may be behind, and be waited for. */
const REPLICA_PAUSES_MS = [500, 2_000, 5_000];
/** How often an exchange that the tenant's rate limit refused is sent again: others exchange keys meanwhile. */
const RATE_LIMIT_PAUSES_MS = [1_000, 1_000, 2_000, 4_000, 8_000];

/** A key made for this alone. */
export interface ThrowAwayKey {
  readonly id: string;
  /** The key itself. It goes to the token endpoint and nowhere else. */
  reveal(): string;
}

/** What a verification works with. Keys are made and undone by whoever can: the deploy tool only exchanges them. */
export interface Verifying {
  /** Where `/oauth/token` and the JWKS are. */
  readonly origin: string;
  /** The tenant's own domain: its tokens may carry that where `origin` is a custom one. */
  readonly tenant: string;
  /** The deployment's name. */
  readonly deployment: string;
  readonly subjectTokenType: string;
  readonly userId: string;
  readonly clientId: string;
  /** For a confidential client. */
  readonly clientSecret?: string | undefined;
  readonly audience: string;
  readonly scope: string;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told what is waited for. */
  readonly onWait: (what: string) => void;
  /** Makes a key of the user with the scope; it is shown to nobody. */
  createKey(): Promise<ThrowAwayKey>;
  /** A well-formed key that was never made. */
  unknownKey(): string;
  /** Does something while the user's record does not have the key, though Redis does. */
  withoutEntry<T>(keyId: string, work: () => Promise<T>): Promise<T>;
  revokeKey(keyId: string): Promise<void>;
  /** Removes every trace of the key. */
  forgetKey(keyId: string): Promise<void>;
}

/** One thing that was looked at. */
export interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * Exchanges a throw-away key against the live configuration and looks at what comes back; then without scopes, without
 * its entry, a wrong key, and the same one revoked. What was made is removed however it ends. Gives every check, those that failed too.
 */
export async function verify(
  verifying: Verifying,
  onCheck: (check: Check) => void,
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const look = (check: string, ok: boolean, detail: string) => {
    const looked = { check, ok, detail };
    checks.push(looked);
    onCheck(looked);
  };
  const key = await verifying.createKey();
  try {
    const answer = await exchangeOnce(verifying, key.reveal(), ({ status }) => status === 200);
    look("a key is exchanged", answer.status === 200, describe(answer));
    if (answer.status === 200) {
      const { access_token } = answer.body;
      await lookAtToken(verifying, key.id, typeof access_token === "string" ? access_token : "", look);
      look("there is no refresh token", !("refresh_token" in answer.body), "it would outlive a revocation");
      const nameless = await exchange(verifying, key.reveal(), "");
      const { status, body } = nameless;
      look(
        "a request that names no scope is refused",
        status === 400 && body["error"] === "invalid_scope",
        describe(nameless),
      );
      // Redis alone would grant this: only the post-login Action refuses it, so this tells that it runs.
      const unconfirmed = await verifying.withoutEntry(key.id, async () => exchange(verifying, key.reveal()));
      look(
        "a key that the user's record does not have is refused",
        unconfirmed.body["error"] === "access_denied",
        describe(unconfirmed),
      );
    }
    const unknown = await exchange(verifying, verifying.unknownKey());
    look("a key that was never made is refused", isRefused(unknown), describe(unknown));
    await verifying.revokeKey(key.id);
    const revoked = await exchangeOnce(verifying, key.reveal(), isRefused);
    look("a revoked key is refused", isRefused(revoked), describe(revoked));
  } finally {
    await verifying.forgetKey(key.id);
  }
  return checks;
}

/** Throws `verification_failed` with every check that failed. */
export function requireVerified(checks: readonly Check[]): void {
  const failed = checks.filter(({ ok }) => !ok);
  if (failed.length === 0) return;
  throw new ApiKeysError(
    "verification_failed",
    `The deployment does not work: ${failed.map(({ check, detail }) => `not true that ${check} (${detail})`).join("; ")}`,
    "Look for the cause with: npm run deploy -- doctor. Go back with: npm run deploy -- rollback",
  );
}

async function lookAtToken(
  { origin, tenant, deployment, userId, audience, scope, nowMs }: Verifying,
  keyId: string,
  token: string,
  look: (check: string, ok: boolean, detail: string) => void,
): Promise<void> {
  let claims: JWTPayload;
  try {
    const jwks = createRemoteJWKSet(new URL(`${origin}/.well-known/jwks.json`), {
      timeoutDuration: TIMEOUT_MS,
      [customFetch]: async (url, init) => fetch(url, init),
    });
    ({ payload: claims } = await jwtVerify(token, jwks, { currentDate: new Date(nowMs()) }));
  } catch (error) {
    look("the token's signature is right", false, error instanceof Error ? error.name : "unreadable");
    return;
  }
  look("the token's signature is right", true, "by the tenant's JWKS");
  const { iss, sub, aud, act } = claims;
  const actor = (act as { readonly sub?: unknown } | undefined)?.sub;
  const scopes = typeof claims["scope"] === "string" ? claims["scope"] : "";
  look("iss is the tenant", [`${origin}/`, `https://${tenant}/`].includes(String(iss)), String(iss));
  look("sub is the user", sub === userId, String(sub));
  look("aud is the API", [aud].flat().includes(audience), String(aud));
  look(
    "scope is the key's and no more",
    scopes === scope,
    scopes === "" ? "none: does the user have it by RBAC?" : scopes,
  );
  look("act is the key", actor === actorOf({ name: deployment }, keyId), String(actor));
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function exchange(verifying: Verifying, key: string, scope = verifying.scope): Promise<Answer> {
  let answer = await exchangeAtOnce(verifying, key, scope);
  for (const pauseMs of RATE_LIMIT_PAUSES_MS) {
    // Of the two limits, the other blocks this address for minutes.
    if (answer.status !== 429 || answer.body["error"] !== "too_many_requests") return answer;
    verifying.onWait(`The tenant's exchanges a second are used up: again in ${pauseMs} ms.`);
    await verifying.sleep(pauseMs);
    answer = await exchangeAtOnce(verifying, key, scope);
  }
  return answer;
}

async function exchangeAtOnce(verifying: Verifying, key: string, scope: string): Promise<Answer> {
  const { origin, subjectTokenType, clientId, clientSecret, audience } = verifying;
  const body = new URLSearchParams({
    grant_type: TOKEN_EXCHANGE,
    subject_token_type: subjectTokenType,
    subject_token: key,
    client_id: clientId,
    audience,
    scope,
  });
  if (clientSecret !== undefined) body.set("client_secret", clientSecret);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    // Never followed: a key goes to the token endpoint and nowhere else.
    const init = { method: "POST", body, signal, redirect: "error" } as const;
    const response = await fetch(`${origin}/oauth/token`, init);
    const json = (await response.json().catch(() => ({}))) as Answer["body"];
    return { status: response.status, body: json };
  } catch {
    return { status: 0, body: {} };
  }
}

/**
 * Exchanges until the answer is what it should be, for as long as a replica of Redis may be behind. A few times alone: each
 * attempt with a key that is not seen yet counts against this address.
 */
async function exchangeOnce(
  verifying: Verifying,
  key: string,
  isDone: (answer: Answer) => boolean,
): Promise<Answer> {
  let answer = await exchange(verifying, key);
  for (const pauseMs of REPLICA_PAUSES_MS) {
    if (isDone(answer) || !isOfLateReplica(answer)) return answer;
    verifying.onWait(`The answer may be of a replica of Redis that is behind: again in ${pauseMs} ms.`);
    await verifying.sleep(pauseMs);
    answer = await exchange(verifying, key);
  }
  return answer;
}

/** What an exchange answers to a key that was made, or was revoked, a moment ago. */
function isOfLateReplica({ status, body }: Answer): boolean {
  return status === 200 || (status === 400 && body["error"] === "invalid_request");
}

/** An answer of one of the two Actions is a refusal; a server error or a limit proves nothing. */
function isRefused({ status, body }: Answer): boolean {
  return (
    (status === 400 && body["error"] === "invalid_request") ||
    (status === 403 && body["error"] === "access_denied")
  );
}

function describe({ status, body }: Answer): string {
  if (status === 0) return "no answer";
  const { error, error_description } = body;
  if (typeof error !== "string") return `status ${status}`;
  return `status ${status}, ${error}: ${typeof error_description === "string" ? error_description : ""}`;
}
