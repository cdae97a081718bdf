import { actorOf } from "./actor.ts";
import { isReservedAudience, type DeployedDeployment } from "./deployment.ts";
import { isInIpRanges } from "./ip-ranges.ts";
import { deadSinceSeconds, isOverlapping, keyStatus, scopesOf } from "./key-entry.ts";
import { openRecord, type KeyRecord } from "./key-record.ts";
import { isOidcScope } from "./narrow-scopes.ts";
import { isEqual, sealOf, type Peppers } from "./peppers.ts";
import { readPresentedKey, type PresentedKey } from "./presented-key.ts";
import { readStoreMarker } from "./store-marker.ts";

/** What the token request says, beside the key. `undefined` where Auth0 gave nothing. */
export interface ExchangeRequest {
  readonly subjectToken: string;
  readonly clientId: string;
  readonly ip: string | undefined;
  readonly audience: string | undefined;
  readonly organizationId: string | undefined;
  readonly requestedScopes: readonly string[];
}

/** What the store answered to one look-up: both texts or nulls, or nothing to rely on. */
export type LookUp =
  | { readonly kind: "answered"; readonly record: string | null; readonly marker: string | null }
  | { readonly kind: "unavailable" };

/** Error codes of RFC 6749 §5.2 and RFC 8693 §2.2.2 that a refusal carries. */
export type RefusalCode =
  | "invalid_request"
  | "unauthorized_client"
  | "invalid_target"
  | "invalid_scope"
  | "server_error";

/** Why an exchange ended as it did: for the operator's log, never for the caller. */
export type ExchangeCause =
  | "granted"
  | "granted_previous_secret"
  | "unprepared"
  | "malformed"
  | "store_unavailable"
  | "store_unmarked"
  | "store_foreign"
  | "record_untrusted"
  | "record_newer"
  | "pepper_unknown"
  | "dead_under_retired_pepper"
  | "unknown_key"
  | "wrong_secret"
  | "revoked"
  | "expired"
  | "disabled"
  | "previous_secret_expired"
  | "client_not_allowed"
  | "ip_not_allowed"
  | "audience_not_allowed"
  | "organization_not_allowed"
  | "scope_not_allowed";

/**
 * The answer to an exchange. `deny` is not the caller's guess and does not count against its address; `reject` does.
 * `keyId` is the public id that was presented, absent where the text was no key.
 */
export type ExchangeDecision = { readonly cause: ExchangeCause; readonly keyId?: string } & (
  | {
      readonly kind: "grant";
      readonly userId: string;
      readonly organizationId?: string;
      readonly actor: { readonly sub: string };
    }
  | { readonly kind: "deny"; readonly code: RefusalCode; readonly reason: string }
  | { readonly kind: "reject"; readonly reason: string }
);

const INVALID = "Invalid API key.";
// As long as the JSON of a record without restrictions.
const STAND_IN = "-".repeat(128);
const TRY_LATER = "API keys cannot be checked at the moment. Try again later.";

/**
 * Decides an exchange: the checks of docs/ARCHITECTURE.md in their order, the first failure wins. Whoever lacks the
 * secret learns nothing; whoever has it learns what to do. `lookUp` is called at most once, and only for a text that
 * passes offline.
 */
export async function decideExchange(
  request: ExchangeRequest,
  deployment: DeployedDeployment,
  peppers: Peppers,
  lookUp: (keyId: string) => Promise<LookUp>,
  nowSeconds: number,
): Promise<ExchangeDecision> {
  const key = readPresentedKey(request.subjectToken, deployment);
  if (!key) {
    return { kind: "deny", cause: "malformed", code: "invalid_request", reason: INVALID };
  }
  // A key that begins like those of one API is for no other: that is known without a look-up.
  const bound = deployment.apis.find(({ keyPrefix }) => keyPrefix !== undefined && keyPrefix === key.prefix);
  if (bound && bound.identifier !== request.audience) return { keyId: key.id, ...audienceRefused() };
  const found = await lookUp(key.id);
  return { keyId: key.id, ...judge(key, found, request, deployment, peppers, nowSeconds) };
}

