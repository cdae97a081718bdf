import * as v from "valibot";

import { isKeyPrefix } from "../core/key-format.ts";
import type { Deployment } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { Policy } from "../core/policy.ts";

// AUTH0 documents these as reserved for subject_token_type.
const RESERVED = /^(https?:\/\/(auth0|okta)\.com|urn:(ietf|auth0|okta)\b)/i;

const days = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3660));
const keyPrefix = v.pipe(
  v.string(),
  v.check(isKeyPrefix, "must be like acme or acme_live: lower case, at most one _ inside"),
);
const scope = v.pipe(
  v.string(),
  v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,280}$/, "must be a scope of RFC 6749 §3.3"),
);

const policySchema = v.strictObject({
  maxKeysPerUser: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(50)), 20),
  defaultLifetimeDays: v.optional(days, 90),
  maxLifetimeDays: v.optional(days, 366),
  allowNoExpiry: v.optional(v.boolean(), false),
  acceptForeignKeys: v.optional(v.boolean(), false),
  retentionDays: v.optional(days, 30),
});

const configSchema = v.strictObject({
  subjectTokenType: v.pipe(
    v.string(),
    v.minLength(8),
    v.maxLength(100),
    v.regex(/^(urn:[a-z0-9][a-z0-9-]*:|https:\/\/)\S+$/i, "must be a urn: or https: URI"),
    v.check((type) => !RESERVED.test(type), "is in a namespace that Auth0 reserves"),
  ),
  keyPrefix,
  retiredKeyPrefixes: v.optional(v.array(keyPrefix), []),
  apis: v.pipe(
    v.array(
      v.strictObject({ identifier: v.pipe(v.string(), v.minLength(1)), scopes: v.record(scope, v.string()) }),
    ),
    v.minLength(1, "must name at least one API"),
  ),
  clients: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), []),
  policy: v.optional(policySchema, {}),
  name: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{2,39}$/, "must be like api-keys")),
    "api-keys",
  ),
  postLoginPosition: v.optional(v.picklist(["first", "last"]), "last"),
  ipThrottling: v.optional(
    v.strictObject({
      maxAttempts: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
      regainMs: v.pipe(v.number(), v.integer(), v.minValue(1_000), v.maxValue(86_400_000)),
    }),
  ),
  lastUsed: v.optional(v.boolean(), false),
  serviceUsers: v.optional(
    v.strictObject({
      connection: v.pipe(
        v.string(),
        v.maxLength(128),
        v.regex(/^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$/, "must be like api-key-service-users"),
      ),
    }),
  ),
  verify: v.optional(
    v.strictObject({
      userId: v.pipe(v.string(), v.minLength(1)),
      clientId: v.optional(v.string()),
      audience: v.optional(v.string()),
      scope: v.optional(v.string()),
    }),
  ),
});

/** What `deploy.config.ts` says. Only what has no default is required. */
export interface DeployConfigInput {
  /** The `subject_token_type` of the exchange, 8 to 100 characters: a `urn:` or `https://` URI of your own. */
  readonly subjectTokenType: string;
  /** The beginning of every new key; put the environment in it: `acme_live`, `acme_test`. */
  readonly keyPrefix: string;
  /** Prefixes of older keys that still work. Default: none. */
  readonly retiredKeyPrefixes?: readonly string[];
  /** The APIs (resource servers) that keys are for: their identifiers, and every scope with its description. */
  readonly apis: readonly {
    readonly identifier: string;
    readonly scopes: Readonly<Record<string, string>>;
  }[];
  /** Client ids of the applications that may exchange keys. Default: none. */
  readonly clients?: readonly string[];
  /** What keys may be made. Default: 20 a user, 90 days, at most 366, none without expiry, none made elsewhere, 30 days of retention. */
  readonly policy?: Partial<Policy>;
  /** What the Actions and the profile are named after on the tenant, 3 to 40 characters. Default: `api-keys`. */
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

/** A deployment as it was configured, with all defaults in place. */
export interface DeployConfig extends Deployment {
  readonly lastUsed: boolean;
  readonly clients: readonly string[];
  readonly policy: Policy;
  /** Descriptions of the scopes, for people. */
  readonly scopeDescriptions: Readonly<Record<string, string>>;
  readonly name: string;
  readonly postLoginPosition: "first" | "last";
  readonly ipThrottling?: IpThrottlingStage;
  readonly serviceUsers?: { readonly connection: string };
  readonly verify?: VerifyConfig;
}

/** Checks a configuration and fills in its defaults. Throws `configuration_invalid` with every mistake in it. */
export function defineConfig(input: DeployConfigInput): DeployConfig {
  const parsed = v.safeParse(configSchema, input);
  if (!parsed.success) {
    const mistakes = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? "config"}: ${issue.message}`);
    throw new ApiKeysError(
      "configuration_invalid",
      `deploy.config.ts is not valid. ${mistakes.join("; ")}`,
      "Correct deploy.config.ts: src/deploy/config.ts describes each field.",
    );
  }
  const { subjectTokenType, keyPrefix, retiredKeyPrefixes, apis, clients, policy } = parsed.output;
  const { name, postLoginPosition, ipThrottling, lastUsed, serviceUsers, verify } = parsed.output;
  return {
    subjectTokenType,
    keyPrefixes: [...new Set([keyPrefix, ...retiredKeyPrefixes])],
    apis: apis.map(({ identifier, scopes }) => ({ identifier, scopes: Object.keys(scopes) })),
    clients,
    policy,
    ...(policy.acceptForeignKeys && { acceptForeignKeys: true }),
    scopeDescriptions: Object.assign({}, ...apis.map((api) => api.scopes)) as Record<string, string>,
    name,
    postLoginPosition,
    lastUsed,
    ...(ipThrottling && { ipThrottling }),
    ...(serviceUsers && { serviceUsers }),
    ...(verify && { verify }),
  };
}
