import { apply, planApply, type ApplyOptions, type Deploying } from "../../src/deploy/apply.ts";
import { defineConfig, type DeployConfigInput } from "../../src/deploy/config.ts";
import { desiredOf, type ActionSources, type Desired } from "../../src/deploy/desired.ts";
import type { Journal, JournalEntry } from "../../src/deploy/journal.ts";
import { managementApi } from "../../src/deploy/management-api.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import type { Tenant } from "../../src/local/tenant.ts";
import type { Clock } from "./clock.ts";
import { CONFIG, pepperOf, TENANT, type Stage } from "./stage.ts";

export const PEPPER = `1:${pepperOf("one")}`;

/** A journal in memory. */
export function memoryJournal(): Journal & { readonly entries: JournalEntry[] } {
  const entries: JournalEntry[] = [];
  return {
    entries,
    read: async () => Promise.resolve([...entries]),
    async append(entry) {
      entries.push(structuredClone(entry));
      return Promise.resolve();
    },
  };
}

/** What a test may change about what it deploys. */
export interface DesiredOptions {
  readonly config?: Partial<DeployConfigInput>;
  readonly redisToken?: string;
  readonly redisUrl?: string;
  readonly takesOver?: boolean;
  readonly pepper?: string;
  /** How long a request to the tenant may take. Default: 5,000. */
  readonly timeoutMs?: number;
}

/** What the stage's configuration wants of a tenant, and what its Actions are made of. */
export function desiredFor(
  s: Stage,
  options: DesiredOptions = {},
): { readonly desired: Desired; readonly sources: ActionSources } {
  const config = defineConfig({ ...CONFIG, ...options.config });
  const pepper = options.pepper ?? PEPPER;
  const { redis_rest_url, redis_rest_read_only_token } = s.local.description;
  const secrets = {
    API_KEY_PEPPER: pepper,
    UPSTASH_REDIS_REST_URL: options.redisUrl ?? redis_rest_url,
    UPSTASH_REDIS_REST_TOKEN: options.redisToken ?? redis_rest_read_only_token,
  };
  return {
    desired: desiredOf(config, TENANT, secrets.UPSTASH_REDIS_REST_URL),
    sources: { config, secrets, peppers: parsePeppers(pepper), takesOver: options.takesOver ?? false },
  };
}

/** A deployment to the stage's tenant: the real SDK, a clock that leaps, a journal in memory. */
export async function deployingTo(
  s: Stage,
  clock: Clock,
  options: DesiredOptions = {},
): Promise<Deploying & { readonly journal: ReturnType<typeof memoryJournal>; readonly progress: string[] }> {
  const client = createManagementClient({ ...s.settings, timeoutMs: options.timeoutMs ?? 5_000 });
  const progress: string[] = [];
  return {
    api: managementApi(client, clock),
    ...desiredFor(s, options),
    journal: memoryJournal(),
    onProgress: (line) => void progress.push(line),
    progress,
  };
}

/** Plans and applies at once. */
export async function planAndApply(deploying: Deploying, options: ApplyOptions = {}): Promise<void> {
  await apply(deploying, await planApply(deploying, options));
}

const IP_THROTTLING = { max_attempts: 10, rate: 600_000 };

/** Makes the tenant as bare as before its first deployment: users and clients are left. */
export function strip(tenant: Tenant): void {
  tenant.actions.clear();
  tenant.actionStates.clear();
  tenant.profiles.clear();
  tenant.resourceServers.clear();
  tenant.postLoginBindings.splice(0);
  const { stage } = tenant.ipThrottling;
  tenant.ipThrottling = {
    ...tenant.ipThrottling,
    stage: { ...stage, "pre-custom-token-exchange": IP_THROTTLING },
  };
  for (const { token_exchange: _, ...client } of tenant.clients.values()) {
    tenant.clients.set(client.client_id, client);
  }
}

/** All of a tenant's state apart from ids, times and logs: equal is equal byte by byte. */
export function snapshot(tenant: Tenant): string {
  const actionName = (id: string) => tenant.actionStates.get(id)?.name;
  const source = ({ code, dependencies, runtime, secrets }: SourceState) => ({
    code,
    dependencies,
    runtime,
    secrets: secrets.map(({ name, value }) => ({ name, value })),
  });
  const state = {
    actions: [...tenant.actionStates.values()].map(({ name, trigger, draft, versions, deployed }) => ({
      name,
      trigger,
      draft: source(draft),
      versions: versions.map(({ number, status }) => ({ number, status })),
      deployed: deployed && { number: deployed.version.number, ...source(deployed.version) },
    })),
    running: [...tenant.actions.values()].map(({ version }) => Object.assign({}, version, { id: undefined })),
    bindings: tenant.postLoginBindings.map(({ action_id, display_name }) => [
      actionName(action_id),
      display_name,
    ]),
    profiles: [...tenant.profiles.values()].map(({ name, type, subject_token_type, action_id }) => ({
      name,
      type,
      subject_token_type,
      action: actionName(action_id),
    })),
    apis: [...tenant.resourceServers.values()].map((api) => Object.assign({}, api, { id: undefined })),
    clients: [...tenant.clients.values()],
    clientGrants: tenant.clientGrants,
    ipThrottling: tenant.ipThrottling,
    users: [...tenant.users.values()].map((user) => Object.assign({}, user, { updated_at: undefined })),
    organizations: [...tenant.organizations.values()],
    connections: [...tenant.connections.values()].map(({ enabledClients, ...connection }) => [
      connection,
      ...enabledClients,
    ]),
    roles: [tenant.roles, tenant.userRoles, tenant.userPermissions].map((map) => [...map]),
    guardianPolicies: tenant.guardianPolicies,
    settings: tenant.settings,
  };
  return JSON.stringify(state, undefined, 1);
}

interface SourceState {
  readonly code: string;
  readonly dependencies: readonly object[];
  readonly runtime: string;
  readonly secrets: readonly { readonly name: string; readonly value: string }[];
}
