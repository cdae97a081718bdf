import * as v from "valibot";

import type { Deployment } from "../core/deployment.ts";
import type { Environments } from "../core/environments.ts";
import { isObject } from "../core/key-entry.ts";
import type { Policy } from "../core/policy.ts";
import { invalidConfiguration, mistakesOf, type Mistake } from "./config-mistakes.ts";
import { CONFIG_SCHEMA } from "./config-schema.ts";

/** What `deploy.config.ts` says. Only what has no default is required. */
export interface DeployConfigInput {
  /** The tenant's domain, or a custom domain of it. Default: `AUTH0_DOMAIN`. */
  readonly domain?: string;
  /** The tenant's own domain where `domain` is a custom one: its Management API is there. Default: `domain`. */
  readonly tenantDomain?: string;
  /** Where the Redis database is; its tokens are secrets. Default: `UPSTASH_REDIS_REST_URL`. */
  readonly store?: { readonly url: string };
  /** The `subject_token_type` of the exchange, 8 to 100 characters: a `urn:` or `https://` URI of your own. */
  readonly subjectTokenType: string;
  /** The beginning of every new key; put the environment in it: `acme_live`, `acme_test`. */
  readonly keyPrefix: string;
  /** Prefixes of older keys that still work. Default: none. */
  readonly retiredKeyPrefixes?: readonly string[];
  /** The APIs (resource servers) that keys are for. */
  readonly apis: readonly ApiInput[];
  /** Client ids of the applications that may exchange keys. Default: none. */
  readonly clients?: readonly string[];
  /** What keys may be made. Default: 20 a user, 90 days, at most 366, none without expiry, none made elsewhere, no ID tokens for keys with scopes, 30 days of retention. */
  readonly policy?: Partial<Policy>;
  /**
   * What the deployment is called on its tenant, 3 to 40 characters: its Actions, its profile, and the field of
   * `app_metadata` that holds its keys. Another name is another deployment. Default: `api-keys`.
   */
  readonly name?: string;
  /**
   * Where the post-login Action stands among the tenant's others. Default: `last`, since of several Actions the last
   * word on a scope counts, and this one takes scopes away.
   */
  readonly postLoginPosition?: "first" | "last";
  /** Suspicious-IP throttling of exchanges: attempts, and milliseconds until one is regained. Default: left alone. */
  readonly ipThrottling?: IpThrottlingStage;
  /**
   * Whether each exchange notes when and from where its key was last used, for `keys list` and `keys show`. The Action
   * then gets the token of the Redis database that can write. Default: false.
   */
  readonly lastUsed?: boolean;
  /**
   * The database connection of the service users that own keys of organizations; made with the first of them. It must
   * be theirs alone. Default: organizations own no keys.
   */
  readonly serviceUsers?: { readonly connection: string };
  /** Who exchanges a throw-away key after a deployment, to see that it works. Default: nobody. */
  readonly verify?: VerifyConfig;
}

/** An API that keys are for. */
export interface ApiInput {
  readonly identifier: string;
  /** Every scope that keys may have, with its description for people, of at most 500 characters. */
  readonly scopes: Readonly<Record<string, string>>;
  /** The beginning of keys that are bound to this API alone. Default: `keyPrefix` of the deployment. */
  readonly keyPrefix?: string;
  /** How long its access tokens live, 60 to 2,592,000 seconds: also those of a key that is revoked. Default: left alone. */
  readonly tokenLifetimeSeconds?: number;
}

/** A configuration of several environments: what they share, and by name what they do not. */
export interface EnvironmentsInput extends Partial<DeployConfigInput> {
  /** By name, such as `staging`: each field stands in the place of the shared one; `policy` is merged. */
  readonly environments: Readonly<Record<string, Partial<DeployConfigInput>>>;
}

/** The stage `pre-custom-token-exchange` of the suspicious-IP throttling. */
export interface IpThrottlingStage {
  readonly maxAttempts: number;
  readonly regainMs: number;
}

/** The exchange that verifies a deployment. Without more: the first client, the first API, its first scope. */
export interface VerifyConfig {
  /** A user made for this, with no rights that matter. */
  readonly userId: string;
  readonly clientId?: string | undefined;
  readonly audience?: string | undefined;
  readonly scope?: string | undefined;
}

/** A deployment as it was configured, with all defaults in place. Its tenant is known once its settings are read. */
export interface DeployConfig extends Omit<Deployment, "tenant"> {
  /** The environment that it is of, where there are several. */
  readonly environment?: string;
  readonly domain?: string;
  readonly tenantDomain?: string;
  readonly store?: { readonly url: string };
  readonly lastUsed: boolean;
  readonly policy: Policy;
  /** By identifier, where one is configured. */
  readonly tokenLifetimesSeconds: Readonly<Record<string, number>>;
  readonly postLoginPosition: "first" | "last";
  readonly ipThrottling?: IpThrottlingStage;
  readonly serviceUsers?: { readonly connection: string };
  readonly verify?: VerifyConfig;
}

