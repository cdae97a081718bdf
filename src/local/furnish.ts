import { randomBytes } from "node:crypto";

import { randomBase62 } from "../core/base62.ts";
import { deployAction } from "./actions/run-action.ts";
import { newUser } from "./management/users.ts";
import type { LocalTenantOptions } from "./start.ts";
import type { Tenant } from "./tenant.ts";

/** The users that every local tenant starts with. */
export const DEMO_USERS = [
  { user_id: "auth0|ada", email: "ada@acme.example", name: "Ada Lovelace" },
  { user_id: "auth0|grace", email: "grace@acme.example", name: "Grace Hopper" },
] as const;

/** Puts in what a customer's tenant has: users, an API, clients, and the product as it is deployed. */
export function furnish(
  tenant: Tenant,
  options: LocalTenantOptions,
  secrets: Readonly<Record<string, string>>,
): { readonly client_id: string; readonly client_secret: string } {
  for (const { user_id, ...profile } of DEMO_USERS) {
    tenant.users.set(user_id, newUser(tenant, user_id, { ...profile, email_verified: true }));
  }
  for (const { identifier, scopes } of options.apis) {
    tenant.resourceServers.set(identifier, {
      identifier,
      name: identifier,
      scopes,
      token_dialect: "access_token",
      token_lifetime: 86_400,
      allow_offline_access: false,
      skip_consent_for_verifiable_first_party_clients: true,
    });
  }
  const client = {
    grant_types: [] as string[],
    is_first_party: true,
    oidc_conformant: true,
    is_token_endpoint_ip_header_trusted: false,
    client_metadata: {},
  };
  for (const client_id of options.clients) {
    const token_exchange = { allow_any_profile_of_type: ["custom_authentication"] };
    tenant.clients.set(client_id, {
      ...client,
      client_id,
      name: client_id,
      token_endpoint_auth_method: "none",
      token_exchange,
    });
  }
  const management = {
    ...client,
    client_id: randomBase62(32, randomBytes),
    name: "API key provisioning",
    client_secret: newSecret(),
    token_endpoint_auth_method: "client_secret_post" as const,
    grant_types: ["client_credentials"],
  };
  tenant.clients.set(management.client_id, management);
  const scope = ["read:users", "create:users", "update:users", "delete:users"];
  tenant.clientGrants.push({ client_id: management.client_id, audience: tenant.managementAudience, scope });

  for (const { trigger, code, dependencies } of options.actions) {
    const id = crypto.randomUUID();
    tenant.actions.set(id, deployAction({ id, name: trigger, trigger, code, dependencies, secrets }));
    if (trigger === "post-login") tenant.postLoginBindings.push(id);
    else
      tenant.profiles.set(id, {
        id: tenant.newId("tep_"),
        subject_token_type: options.subjectTokenType,
        action_id: id,
      });
  }
  return management;
}

/** A random secret for a client or a database, 48 base62 characters. */
export function newSecret(): string {
  return randomBase62(48, randomBytes);
}
