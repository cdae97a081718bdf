import type { Deployment } from "./deployment.ts";
import { scopesOf } from "./key-entry.ts";

/** The scopes of OpenID Connect Core §5.4 and §11: about the user, not about an API. */
const OIDC_SCOPES: readonly string[] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/** Whether a scope is OpenID Connect's own. Many SDKs always ask for some: that alone is no reason to refuse a key. */
export function isOidcScope(scope: string): boolean {
  return OIDC_SCOPES.includes(scope);
}

/**
 * The scopes to take out of the access token of a key with `scope`, for the API `audience`: every scope that the API has,
 * or that was asked for, and the deployment does not name; and for a key with `scope`, every one that the key does not
 * have, OpenID Connect's too unless the deployment lets keys have those. `undefined` if the API is not the deployment's,
 * since its scopes are then unknown and nothing can be narrowed. Never a scope to add: that would override RBAC.
 */
export function scopesToRemove(
  scope: string | undefined,
  audience: string | undefined,
  requestedScopes: readonly string[],
  deployment: Pick<Deployment, "apis" | "openid">,
): readonly string[] | undefined {
  const api = deployment.apis.find(({ identifier }) => identifier === audience);
  if (!api) return undefined;
  const { scopes, otherScopes = [] } = api;
  const kept = scope === undefined ? scopes : scopesOf(scope).filter((one) => scopes.includes(one));
  const mayHaveOidc = scope === undefined || deployment.openid === true;
  const all = new Set([...scopes, ...OIDC_SCOPES, ...otherScopes, ...requestedScopes]);
  return [...all].filter((one) => !kept.includes(one) && !(mayHaveOidc && isOidcScope(one)));
}
