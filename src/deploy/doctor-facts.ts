import { ManagementError } from "auth0";

import { ApiKeysError } from "../core/errors.ts";
import type { StoreFacts } from "../stores/examine-store.ts";
import type { Deploying } from "./apply.ts";
import type { Change } from "./change.ts";
import type { DeployConfig } from "./config.ts";
import type { ManagementApi } from "./management-api.ts";
import { readTenant } from "./read-tenant.ts";
import type { TenantState } from "./tenant-state.ts";

/** What a doctor's look at a tenant found; `undefined` where it could not be read. */
export interface Facts {
  /** The permissions that the tenant's access token carries. */
  readonly permissions: readonly string[];
  /** Whether the plan includes Custom Token Exchange. */
  readonly isEntitled: boolean | undefined;
  readonly profileTypes: readonly string[] | undefined;
  readonly mfaPolicies: readonly string[] | undefined;
  readonly apis: readonly ApiFacts[] | undefined;
  readonly clients: readonly ClientFacts[] | undefined;
  /** The connection of the user who verifies, and the clients that it is enabled for. */
  readonly connection: { readonly name: string; readonly clientIds: readonly string[] } | undefined;
  readonly ipThrottling:
    | { readonly isEnabled: boolean; readonly hasStage: boolean; readonly allowlist: readonly string[] }
    | undefined;
  /** The tenant as far as the deployment is about it. */
  readonly current: TenantState | undefined;
  /** What an application would change and leave, or why it would refuse. */
  readonly planned:
    | { readonly changes: readonly Change[]; readonly caveats: readonly string[] }
    | { readonly refused: string; readonly fix: string }
    | undefined;
  /** Seconds by which the tenant's clock is ahead of this machine's. */
  readonly clockSkewSeconds: number | undefined;
  readonly store: StoreFacts;
}

/** A resource server; without the rest if it does not exist. */
export interface ApiFacts {
  readonly identifier: string;
  readonly dialect?: string;
  readonly lifetimeSeconds?: number;
  readonly skipsConsent?: boolean;
}

/** A client; without the rest if it does not exist. */
export interface ClientFacts {
  readonly clientId: string;
  readonly isFirstParty?: boolean;
  readonly isOidcConformant?: boolean;
}

/** What the facts are gathered with. */
export interface Examining extends Pick<Deploying, "api" | "desired"> {
  readonly config: DeployConfig;
  /** Asks the token endpoint for a token of the Management API: its scopes, and the `Date` of the answer. */
  readonly grant: () => Promise<{ readonly scopes: readonly string[]; readonly date: string | null }>;
  readonly store: () => Promise<StoreFacts>;
  /** What an application would change, and what it would leave. */
  readonly plan: () => Promise<{ readonly changes: readonly Change[]; readonly caveats: readonly string[] }>;
}

/** Gathers the facts. Writes nothing; what a permission is missing for stays unknown. */
export async function gatherFacts({ api, desired, config, grant, store, plan }: Examining): Promise<Facts> {
  const planned = async (): Promise<Facts["planned"]> => {
    try {
      return await plan();
    } catch (error) {
      if (!(error instanceof ApiKeysError) || error.code === "management_forbidden") throw error;
      return { refused: error.message, fix: error.fix };
    }
  };
  const { client, clock } = api;
  const { scopes, date } = await grant();
  return {
    permissions: scopes,
    ...(await profileFacts(api)),
    mfaPolicies: await optional(() =>
      api.ask("read the MFA policies", () => client.guardian.policies.list()),
    ),
    apis: await optional(async () => apiFacts(api, config)),
    clients: await optional(async () => clientFacts(api, config)),
    connection: await optional(async () => connectionFacts(api, config.verify?.userId)),
    ipThrottling: await optional(async () => {
      const { enabled, allowlist, stage } = await api.ask("read the suspicious-IP throttling", () =>
        client.attackProtection.suspiciousIpThrottling.get(),
      );
      const hasStage = stage?.["pre-custom-token-exchange"] !== undefined;
      return { isEnabled: enabled === true, hasStage, allowlist: allowlist ?? [] };
    }),
    current: await optional(async () => readTenant(api, desired)),
    planned: await optional(async () => planned()),
    clockSkewSeconds: date === null ? undefined : (Date.parse(date) - clock.nowMs()) / 1000,
    store: await store(),
  };
}

async function profileFacts(api: ManagementApi): Promise<Pick<Facts, "isEntitled" | "profileTypes">> {
  try {
    const profileTypes: string[] = [];
    for await (const one of await api.client.tokenExchangeProfiles.list({ take: 100 })) {
      profileTypes.push(one.subject_token_type ?? "");
    }
    return { isEntitled: true, profileTypes };
  } catch (error) {
    if (!(error instanceof ManagementError) || error.statusCode !== 403) {
      return api.ask("list the token exchange profiles", async () => Promise.reject(error as Error));
    }
    const { errorCode } = (error.body ?? {}) as { readonly errorCode?: unknown };
    return { isEntitled: errorCode === "insufficient_scope" ? undefined : false, profileTypes: undefined };
  }
}

async function apiFacts({ client, find }: ManagementApi, { apis }: DeployConfig): Promise<ApiFacts[]> {
  const facts: ApiFacts[] = [];
  for (const { identifier } of apis) {
    const api = await find(`read the API ${identifier}`, () => client.resourceServers.get(identifier));
    facts.push({
      identifier,
      ...(api && {
        dialect: api.token_dialect ?? "access_token",
        lifetimeSeconds: api.token_lifetime ?? 86_400,
        skipsConsent: api.skip_consent_for_verifiable_first_party_clients === true,
      }),
    });
  }
  return facts;
}

async function clientFacts(
  { client, find }: ManagementApi,
  { clients }: DeployConfig,
): Promise<ClientFacts[]> {
  const facts: ClientFacts[] = [];
  // Named, so that no answer holds a client_secret.
  const fields = { fields: "client_id,is_first_party,oidc_conformant", include_fields: true };
  for (const clientId of clients) {
    const found = await find(`read the client ${clientId}`, () => client.clients.get(clientId, fields));
    facts.push({
      clientId,
      ...(found && {
        isFirstParty: found.is_first_party === true,
        isOidcConformant: found.oidc_conformant === true,
      }),
    });
  }
  return facts;
}

async function connectionFacts(
  { client, ask, find }: ManagementApi,
  userId: string | undefined,
): Promise<Facts["connection"]> {
  if (userId === undefined) return undefined;
  const fields = { fields: "identities", include_fields: true };
  const user = await find(`read the user ${userId}`, () => client.users.get(userId, fields));
  const name = user?.identities?.[0]?.connection;
  if (name === undefined) return undefined;
  const { data } = await ask("read the connections", () => client.connections.list({ name }));
  const id = data[0]?.id;
  if (id === undefined) return undefined;
  const clientIds: string[] = [];
  await ask(`read the clients of the connection ${name}`, async () => {
    for await (const one of await client.connections.clients.get(id)) clientIds.push(one.client_id);
  });
  return { name, clientIds };
}

/** A fact that a missing permission leaves unknown. */
async function optional<T>(read: () => PromiseLike<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "management_forbidden") return undefined;
    throw error;
  }
}
