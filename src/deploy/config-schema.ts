import * as v from "valibot";

import { DEPLOYMENT_NAME, isReservedAudience } from "../core/deployment.ts";
import { isObject } from "../core/key-entry.ts";
import { isKeyPrefix } from "../core/key-format.ts";

// AUTH0 documents these as reserved for subject_token_type.
const RESERVED = /^(https?:\/\/(auth0|okta)\.com|urn:(ietf|auth0|okta)\b)/i;
/** What the Management API takes at most; what is longer would be refused half way through an application. */
const MAX_IDENTIFIER_LENGTH = 600;
const MAX_DESCRIPTION_LENGTH = 500;
const MAX_TOKEN_LIFETIME_SECONDS = 2_592_000;

// Valibot takes a list for an object, whose fields are then 0, 1, 2.
const isNoList = v.custom<object>(isObject, "must be an object");

/** An object of these fields and no others. Every one that is not known is told of: `strictObject` stops at the first. */
function exactly<const E extends v.ObjectEntries>(entries: E): v.StrictObjectSchema<E, undefined> {
  const schema = v.pipe(isNoList, v.objectWithRest(entries, v.never()));
  return { ...schema, entries } as unknown as v.StrictObjectSchema<E, undefined>;
}

const text = v.pipe(v.string(), v.minLength(1, "is empty"));
const whole = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.check(
      (number) => Number.isInteger(number) && number >= least && number <= most,
      `must be a whole number from ${least} to ${most}`,
    ),
  );