/** The configurations of several environments, by name. */
export type DeployConfigs = Environments<DeployConfig>;

/**
 * Checks a configuration and fills in its defaults. Throws `configuration_invalid` with every mistake in it, a line each.
 *
 * @example
 * export default defineConfig({
 *   subjectTokenType: "urn:acme:api-key",
 *   keyPrefix: "acme_live",
 *   apis: [{ identifier: "https://api.acme.example", scopes: { "read:things": "Read things" } }],
 * });
 */
export function defineConfig(input: EnvironmentsInput): DeployConfigs;
export function defineConfig(input: DeployConfigInput): DeployConfig;
export function defineConfig(input: DeployConfigInput | EnvironmentsInput): DeployConfig | DeployConfigs {
  if (typeof input !== "object" || input === null || !("environments" in input)) {
    const parsed = parse(input);
    if ("mistakes" in parsed) throw invalidConfiguration(parsed.mistakes);
    return parsed.config;
  }
  const { environments, ...shared } = input;
  const mistakes: Mistake[] = [];
  const configs: Record<string, DeployConfig> = {};
  const named: readonly [string, unknown][] = isObject(environments) ? Object.entries(environments) : [];
  for (const [name, own] of named) {
    if (!/^[a-z][a-z0-9-]{0,19}$/.test(name)) {
      mistakes.push({ path: `environments.${name}`, what: "must be named like staging" });
    }
    if (!isObject(own)) {
      mistakes.push({ path: `environments.${name}`, what: "must be an object" });
      continue;
    }
    const parsed = parse({ ...shared, ...own, ...policyOf(shared, own) });
    if ("config" in parsed) configs[name] = { ...parsed.config, environment: name };
    else mistakes.push(...parsed.mistakes.map((one) => whereItIs(one, name, own, shared)));
  }
  if (named.length === 0) {
    mistakes.push({ path: "environments", what: "must name at least one environment" });
  }
  if (mistakes.length > 0) throw invalidConfiguration(mistakes);
  return { environments: configs };
}

function parse(
  input: unknown,
): { readonly config: DeployConfig } | { readonly mistakes: readonly Mistake[] } {
  const parsed = v.safeParse(CONFIG_SCHEMA, input);
  if (!parsed.success) return { mistakes: mistakesOf(parsed.issues) };
  const { keyPrefix, retiredKeyPrefixes, apis, policy, ...rest } = parsed.output;
  const { domain, tenantDomain, store, ipThrottling, serviceUsers, verify, ...always } = rest;
  const lifetimes = apis.flatMap(({ identifier, tokenLifetimeSeconds: seconds }) =>
    seconds === undefined ? [] : [[identifier, seconds] as const],
  );
  const config: DeployConfig = {
    ...always,
    keyPrefixes: [...new Set([keyPrefix, ...retiredKeyPrefixes])],
    apis: apis.map(({ identifier, scopes, keyPrefix: own }) => ({
      identifier,
      scopes: Object.keys(scopes),
      scopeDescriptions: scopes,
      ...(own !== undefined && { keyPrefix: own }),
    })),
    policy,
    tokenLifetimesSeconds: Object.fromEntries(lifetimes),
    ...(policy.acceptForeignKeys && { acceptForeignKeys: true }),
    ...(policy.openid && { openid: true }),
    ...(domain !== undefined && { domain }),
    ...(tenantDomain !== undefined && { tenantDomain }),
    ...(store && { store }),
    ...(ipThrottling && { ipThrottling }),
    ...(serviceUsers && { serviceUsers }),
    ...(verify && { verify }),
  };
  return { config };
}

/** The policy of an environment on top of the shared one; nothing where there are not both. */
function policyOf(shared: Partial<DeployConfigInput>, { policy: own }: Partial<DeployConfigInput>): object {
  return isObject(shared.policy) && isObject(own) ? { policy: { ...shared.policy, ...own } } : {};
}

/** A mistake of an environment's own field stands there; one of a shared field stands where it is shared. */
function whereItIs(
  { path, what }: Mistake,
  environment: string,
  own: Partial<DeployConfigInput>,
  shared: Partial<DeployConfigInput>,
): Mistake {
  const [field = "", inner = ""] = path.split(".");
  const isMerged = field === "policy" && isObject(own.policy) && isObject(shared.policy);
  const isOwn = isMerged ? Object.hasOwn(own.policy ?? {}, inner) : Object.hasOwn(own, field);
  const isShared = shared[field as keyof DeployConfigInput] !== undefined;
  return isOwn || !isShared ? { path: `environments.${environment}.${path}`, what } : { path, what };
}
