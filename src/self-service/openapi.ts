import { PROBLEMS, type ProblemCode } from "./problems.ts";
import { SCHEMAS } from "./schemas.ts";

const ref = (name: keyof typeof SCHEMAS) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: keyof typeof SCHEMAS) => ({ "application/json": { schema: ref(name) } });

export const READ = "read:api_keys";
export const WRITE = "write:api_keys";

/** What every operation with an access token may be refused with. */
const ALWAYS: readonly ProblemCode[] = [
  "invalid_request",
  "invalid_token",
  "insufficient_scope",
  "key_derived_token",
  "not_a_user",
  "content_too_large",
  "too_many_requests",
  "internal_error",
  "temporarily_unavailable",
];
const OF_TERMS: readonly ProblemCode[] = ["name_taken", "name_invalid"];
const OF_NEW_SECRETS: readonly ProblemCode[] = [
  "recent_login_required",
  "unsupported_media_type",
  "lifetime_not_allowed",
  "idempotency_key_reused",
  "key_shown_already",
];

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly scope: typeof READ | typeof WRITE;
  readonly body?: keyof typeof SCHEMAS;
  readonly isBodyOptional?: true;
  readonly isIdempotencyKeyTaken?: true;
  readonly success: readonly [status: number, description: string, schema?: keyof typeof SCHEMAS];
  readonly problems: readonly ProblemCode[];
}

const list: Operation = {
  operationId: "listApiKeys",
  summary: "The caller's API keys, newest first.",
  scope: READ,
  success: [200, "The keys.", "ApiKeyList"],
  problems: [],
};
const create: Operation = {
  operationId: "createApiKey",
  summary: "Make an API key. The answer holds it, this once.",
  scope: WRITE,
  body: "CreateApiKey",
  isIdempotencyKeyTaken: true,
  success: [201, "The key was made.", "ShownKey"],
  problems: [
    ...OF_TERMS,
    ...OF_NEW_SECRETS,
    "key_limit_reached",
    "profile_too_large",
    "scope_not_grantable",
    "audience_unknown",
    "organization_not_allowed",
    "ip_range_invalid",
  ],
};
const show: Operation = {
  operationId: "getApiKey",
  summary: "One API key.",
  scope: READ,
  success: [200, "The key.", "ApiKeyAnswer"],
  problems: ["not_found"],
};
const update: Operation = {
  operationId: "updateApiKey",
  summary:
    "Rename an API key, or switch it off and on. What it may do cannot be changed. Asked for with a new name, off comes first, and holds if the name is refused.",
  scope: WRITE,
  body: "UpdateApiKey",
  success: [200, "The key as it is now.", "ApiKeyAnswer"],
  problems: [
    ...OF_TERMS,
    "ending_incomplete",
    "not_found",
    "key_dead",
    "profile_too_large",
    "recent_login_required",
    "unsupported_media_type",
  ],
};
const revoke: Operation = {
  operationId: "revokeApiKey",
  summary: "Revoke an API key for good. Again it is no error.",
  scope: WRITE,
  success: [204, "The key is revoked."],
  problems: ["ending_incomplete", "not_found"],
};
const rotate: Operation = {
  operationId: "rotateApiKey",
  summary: "Give an API key a new secret. The answer holds the new API key, this once.",
  scope: WRITE,
  body: "RotateApiKey",
  isBodyOptional: true,
  isIdempotencyKeyTaken: true,
  success: [200, "The key has a new secret; the previous one works until the overlap ends.", "ShownKey"],
  problems: [...OF_NEW_SECRETS, "not_found", "key_dead", "rotation_under_way", "profile_too_large"],
};
const ofRotation = (operationId: string, summary: string): Operation => ({
  operationId,
  summary,
  scope: WRITE,
  success: [200, "The key as it is now.", "ApiKeyAnswer"],
  problems: ["not_found", "key_dead", "no_rotation_under_way", "recent_login_required"],
});

/** Every operation that takes an access token, by path and method. */
const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api-keys": { get: list, post: create },
  "/api-keys/{id}": { get: show, patch: update, delete: revoke },
  "/api-keys/{id}/rotate": { post: rotate },
  "/api-keys/{id}/cancel-rotation": {
    post: ofRotation(
      "cancelRotation",
      "Withdraw the new secret of a rotation: the previous one is the key's again.",
    ),
  },
  "/api-keys/{id}/end-overlap": {
    post: ofRotation("endOverlap", "End the overlap of a rotation at once: only the new secret works."),
  },
  "/scopes": {
    get: {
      operationId: "listScopes",
      summary: "What the caller may give to an API key, and what the policy allows.",
      scope: READ,
      success: [200, "What may be given.", "GrantableScopes"],
      problems: [],
    },
  },
};

/** The same operations on the keys that the organization of the access token owns itself. */
const OF_ORGANIZATIONS: typeof OPERATIONS = Object.fromEntries(
  Object.entries(OPERATIONS).map(([path, methods]) => [
    `/organization${path}`,
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => [
        method,
        {
          ...operation,
          operationId: `${operation.operationId}OfOrganization`,
          summary: `For the organization of the access token: ${operation.summary}`,
          problems: ["organization_admin_required", ...operation.problems],
        },
      ]),
    ),
  ]),
);

/** The OpenAPI 3.1 document of the handler, relative to where the document itself is served. */
export const OPENAPI = {
  openapi: "3.1.0",
  info: {
    title: "API keys: self-service",
    version: "1.0.0",
    description:
      "Users manage their own API keys, with an access token of Auth0. Times are RFC 3339 in UTC. No answer may be cached. Keys of others do not exist here. With an access token of an organization, only that organization's keys exist; without one, all of the user's do. Under /organization are the keys that an organization owns itself, for users who manage them.",
  },
  servers: [{ url: "." }],
  paths: {
    ...Object.fromEntries(
      Object.entries({ ...OPERATIONS, ...OF_ORGANIZATIONS }).map(([path, methods]) => [
        path,
        {
          ...(path.includes("{id}") && {
            parameters: [{ name: "id", in: "path", required: true, schema: ref("KeyId") }],
          }),
          ...Object.fromEntries(
            Object.entries(methods).map(([method, operation]) => [method, documented(operation)]),
          ),
        },
      ]),
    ),
    "/openapi.json": {
      get: {
        operationId: "getOpenApi",
        summary: "This document.",
        security: [],
        responses: { 200: { description: "OpenAPI 3.1.", content: { "application/json": {} } } },
      },
    },
  },
  components: {
    schemas: SCHEMAS,
    securitySchemes: { accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
  },
};

function documented(operation: Operation): object {
  const { operationId, summary, scope, body, success } = operation;
  const [status, description, schema] = success;
  return {
    operationId,
    summary,
    security: [{ accessToken: [scope] }],
    ...(operation.isIdempotencyKeyTaken && {
      parameters: [
        {
          name: "Idempotency-Key",
          in: "header",
          schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]*$" },
          description:
            "A random text, as a UUID, new for each request that is meant: the same request again within an hour makes nothing new, and is answered as the first.",
        },
      ],
    }),
    ...(body && {
      requestBody: { required: operation.isBodyOptional !== true, content: json(body) },
    }),
    responses: {
      [status]: { description, ...(schema && { content: json(schema) }) },
      ...problemResponses([...ALWAYS, ...operation.problems]),
    },
  };
}

function problemResponses(codes: readonly ProblemCode[]): object {
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))].toSorted((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: codes.filter((code) => PROBLEMS[code].status === status).join(", "),
        content: { "application/problem+json": { schema: ref("Problem") } },
      },
    ]),
  );
}
