import type { Deployment } from "./deployment.ts";
import { scopesOf } from "./key-entry.ts";

/** The scopes of OpenID Connect Core §5.4 and §11: about the user, not about an API. */
const OIDC_SCOPES: readonly string[] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/** Whether a scope is OpenID Connect's own. Many SDKs always ask for some: that alone is no reason to refuse a key. */
export function isOidcScope(scope: string): boolean {
  return OIDC_SCOPES.includes(scope);
}

/**
 * The scopes to take out of the access token of a key with `scope`, for the API `audience`: every scope of the API and
 * of OpenID Connect that the key does not have. Nothing for a key without `scope`. `undefined` if the API is not the
 * deployment's, since its scopes are then unknown and nothing can be narrowed. Never a scope to add: that would
 * override RBAC.
 */
export function scopesToRemove(
  scope: string | undefined,
  audience: string | undefined,
  deployment: Deployment,
): readonly string[] | undefined {
  const api = deployment.apis.find(({ identifier }) => identifier === audience);
  if (!api) return undefined;
  if (scope === undefined) return [];
  const kept = scopesOf(scope);
  return [...api.scopes, ...OIDC_SCOPES].filter((one) => !kept.includes(one));
}
