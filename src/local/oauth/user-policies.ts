import { randomBytes } from "node:crypto";

import type { Actor } from "../actions/custom-token-exchange-api.ts";
import type { Tenant } from "../tenant.ts";
import type { Client, Connection, Organization, ResourceServer, User } from "../tenant-objects.ts";
import { OAuthError } from "./oauth-error.ts";

/** Refuses a user whose connection is not enabled for the client. */
export function requireConnection(tenant: Tenant, client: Client, user: User): void {
  const own = connectionsOf(tenant, user);
  if (own.length === 0 || own.some(({ enabledClients }) => enabledClients.has(client.client_id))) return;
  const detail = "The user's connection is not enabled for the client.";
  throw new OAuthError(tenant.fidelity.refused_user_status, "invalid_request", "Token exchange failed.", {
    detail,
  });
}

/** Whether the user comes from a connection that is enabled for the organization. */
export function isEnabledFor(tenant: Tenant, { enabledConnections }: Organization, user: User): boolean {
  const own = connectionsOf(tenant, user);
  return own.length === 0 || own.some(({ id }) => enabledConnections.has(id));
}

/** The user's connections. One that the tenant does not know of was put there by a test, and is not counted. */
function connectionsOf(tenant: Tenant, user: User): readonly Connection[] {
  const identities = (user["identities"] ?? []) as readonly { readonly connection?: string }[];
  const names = new Set(identities.map(({ connection }) => connection));
  return [...tenant.connections.values()].filter(({ name }) => names.has(name));
}

/** Refuses a client that the API's access policy for users does not let in. */
export function requireAccess(tenant: Tenant, client: Client, api: ResourceServer | undefined): void {
  const policy = api?.subject_type_authorization?.user?.policy ?? "allow_all";
  const isGranted =
    policy === "require_client_grant" &&
    tenant.clientGrants.some(
      (one) =>
        one.client_id === client.client_id && one.audience === api?.identifier && one.subject_type === "user",
    );
  if (policy === "allow_all" || isGranted) return;
  const description = `Client is not authorized to access "${api?.identifier}".`;
  throw new OAuthError(403, "access_denied", description);
}

/** Refuses what a policy demands a second factor for. With an actor there is none. */
export function requireNoMfa(tenant: Tenant, actor: Actor | undefined): void {
  if (!tenant.guardianPolicies.includes("all-applications")) return;
  if (actor) {
    throw new OAuthError(
      400,
      "invalid_request",
      "MFA is not supported using actor_token with the requested token exchange profile.",
    );
  }
  throw new OAuthError(403, "mfa_required", "Multifactor authentication required", {
    fields: { mfa_token: `Fe26.2*${randomBytes(24).toString("base64url")}` },
  });
}

/** The scopes of an API that a user has: with RBAC those of the user's permissions, else all. */
export function scopesOfUser(tenant: Tenant, api: ResourceServer, user: User): readonly string[] {
  if (api.enforce_policies !== true) return api.scopes;
  const has = new Set(permissionsOf(tenant, user.user_id, api.identifier));
  return api.scopes.filter((scope) => has.has(scope));
}

/** Names of a user's permissions of an API: direct ones, and those of the user's roles. */
export function permissionsOf(tenant: Tenant, userId: string, identifier: string): readonly string[] {
  const roles = [...(tenant.userRoles.get(userId) ?? [])].map((id) => tenant.roles.get(id));
  const all = [
    ...(tenant.userPermissions.get(userId) ?? []),
    ...roles.flatMap((role) => role?.permissions ?? []),
  ];
  const names = all
    .filter((one) => one.resource_server_identifier === identifier)
    .map(({ permission_name }) => permission_name);
  return [...new Set(names)];
}
