import { isReservedAudience, type Api, type DeployedDeployment } from "./deployment.ts";
import { isInIpRanges } from "./ip-ranges.ts";
import { isOverlapping, keyStatus, scopesOf, type KeyEntry } from "./key-entry.ts";
import { isOidcScope } from "./narrow-scopes.ts";

/** Error codes of RFC 6749 §5.2 and RFC 8693 §2.2.2 that a refusal carries. */
export type RefusalCode =
  | "invalid_request"
  | "unauthorized_client"
  | "invalid_target"
  | "invalid_scope"
  | "server_error";

/** Why a key may not be used: a cause for the operator's log, a code and a reason for its holder. */
export interface UseRefusal {
  readonly cause:
    | "revoked"
    | "expired"
    | "disabled"
    | "previous_secret_expired"
    | "client_not_allowed"
    | "ip_not_allowed"
    | "audience_not_allowed"
    | "organization_not_allowed"
    | "scope_not_allowed"
    | "scope_not_named";
  readonly code: RefusalCode;
  readonly reason: string;
}

/** What a key is to be used for. A member that is `undefined` is not judged here, unless it says otherwise. */
export interface KeyUse {
  readonly clientId: string | undefined;
  /** An address that cannot be read is in no range. */
  readonly ip: string | undefined;
  /** `undefined`: no API, which no key is for. */
  readonly audience: string | undefined;
  /** `undefined`: no organization, which a key of an organization is not for. */
  readonly organizationId: string | undefined;
  readonly requestedScopes: readonly string[] | undefined;
}

type Restricted = Pick<KeyEntry, "scope" | "aud" | "org_id" | "ip" | "clients">;
type Restricting = Pick<DeployedDeployment, "apis" | "openid">;

/** Refuses a key that has ended or is off, and the secret before its last rotation once the overlap has ended. */
export function refuseEnded(
  key: Pick<KeyEntry, "exp" | "revoked_at" | "disabled_at" | "previous">,
  isPrevious: boolean,
  nowSeconds: number,
): UseRefusal | undefined {
  const refuse = (cause: UseRefusal["cause"], what: string, seconds = 0) =>
    refusal(
      cause,
      "invalid_request",
      // What ended at 0 was ended by somebody, at once.
      `${what} ${seconds ? new Date(seconds * 1000).toISOString().replace(".000Z", "Z") : "once"}`,
    );
  switch (keyStatus(key, nowSeconds)) {
    case "revoked":
      return refuse("revoked", "was revoked at", key.revoked_at);
    case "expired":
      return refuse("expired", "expired at", key.exp);
    case "disabled":
      return refuse("disabled", "is disabled since", key.disabled_at);
    case "active":
      if (!isPrevious || isOverlapping(key, nowSeconds)) return undefined;
      return refuse(
        "previous_secret_expired",
        "was rotated, and its previous secret expired at",
        key.previous?.exp,
      );
  }
}

/** Refuses what a key's restrictions and its deployment do not allow: the exchange by the record, post-login by the entry. */
export function refuseUse(key: Restricted, use: KeyUse, deployment: Restricting): UseRefusal | undefined {
  if (use.clientId !== undefined && key.clients?.includes(use.clientId) === false) {
    return refusal("client_not_allowed", "unauthorized_client", "may not be used by this client");
  }
  if (use.ip !== undefined && key.ip && !isInIpRanges(use.ip, key.ip)) {
    return refusal("ip_not_allowed", "invalid_request", "may not be used from this IP address");
  }
  // A key without audiences is for the APIs of the deployment, not for every API of the tenant.
  const api = deployment.apis.find(({ identifier }) => identifier === use.audience);
  if (!api || isReservedAudience(api.identifier) || key.aud?.includes(api.identifier) === false) {
    return audienceRefused();
  }
  if (key.org_id !== undefined && use.organizationId !== key.org_id) {
    return refusal("organization_not_allowed", "invalid_request", "belongs to another organization");
  }
  return use.requestedScopes && refuseScopes(key.scope, use.requestedScopes, api, deployment);
}

/** The refusal of an audience, also where a key's prefix alone tells. */
export function audienceRefused(): UseRefusal {
  return refusal("audience_not_allowed", "invalid_target", "may not be used for this audience");
}

/**
 * Refuses scopes that the key does not have, and a scoped key that asks for none: Auth0 may then grant all that the API
 * has. Such a refusal ends in `[scope: …]`, the key's scopes for this API, so that a client can ask again.
 */
function refuseScopes(
  scope: string | undefined,
  requested: readonly string[],
  api: Api,
  { openid = false }: Restricting,
): UseRefusal | undefined {
  // What the deployment does not name, no key has, whatever the tenant's API still has.
  const has = scope === undefined ? api.scopes : scopesOf(scope).filter((one) => api.scopes.includes(one));
  const mayHaveOidc = scope === undefined || openid;
  const outside = requested.filter((one) => !has.includes(one) && !(mayHaveOidc && isOidcScope(one)));
  const isUnnamed =
    scope !== undefined && requested.every((one) => outside.includes(one) && isOidcScope(one));
  if (outside.length === 0 && !isUnnamed) return undefined;
  const cause = isUnnamed ? "scope_not_named" : "scope_not_allowed";
  const what =
    outside.length > 0
      ? `does not have the scope: ${listOf(outside)}`
      : has.length > 0
        ? "was asked for no scope by name"
        : "has no scope of this API";
  if (!isUnnamed || has.length === 0) return refusal(cause, "invalid_scope", what);
  const list = listOf(has);
  // A client asks again with what is in `[scope: …]`: from a list that was cut it would get less than the key has.
  const label = list === has.join(" ") ? "scope" : "among others";
  return refusal(cause, "invalid_scope", what, ` Ask again with its own: [${label}: ${list}]`);
}

function refusal(cause: UseRefusal["cause"], code: RefusalCode, what: string, more = ""): UseRefusal {
  return { cause, code, reason: `This API key ${what}.${more}` };
}

/** As many whole scopes as fit. RFC 6749 §5.2 allows few characters in error_description, and Auth0 1024 of them. */
function listOf(scopes: readonly string[]): string {
  let list = "";
  for (const scope of scopes) {
    const longer = `${list} ${scope.replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, "?")}`.trimStart();
    if (longer.length > 450) return list === "" ? longer.slice(0, 450) : list;
    list = longer;
  }
  return list;
}
