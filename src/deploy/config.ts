import * as v from "valibot";

import { isKeyPrefix } from "../core/api-key.ts";
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
  /** What keys may be made. Default: 20 a user, 90 days, at most 366, none without expiry, 30 days of retention. */
  readonly policy?: Partial<Policy>;
}

/** A deployment as it was configured, with all defaults in place. */
export interface DeployConfig extends Deployment {
  readonly clients: readonly string[];
  readonly policy: Policy;
  /** Descriptions of the scopes, for people. */
  readonly scopeDescriptions: Readonly<Record<string, string>>;
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
  return {
    subjectTokenType,
    keyPrefixes: [...new Set([keyPrefix, ...retiredKeyPrefixes])],
    apis: apis.map(({ identifier, scopes }) => ({ identifier, scopes: Object.keys(scopes) })),
    clients,
    policy,
    scopeDescriptions: Object.assign({}, ...apis.map((api) => api.scopes)) as Record<string, string>,
  };
}
