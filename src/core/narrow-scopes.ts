import type { Deployment } from "./deployment.ts";
import { scopesOf } from "./key-entry.ts";

/** The scopes of OpenID Connect Core §5.4 and §11: about the user, not about an API. */
const OIDC_SCOPES: readonly string[] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/** Whether a scope is OpenID Connect's own. Many SDKs always ask for some: that alone is no reason to refuse a key. */
export function isOidcScope(scope: string): boolean {
  return OIDC_SCOPES.includes(scope);
}

/**
 * The scopes to take out of the access token of a key with `scope`, for the API `audience`: every scope that the API has
 * and the deployment does not name; and for a key with `scope`, every scope of the API and of OpenID Connect that the key
 * does not have. `undefined` if the API is not the deployment's, since its scopes are then unknown and nothing can be
 * narrowed. Never a scope to add: that would override RBAC.
 */
export function scopesToRemove(
  scope: string | undefined,
  audience: string | undefined,
  deployment: Pick<Deployment, "apis">,
): readonly string[] | undefined {
  const api = deployment.apis.find(({ identifier }) => identifier === audience);
  if (!api) return undefined;
  const { scopes, otherScopes = [] } = api;
  if (scope === undefined) return otherScopes;
  const kept = scopesOf(scope);
  return [...[...scopes, ...OIDC_SCOPES].filter((one) => !kept.includes(one)), ...otherScopes];
}
