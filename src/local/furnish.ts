import { randomBytes } from "node:crypto";

import { randomBase62 } from "../core/base62.ts";
import { deploySource, newAction } from "./management/action-state.ts";
import { newResourceServer } from "./management/resource-servers.ts";
import { newUser } from "./management/users.ts";
import { DEFAULT_PLAN, PLANS } from "./plans.ts";
import type { LocalTenantOptions } from "./start.ts";
import type { Tenant } from "./tenant.ts";

/** The users that every local tenant starts with. */
export const DEMO_USERS = [
  { user_id: "auth0|ada", email: "ada@acme.example", name: "Ada Lovelace" },
  { user_id: "auth0|grace", email: "grace@acme.example", name: "Grace Hopper" },
] as const;

/** What the provisioning client may do: keys, and deployments. */
const MANAGEMENT_SCOPES = [
  "create:users read:users update:users delete:users read:user_effective_permissions",
  "create:actions read:actions update:actions delete:actions",
  "create:token_exchange_profiles read:token_exchange_profiles",
  "update:token_exchange_profiles delete:token_exchange_profiles",
  "create:resource_servers read:resource_servers update:resource_servers delete:resource_servers",
  "read:clients update:clients read:connections read:mfa_policies",
  "read:attack_protection update:attack_protection",
  "create:connections update:connections read:organizations create:organization_members",
  "read:organization_connections create:organization_connections",
].flatMap((line) => line.split(" "));

/** Puts in what a customer's tenant has: users, an API, clients, and the product as it is deployed. */
export function furnish(
  tenant: Tenant,
  options: LocalTenantOptions,
  secrets: Readonly<Record<string, string>>,
  home: string | undefined,
): { readonly client_id: string; readonly client_secret: string } {
  for (const { user_id, ...profile } of DEMO_USERS) {
    tenant.users.set(user_id, newUser(tenant, user_id, { ...profile, email_verified: true }));
  }
  const { hasTokenExchange } = PLANS[options.plan ?? DEFAULT_PLAN];
  tenant.isEntitledToTokenExchange = options.tokenExchange ?? hasTokenExchange;
  const isDeployed = options.deployed !== false;
  for (const { identifier, scopes } of isDeployed ? options.apis : []) {
    const api = newResourceServer(tenant, identifier, {
      scopes: scopes.map((value) => ({ value, description: options.scopeDescriptions?.[value] })),
      skip_consent_for_verifiable_first_party_clients: true,
    });
    tenant.resourceServers.set(identifier, api);
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
      ...(isDeployed && { token_exchange }),
    });
  }
  const { selfService } = options;
  if (selfService && home !== undefined) furnishSelfService(tenant, selfService, home);
  const connection = {
    id: tenant.newId("con_"),
    name: "Username-Password-Authentication",
    strategy: "auth0",
    enabledClients: new Set([...options.clients, ...(selfService ? [selfService.clientId] : [])]),
  };
  tenant.connections.set(connection.id, connection);
  const management = {
    ...client,
    client_id: randomBase62(32, randomBytes),
    name: "API key provisioning",
    client_secret: newSecret(),
    token_endpoint_auth_method: "client_secret_post" as const,
    grant_types: ["client_credentials"],
  };
  tenant.clients.set(management.client_id, management);
  tenant.clientGrants.push({
    client_id: management.client_id,
    audience: tenant.managementAudience,
    scope: MANAGEMENT_SCOPES,
  });
  if (isDeployed) installActions(tenant, options, secrets);
  return management;
}

/** Where the examples of self-service listen. */
const EXAMPLES = "http://127.0.0.1:3000";

/** What an operator makes for self-service: an API of its own, and a single-page application that calls it. */
function furnishSelfService(
  tenant: Tenant,
  { clientId, audience }: NonNullable<LocalTenantOptions["selfService"]>,
  home: string,
): void {
  const scopes = [
    { value: "read:api_keys", description: "See your API keys" },
    { value: "write:api_keys", description: "Make, change and revoke your API keys" },
  ];
  const api = { scopes, skip_consent_for_verifiable_first_party_clients: true, token_lifetime: 7_200 };
  tenant.resourceServers.set(audience, newResourceServer(tenant, audience, api));
  tenant.clients.set(clientId, {
    client_id: clientId,
    name: "Acme",
    app_type: "spa",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code"],
    is_first_party: true,
    oidc_conformant: true,
    is_token_endpoint_ip_header_trusted: false,
    client_metadata: {},
    callbacks: [home, EXAMPLES].map((origin) => `${origin}/`),
    allowed_logout_urls: [home, EXAMPLES].map((origin) => `${origin}/`),
    web_origins: [home, EXAMPLES],
  });
}

/** The product as a deployment leaves it: built, deployed, bound, and named by a profile. */
function installActions(
  tenant: Tenant,
  { actions, name = "api-keys", subjectTokenType }: LocalTenantOptions,
  secrets: Readonly<Record<string, string>>,
): void {
  const now = tenant.nowIso();
  for (const { trigger, code, dependencies } of actions) {
    const named = trigger === "post-login" ? [] : Object.entries(secrets);
    const action = newAction(tenant, {
      name: `${name}-${trigger}`,
      trigger,
      draft: {
        code,
        dependencies,
        runtime: "node22",
        secrets: named.map(([secret, value]) => ({ name: secret, value, updated_at: now })),
      },
    });
    deploySource(tenant, action, action.draft, true);
    const created = { action_id: action.id, created_at: now };
    if (trigger === "post-login") {
      tenant.postLoginBindings.push({ ...created, id: crypto.randomUUID(), display_name: action.name });
    } else {
      const id = tenant.newId("tep_");
      const type = "custom_authentication";
      tenant.profiles.set(id, {
        ...created,
        id,
        name,
        type,
        subject_token_type: subjectTokenType,
        updated_at: now,
      });
    }
  }
}

/** A random secret for a client or a database, 48 base62 characters. */
export function newSecret(): string {
  return randomBase62(48, randomBytes);
}