const days = whole(1, 3660);
const keyPrefix = v.pipe(
  v.string(),
  v.check(isKeyPrefix, "must be like acme or acme_live: lower case, at most one _ inside"),
);
const scope = v.pipe(
  v.string(),
  v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,280}$/, "must be a scope of RFC 6749 §3.3, of at most 280 characters"),
);
const description = v.pipe(
  v.string(),
  v.maxLength(
    MAX_DESCRIPTION_LENGTH,
    `has more than ${MAX_DESCRIPTION_LENGTH} characters, which Auth0 refuses`,
  ),
);
const identifier = v.pipe(
  text,
  v.maxLength(
    MAX_IDENTIFIER_LENGTH,
    `has more than ${MAX_IDENTIFIER_LENGTH} characters, which Auth0 refuses`,
  ),
  v.check((one) => !isReservedAudience(one), "is an audience of Auth0's own, which is never for API keys"),
);
const domain = v.pipe(
  v.string(),
  v.regex(/^(https?:\/\/)?[a-z0-9.-]+(:\d+)?\/*$/i, "must be a domain, such as acme.eu.auth0.com"),
);

const DEFAULT_LIFETIME_DAYS = 90;
const policyFields = exactly({
  maxKeysPerUser: v.optional(whole(1, 50), 20),
  defaultLifetimeDays: v.optional(days),
  maxLifetimeDays: v.optional(days, 366),
  allowNoExpiry: v.optional(v.boolean(), false),
  acceptForeignKeys: v.optional(v.boolean(), false),
  openid: v.optional(v.boolean(), false),
  retentionDays: v.optional(days, 30),
});
const policy = v.pipe(
  policyFields,
  // Else each key that is made without a lifetime would be refused, and each that is rotated would live longer.
  v.forward(
    v.partialCheck(
      [["defaultLifetimeDays"], ["maxLifetimeDays"]],
      ({ defaultLifetimeDays = 0, maxLifetimeDays }) => defaultLifetimeDays <= maxLifetimeDays,
      "is less than defaultLifetimeDays",
    ),
    ["maxLifetimeDays"],
  ),
  v.transform(({ defaultLifetimeDays, ...rest }) => ({
    ...rest,
    defaultLifetimeDays: defaultLifetimeDays ?? Math.min(DEFAULT_LIFETIME_DAYS, rest.maxLifetimeDays),
  })),
);
const api = exactly({
  identifier,
  scopes: v.pipe(isNoList, v.record(scope, description)),
  keyPrefix: v.optional(keyPrefix),
  tokenLifetimeSeconds: v.optional(whole(60, MAX_TOKEN_LIFETIME_SECONDS)),
});
const store = exactly({
  url: v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/, "must be the database's REST URL: https://…")),
});
const ipThrottling = exactly({ maxAttempts: whole(1, 100), regainMs: whole(1_000, 86_400_000) });
const serviceUsers = exactly({
  connection: v.pipe(
    v.string(),
    v.maxLength(128, "has more than 128 characters"),
    v.regex(/^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$/, "must be like api-key-service-users"),
  ),
});
const verify = exactly({
  userId: text,
  clientId: v.optional(v.string()),
  audience: v.optional(v.string()),
  scope: v.optional(v.string()),
});

const fields = exactly({
  domain: v.optional(domain),
  tenantDomain: v.optional(domain),
  store: v.optional(store),
  subjectTokenType: v.pipe(
    v.string(),
    v.check(({ length }) => length >= 8 && length <= 100, "must have 8 to 100 characters"),
    v.regex(/^(urn:[a-z0-9][a-z0-9-]*:|https:\/\/)\S+$/i, "must be a urn: or https: URI"),
    v.check((type) => !RESERVED.test(type), "is in a namespace that Auth0 reserves"),
  ),
  keyPrefix,
  retiredKeyPrefixes: v.optional(v.array(keyPrefix), []),
  apis: v.pipe(v.array(api), v.minLength(1, "must name at least one API")),
  clients: v.optional(v.array(text), []),
  policy: v.optional(policy, {}),
  name: v.optional(
    v.pipe(
      v.string(),
      v.regex(DEPLOYMENT_NAME, "must be like api-keys: 3 to 40 lower-case letters, digits and hyphens"),
    ),
    "api-keys",
  ),
  postLoginPosition: v.optional(v.picklist(["first", "last"], 'must be "first" or "last"'), "last"),
  ipThrottling: v.optional(ipThrottling),
  lastUsed: v.optional(v.boolean(), false),
  serviceUsers: v.optional(serviceUsers),
  verify: v.optional(verify),
});

/** What one environment's configuration must be like. */
export const CONFIG_SCHEMA = v.pipe(
  fields,
  // Also where something else is wrong: then of what can be read.
  v.rawCheck(({ dataset, addIssue }) => {
    const value = isObject(dataset.value) ? dataset.value : {};
    const apis = listIn(value["apis"]).filter(isObject);
    const twice = (list: readonly string[]) => list.find((one, at) => list.indexOf(one) !== at);
    const refuse = (key: string, message: string) =>
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: value, key, value: value[key] }],
      });
    const api2 = twice(textsIn(apis.map((one) => one["identifier"])));
    if (api2 !== undefined) refuse("apis", `names ${api2} twice`);
    const client2 = twice(textsIn(value["clients"]));
    if (client2 !== undefined) refuse("clients", `names ${client2} twice`);
    // Only what is a prefix: anything else that stands there may be a secret.
    const prefixesIn = (list: unknown) => textsIn(list).filter(isKeyPrefix);
    const keyPrefixes = [
      ...new Set(prefixesIn([value["keyPrefix"], ...listIn(value["retiredKeyPrefixes"])])),
    ];
    const own = prefixesIn(apis.map((one) => one["keyPrefix"]));
    const prefix2 = twice([...keyPrefixes, ...own]);
    if (prefix2 !== undefined) refuse("apis", `the prefix ${prefix2} is that of more than one`);
    if (keyPrefixes.length > 20) refuse("retiredKeyPrefixes", "has more than 20 prefixes");
  }),
);

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsIn(value: unknown): readonly string[] {
  return listIn(value).filter((one): one is string => typeof one === "string" && one !== "");
}

/** The legal names of each object in a configuration, by the name of what holds it; `""` for the configuration itself. */
export const LEGAL_NAMES: Readonly<Record<string, readonly string[]>> = {
  "": [...Object.keys(fields.entries), "environments"],
  policy: Object.keys(policyFields.entries),
  apis: Object.keys(api.entries),
  store: Object.keys(store.entries),
  ipThrottling: Object.keys(ipThrottling.entries),
  serviceUsers: Object.keys(serviceUsers.entries),
  verify: Object.keys(verify.entries),
};
