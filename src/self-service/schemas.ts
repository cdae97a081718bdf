import { PROBLEMS } from "./problems.ts";

/** Scopes and APIs that GET /scopes offers, and that a key takes, at most: an API of Auth0 has 1,000 scopes. */
export const MAX_CHOICES = 1_000;

// JSON Schema 2020-12, as OpenAPI 3.1 has it.
const orNull = (type: string, more: object = {}) => ({ type: [type, "null"], ...more });
const time = (description: string) => ({ type: "string", format: "date-time", description });
const timeOrNull = (description: string) => orNull("string", { format: "date-time", description });
const strings = (description: string) => ({ type: "array", items: { type: "string" }, description });
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function object(properties: Record<string, object>, required: readonly string[] = Object.keys(properties)) {
  return { type: "object", properties, required, additionalProperties: false };
}

const KEY_ID = { type: "string", pattern: "^[0-9A-Za-z]{12}$" };
const NAME = { type: "string", minLength: 1, maxLength: 64, description: "1 to 64 printable characters." };
const EXPIRES_IN_DAYS = orNull("integer", {
  minimum: 1,
  maximum: 3660,
  description: "A lifetime in days of 86,400 seconds; null: never expires; absent: the policy's default.",
});

const apiKey = object({
  id: { ...KEY_ID, description: "The public key id." },
  name: { type: "string" },
  hint: orNull("string", {
    description:
      "The beginning of the API key, to be recognized by: acme_live_4fJ2kQ9xZb1T…; null: not known, as of an imported key.",
  }),
  status: { type: "string", enum: ["active", "refused", "disabled", "expired", "revoked"] },
  created_at: time("When the key was made."),
  expires_at: timeOrNull("From when on the key is refused; null: never."),
  scopes: {
    ...orNull("array", { items: { type: "string" } }),
    description:
      "What the key may do; null: all that its user may. Keys that are made here always have a list.",
  },
  audiences: {
    ...orNull("array", { items: { type: "string" } }),
    description: "The APIs that the key is for; null: all that keys are for.",
  },
  organization_id: orNull("string", { description: "The organization whose tokens the key gives." }),
  ip_ranges: {
    ...orNull("array", { items: { type: "string" } }),
    description: "Addresses and CIDR ranges from which the key may be used; null: from anywhere.",
  },
  client_ids: {
    ...orNull("array", { items: { type: "string" } }),
    description: "The applications by which the key may be used; null: by any that may exchange keys.",
  },
  disabled_at: timeOrNull("Since when the key is switched off; null: it is not."),
  revoked_at: timeOrNull("When the key was revoked; null: it is not."),
  revoked_reason: orNull("string"),
  rotation: {
    anyOf: [
      object({ previous_expires_at: time("Until when the previous secret works as well.") }),
      { type: "null" },
    ],
    description: "The rotation that is under way; null: only one secret works.",
  },
  last_used: {
    anyOf: [
      object({
        at: time("When the key was last exchanged."),
        ip: orNull("string"),
        count: orNull("integer", { minimum: 0, description: "How often it was exchanged." }),
      }),
      { type: "null" },
    ],
    description: "null: never, or not known.",
  },
});

const policy = object({
  default_lifetime_days: { type: "integer" },
  max_lifetime_days: { type: "integer" },
  allow_no_expiry: { type: "boolean" },
  max_keys: { type: "integer", description: "Living keys that a user may have." },
  default_overlap_seconds: { type: "integer" },
  max_overlap_seconds: { type: "integer" },
});

const grantable = object({
  scopes: {
    type: "array",
    items: object({
      value: { type: "string" },
      description: orNull("string"),
      audience: { type: "string" },
    }),
    maxItems: MAX_CHOICES,
    description: "What this user may give to a key, in the order of the deployment.",
  },
  organizations: {
    type: "array",
    items: object({ id: { type: "string" }, name: orNull("string") }),
    description: "The organizations to which this user may bind a key.",
  },
  organization_id: orNull("string", {
    description: "The organization that a key is bound to unless the request names another; null: none.",
  }),
  policy,
  exchange: {
    ...object({
      token_endpoint: { type: "string" },
      subject_token_type: { type: "string" },
      client_ids: strings("The applications that may exchange keys."),
    }),
    description: "How a key becomes an access token, RFC 8693; nothing of it is secret.",
  },
});

const problem = {
  ...object(
    {
      type: { type: "string", description: "The address of the page on this error." },
      title: { type: "string" },
      status: { type: "integer" },
      code: { type: "string", enum: Object.keys(PROBLEMS), description: "Stable: decide on this." },
      detail: { type: "string", description: "For people, who read what to do." },
      errors: {
        type: "array",
        items: object({ pointer: { type: "string" }, detail: { type: "string" } }),
        description: "Each mistake, with a JSON Pointer into the body, or the name of a header.",
      },
    },
    ["type", "title", "status", "code", "detail"],
  ),
  description: "RFC 9457.",
};

/** `components.schemas` of the OpenAPI document. */
export const SCHEMAS = {
  KeyId: KEY_ID,
  ApiKey: apiKey,
  ApiKeyList: object({
    api_keys: { type: "array", items: ref("ApiKey"), description: "Newest first, dead ones included." },
  }),
  ApiKeyAnswer: object({ api_key: ref("ApiKey") }),
  ShownKey: object({
    api_key: ref("ApiKey"),
    key: { type: "string", description: "The API key itself, shown this once." },
  }),
  CreateApiKey: object(
    {
      name: NAME,
      scopes: {
        type: "array",
        items: { type: "string", minLength: 1, maxLength: 280 },
        maxItems: MAX_CHOICES,
        description: "Of those that GET /scopes lists. An empty list: tokens without scopes.",
      },
      expires_in_days: EXPIRES_IN_DAYS,
      audiences: {
        type: "array",
        items: { type: "string", minLength: 1, maxLength: 600 },
        minItems: 1,
        maxItems: MAX_CHOICES,
        description: "The APIs that the key is for. Absent: all that keys are for.",
      },
      organization_id: {
        type: "string",
        minLength: 1,
        maxLength: 64,
        description: "Of those that GET /scopes lists. Absent: the one of the access token, or none.",
      },
      ip_ranges: {
        type: "array",
        items: { type: "string", minLength: 1, maxLength: 64 },
        minItems: 1,
        maxItems: 20,
        description: "Addresses and CIDR ranges. Absent: from anywhere.",
      },
    },
    ["name", "scopes"],
  ),
  UpdateApiKey: {
    ...object(
      { name: NAME, disabled: { type: "boolean", description: "true switches the key off, false on." } },
      [],
    ),
    minProperties: 1,
  },
  RotateApiKey: object(
    {
      overlap_seconds: {
        type: "integer",
        minimum: 0,
        maximum: 604_800,
        description: "How long the previous secret still works. Absent: 86,400 (a day).",
      },
      expires_in_days: {
        ...EXPIRES_IN_DAYS,
        description:
          "A new lifetime in days; null: never expires; absent: as long as before, within what the policy allows now.",
      },
    },
    [],
  ),
  GrantableScopes: grantable,
  Problem: problem,
};
