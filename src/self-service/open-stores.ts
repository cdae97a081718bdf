import {
  checkOptions,
  COUNT,
  FUNCTION,
  having,
  optional,
  options,
  SAFE_URL,
  TEXT,
  TEXTS,
  type Rule,
  type Rules,
} from "../core/check-options.ts";
import { tenantOf, type Deployment } from "../core/deployment.ts";
import { configOf, type Environments } from "../core/environments.ts";
import { hostOf, originOfHost } from "../core/host.ts";
import { parsePeppers } from "../core/peppers.ts";
import type { Policy } from "../core/policy.ts";
import type { Keys } from "../keys/keys.ts";
import { openBudget, openKeys, type OpenOptions } from "../keys/open-keys.ts";
import { createRedis } from "../stores/key-record-reader.ts";
import type { ManagementBudget } from "../stores/management-budget.ts";
import { createManagementClient } from "../stores/management-client.ts";
import { redisRequests, type RedisRequests } from "../stores/redis-requests.ts";
import { textCipher } from "../stores/text-cipher.ts";
import { userRights, type UserRights } from "../stores/user-rights.ts";

/** What self-service needs of the deployment: `deploy.config.ts` has all of it. */
export type SelfServiceConfig = Omit<Deployment, "tenant"> &
  Pick<Keys, "policy"> & {
    readonly serviceUsers?: { readonly connection: string };
    readonly domain?: string;
    readonly tenantDomain?: string;
  };

/** Where Auth0 and Redis are, and what self-service holds to reach them. */
export interface SelfServiceSettings {
  /** The tenant, or a custom domain of it: `https://acme.eu.auth0.com`. */
  readonly origin: string;
  /** The tenant's own domain where `origin` is a custom one. Default: that of the configuration, or of `origin`. */
  readonly tenantDomain?: string;
  /** Default: `/api/v2` of the tenant. */
  readonly managementApi?: string;
  /**
   * A machine-to-machine application with `read:users`, `update:users`, `read:resource_servers`, `read:organizations`, and
   * where an API uses RBAC `read:user_effective_permissions`.
   */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redisUrl: string;
  /** One that can write. */
  readonly redisToken: string;
  /** As `API_KEY_PEPPER` has it. */
  readonly pepper: string;
}

/** What the handler works with. Everything that it reads or changes is behind these. */
export interface SelfServiceStores {
  readonly keys: Keys;
  readonly requests: RedisRequests;
  readonly rights: UserRights;
  /** The process's share of the Management API's limit. */
  readonly budget: ManagementBudget;
  readonly config: SelfServiceConfig;
}

/** What may differ from one program to another. */
export interface StoresOptions extends Omit<OpenOptions, "budget"> {
  /** The environment of a configuration that has several. */
  readonly env?: string | undefined;
}

const SETTINGS: Rules<SelfServiceSettings> = {
  origin: SAFE_URL,
  tenantDomain: optional(TEXT),
  managementApi: optional(SAFE_URL),
  clientId: TEXT,
  clientSecret: TEXT,
  redisUrl: SAFE_URL,
  redisToken: TEXT,
  pepper: TEXT,
};
const OPTIONS: Rules<StoresOptions> = {
  // From a variable that only some programs set.
  env: optional({ must: "a string", test: (value) => value === undefined || typeof value === "string" }),
  audit: optional(FUNCTION),
  actor: optional(TEXT),
  requestTimeoutMs: optional(COUNT),
  randomBytes: optional(FUNCTION),
  nowMs: optional(FUNCTION),
  clock: optional(having("nowMs", "sleep")),
};
/** A person waits for the answer; who ends a key gets the longest wait. */
const MAX_WAIT_MS = { ending: 10_000, change: 3_000, read: 1_000 };
const YES_OR_NO = { must: "true or false", test: (value: unknown) => typeof value === "boolean" };
const FILLED_TEXTS = {
  must: `${TEXTS.must}, and not empty itself`,
  test: (value: unknown) => TEXTS.test(value) && (value as unknown[]).length > 0,
};
const API = having("identifier", "scopes");
/** Each of these decides who gets which key: a configuration that `defineConfig` did not make may lack it. */
const CONFIG = {
  name: TEXT,
  subjectTokenType: TEXT,
  keyPrefixes: FILLED_TEXTS,
  apis: {
    must: `a list of at least one API, each ${API.must}`,
    test: (value) => Array.isArray(value) && value.length > 0 && value.every(API.test),
  },
  clients: TEXTS,
  policy: options<Policy>({
    maxKeysPerUser: COUNT,
    defaultLifetimeDays: COUNT,
    maxLifetimeDays: COUNT,
    allowNoExpiry: YES_OR_NO,
    acceptForeignKeys: YES_OR_NO,
    openid: optional(YES_OR_NO),
    retentionDays: COUNT,
  }),
} satisfies Partial<Rules<SelfServiceConfig>>;

const CONFIGURATION: Rule = {
  must: "what defineConfig gives",
  test: (value) => typeof value === "object" && value !== null,
};

/**
 * Joins a deployment to its stores. Throws `configuration_invalid` for an environment that is missing or not known,
 * `pepper_invalid`, or a `TypeError` that names a setting, or a part of the configuration, which is missing, `undefined`, wrong or unknown.
 */
export function openStores(
  defined: SelfServiceConfig | Environments<SelfServiceConfig>,
  settings: SelfServiceSettings,
  more: StoresOptions = {},
): SelfServiceStores {
  checkOptions("openStores, settings", settings, SETTINGS);
  checkOptions("openStores, options", more, OPTIONS);
  checkOptions<object>("openStores", { config: defined }, { config: CONFIGURATION });
  const { env, ...others } = more;
  const config = configOf(defined, env);
  const named = Object.entries(config).filter(([name]) => Object.hasOwn(CONFIG, name));
  checkOptions<object>("openStores, config", Object.fromEntries(named), CONFIG);
  const { origin, redisUrl, redisToken, pepper, tenantDomain = config.tenantDomain } = settings;
  const tenantOrigin =
    tenantDomain === undefined ? origin : originOfHost(hostOf(tenantDomain) ?? tenantDomain);
  const all = {
    ...settings,
    tenant: tenantOf(new URL(tenantOrigin).host),
    managementApi: settings.managementApi ?? `${tenantOrigin}/api/v2`,
    managementAudience: `${tenantOrigin}/api/v2/`,
    peppers: parsePeppers(pepper),
  };
  const budget = openBudget({ maxWaitMs: MAX_WAIT_MS, ...(others.clock && { clock: others.clock }) });
  const keys = openKeys(config, all, { actor: "self-service", ...others, budget });
  const timeoutMs = keys.requestTimeoutMs;
  // Of the secrets held here, the Action has the pepper and a Redis token, and this one not.
  const cipher = textCipher(settings.clientSecret, "requests of self-service", keys.randomBytes);
  return {
    keys,
    requests: redisRequests(createRedis({ url: redisUrl, token: redisToken, timeoutMs }), cipher),
    rights: userRights(createManagementClient({ ...all, timeoutMs }, budget)),
    budget,
    config,
  };
}
