import { isOidcScope } from "../../core/narrow-scopes.ts";
import type { Actor } from "../actions/custom-token-exchange-api.ts";
import type { LoginCommands } from "../actions/post-login-api.ts";
import type { Tenant } from "../tenant.ts";
import type { Client, Organization, ResourceServer, User } from "../tenant-objects.ts";
import { issueAccessToken, issueIdToken, issueRefreshToken } from "./issue-tokens.ts";
import type { SigningKey } from "./signing-key.ts";
import { permissionsOf, scopesOfUser } from "./user-policies.ts";

const USERINFO_LIFETIME_SECONDS = 86_400;

/** A login that is to be answered with tokens. */
export interface Login {
  readonly client: Client;
  readonly user: User;
  readonly api: ResourceServer | undefined;
  readonly organization: Organization | undefined;
  readonly requestedScopes: readonly string[];
  readonly actor?: Actor | undefined;
  /** What a request without any scope is granted: all that the API has, or none. Default: none. */
  readonly noScopeGrants?: "all" | "none";
  /** What the post-login Actions asked for. */
  readonly login: Pick<LoginCommands, "scopes" | "customClaims">;
  /** What the ID token says besides. */
  readonly idClaims?: Readonly<Record<string, unknown>>;
}

/** The members of a successful token response that every grant for a user has; and whether all scopes were granted. */
export async function answerWithTokens(
  tenant: Tenant,
  key: SigningKey,
  { client, user, api, organization, requestedScopes, actor, login, idClaims, noScopeGrants }: Login,
): Promise<{ readonly isAsRequested: boolean; readonly scope: string }> {
  // Scopes that the API does not define are dropped without an error.
  const defined = api ? scopesOfUser(tenant, api, user) : [];
  const asked = requestedScopes.length === 0 && noScopeGrants === "all" ? defined : requestedScopes;
  // An actor rules refresh tokens out, which would outlive what the actor may do, and with them their scope.
  const authorized = asked.filter((scope) =>
    isOidcScope(scope) ? !(actor && scope === "offline_access") : defined.includes(scope),
  );
  const kept = authorized.filter((scope) => login.scopes.get(scope) !== "remove");
  const added = [...login.scopes].filter(([scope, change]) => change === "add" && !kept.includes(scope));
  const scopes = [...kept, ...added.map(([scope]) => scope)];
  const userinfo = `${tenant.issuer}userinfo`;
  const audience = api ? (scopes.includes("openid") ? [api.identifier, userinfo] : api.identifier) : userinfo;
  const lifetimeSeconds = api?.token_lifetime ?? USERINFO_LIFETIME_SECONDS;
  const access_token = await issueAccessToken(tenant, key, {
    subject: user.user_id,
    client,
    audience,
    scopes,
    lifetimeSeconds,
    dialect: api?.token_dialect ?? "access_token",
    organization,
    actor,
    customClaims: login.customClaims,
    permissions:
      api?.enforce_policies === true && api.token_dialect.endsWith("_authz")
        ? permissionsOf(tenant, user.user_id, api.identifier)
        : undefined,
  });
  const forId = tenant.fidelity.id_token_despite_removed_openid ? authorized : scopes;
  const isRefreshable = scopes.includes("offline_access") && api?.allow_offline_access === true && !actor;
  const tokens = {
    access_token,
    ...(isRefreshable && { refresh_token: issueRefreshToken() }),
    ...(forId.includes("openid") && {
      id_token: await issueIdToken(tenant, key, user, client, forId, {
        ...idClaims,
        ...(actor && { act: actor }),
      }),
    }),
    expires_in: lifetimeSeconds,
    token_type: "Bearer",
  };
  const scope = scopes.join(" ");
  return { ...tokens, isAsRequested: scope === requestedScopes.join(" "), scope };
}