function judge(
  key: PresentedKey,
  found: LookUp,
  request: ExchangeRequest,
  deployment: DeployedDeployment,
  peppers: Peppers,
  nowSeconds: number,
): ExchangeDecision {
  if (found.kind === "unavailable") return ourFault("store_unavailable");
  const marker = readStoreMarker(found.marker, deployment, peppers);
  if (marker === "missing") return ourFault("store_unmarked");
  if (marker === "foreign") return ourFault("store_foreign");
  const opened = openRecord(found.record, key.id, peppers);
  if (opened.kind === "untrusted") return ourFault("record_untrusted");
  if (opened.kind === "newer") return ourFault("record_newer");
  const record = opened.kind === "trusted" ? opened.record : undefined;
  const pepper = record ? peppers.byVersion.get(record.v) : peppers.current;
  if (!pepper) {
    // Peppers are retired while dead keys have them: those cannot be checked any more, and are told nothing.
    const isDead = record !== undefined && deadSinceSeconds(record, nowSeconds) !== undefined;
    return isDead
      ? deny("dead_under_retired_pepper", "invalid_request", INVALID)
      : ourFault("pepper_unknown");
  }

  // Whoever lacks the secret waits for one seal and two hashes, whether the id is unknown, or the secret wrong, or the
  // key was rotated.
  if (!record) sealOf(STAND_IN, pepper);
  const isCurrent = isEqual(key.hash(pepper), record?.hash ?? "");
  const isPrevious = !isCurrent && matchesPrevious(key, record?.previous, peppers);
  if (!record) return { kind: "reject", cause: "unknown_key", reason: INVALID };
  if (!isCurrent && !isPrevious) return { kind: "reject", cause: "wrong_secret", reason: INVALID };

  const refusal =
    refuseEnded(record, isPrevious, nowSeconds) ?? refuseRestricted(record, request, deployment);
  if (refusal) return refusal;
  return {
    kind: "grant",
    cause: isPrevious ? "granted_previous_secret" : "granted",
    userId: record.sub,
    ...(record.org_id === undefined ? {} : { organizationId: record.org_id }),
    actor: { sub: actorOf(deployment, key.id) },
  };
}

function matchesPrevious(key: PresentedKey, previous: KeyRecord["previous"], peppers: Peppers): boolean {
  const pepper = previous && peppers.byVersion.get(previous.v);
  const isSame = isEqual(key.hash(pepper ?? peppers.current), previous?.hash ?? "");
  return pepper !== undefined && isSame;
}

function refuseEnded(
  record: KeyRecord,
  isPrevious: boolean,
  nowSeconds: number,
): ExchangeDecision | undefined {
  switch (keyStatus(record, nowSeconds)) {
    case "revoked":
      return deny("revoked", "invalid_request", `This API key was revoked at ${iso(record.revoked_at)}.`);
    case "expired":
      return deny("expired", "invalid_request", `This API key expired at ${iso(record.exp)}.`);
    case "disabled":
      return deny(
        "disabled",
        "invalid_request",
        `This API key is disabled since ${iso(record.disabled_at)}.`,
      );
    case "active":
      if (!isPrevious || isOverlapping(record, nowSeconds)) return undefined;
      return deny(
        "previous_secret_expired",
        "invalid_request",
        `This API key was rotated, and its previous secret expired at ${iso(record.previous?.exp)}.`,
      );
  }
}

function refuseRestricted(
  record: KeyRecord,
  request: ExchangeRequest,
  deployment: DeployedDeployment,
): ExchangeDecision | undefined {
  if (record.clients && !record.clients.includes(request.clientId)) {
    return deny("client_not_allowed", "unauthorized_client", "This API key may not be used by this client.");
  }
  if (record.ip && !isInIpRanges(request.ip, record.ip)) {
    return deny("ip_not_allowed", "invalid_request", "This API key may not be used from this IP address.");
  }
  // A key without audiences is for the APIs of the deployment, not for every API of the tenant.
  const audiences = record.aud ?? deployment.apis.map((api) => api.identifier);
  const api = deployment.apis.find(({ identifier }) => identifier === request.audience);
  if (!api || !audiences.includes(api.identifier) || isReservedAudience(api.identifier)) {
    return audienceRefused();
  }
  if (record.org_id !== undefined && (request.organizationId ?? record.org_id) !== record.org_id) {
    return deny(
      "organization_not_allowed",
      "invalid_request",
      "This API key belongs to another organization.",
    );
  }
  // What the deployment does not name, no key has, whatever the tenant's API still has.
  const allowed = record.scope === undefined ? api.scopes : scopesOf(record.scope);
  const outside = request.requestedScopes.filter(
    (scope) => !isOidcScope(scope) && !(allowed.includes(scope) && api.scopes.includes(scope)),
  );
  if (outside.length > 0) {
    return deny(
      "scope_not_allowed",
      "invalid_scope",
      `This API key does not have the scope: ${printable(outside)}.`,
    );
  }
  return undefined;
}

function audienceRefused(): ExchangeDecision {
  return deny("audience_not_allowed", "invalid_target", "This API key may not be used for this audience.");
}

function deny(cause: ExchangeCause, code: RefusalCode, reason: string): ExchangeDecision {
  return { kind: "deny", cause, code, reason };
}

/** The refusal for what the caller cannot help: a retryable `server_error`. */
export function ourFault(cause: ExchangeCause): ExchangeDecision {
  return deny(cause, "server_error", TRY_LATER);
}

function iso(seconds: number | undefined): string {
  return new Date((seconds ?? 0) * 1000).toISOString().replace(".000Z", "Z");
}

// RFC 6749 §5.2 allows few characters in error_description, and Auth0 1024 of them.
function printable(scopes: readonly string[]): string {
  return scopes
    .join(" ")
    .replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "?")
    .slice(0, 500);
}
