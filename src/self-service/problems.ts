/**
 * Every refusal of the handler: its status, what people read first, and what they do about it. Each code has a page in
 * `docs/errors/`.
 */
export const PROBLEMS = {
  invalid_request: {
    status: 400,
    title: "The request is not of the form that is asked for.",
    detail: "Correct what `errors` lists; the OpenAPI document describes each request.",
  },
  invalid_token: {
    status: 401,
    title: "There is no valid access token.",
    detail: "Send a current access token for this API, as Authorization: Bearer.",
  },
  recent_login_required: {
    status: 401,
    title: "The user has to log in again first.",
    detail: "Let the user log in again, then repeat the request with the new access token.",
  },
  insufficient_scope: {
    status: 403,
    title: "The access token lacks a scope.",
    detail: "Ask for the scope when the user logs in.",
  },
  key_derived_token: {
    status: 403,
    title: "A token of an API key cannot manage API keys.",
    detail: "Use an access token that the user got by logging in.",
  },
  not_a_user: {
    status: 403,
    title: "The access token is not that of a user.",
    detail: "Use an access token that a user got by logging in.",
  },
  organization_admin_required: {
    status: 403,
    title: "The caller does not manage the keys of an organization.",
    detail: "Use an access token of the organization, of a user with the permission for it.",
  },
  not_found: {
    status: 404,
    title: "There is no such thing.",
    detail: "List the API keys: GET /api-keys.",
  },
  method_not_allowed: {
    status: 405,
    title: "This address does not know the method.",
    detail: "Use one of the methods in the header Allow.",
  },
  name_taken: {
    status: 409,
    title: "Another API key has this name.",
    detail: "Choose another name, or revoke the other key.",
  },
  key_limit_reached: {
    status: 409,
    title: "There are as many API keys as are allowed.",
    detail: "Revoke an API key that is not needed.",
  },
  profile_too_large: {
    status: 409,
    title: "There is no room for another API key.",
    detail: "Revoke API keys that are not needed; an operator can drop dead ones.",
  },
  key_dead: {
    status: 409,
    title: "The API key was revoked or has expired.",
    detail: "Make a new API key.",
  },
  rotation_under_way: {
    status: 409,
    title: "The API key was rotated, and its previous secret still works.",
    detail: "Withdraw the new secret, or end the overlap, then rotate again.",
  },
  no_rotation_under_way: {
    status: 409,
    title: "Only one secret of the API key works.",
    detail: "There is nothing to withdraw and nothing to end.",
  },
  key_shown_already: {
    status: 409,
    title: "The API key of this Idempotency-Key cannot be shown any more.",
    detail: "It was changed since. Rotate the API key, or make another with a new Idempotency-Key.",
  },
  content_too_large: {
    status: 413,
    title: "The request is too large.",
    detail: "Send less.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The request is not JSON.",
    detail: "Send JSON, and the header Content-Type: application/json.",
  },
  name_invalid: {
    status: 422,
    title: "The name cannot be used.",
    detail: "Give 1 to 64 printable characters, with no blank at either end.",
  },
  scope_not_grantable: {
    status: 422,
    title: "A scope is not one that may be given to API keys.",
    detail: "Choose of those that GET /scopes lists.",
  },
  audience_unknown: {
    status: 422,
    title: "An audience is not one that API keys are for.",
    detail: "Choose of those that GET /scopes lists, or leave it out.",
  },
  organization_not_allowed: {
    status: 422,
    title: "The organization is not one of the user's.",
    detail: "Choose of those that GET /scopes lists, or leave it out.",
  },
  ip_range_invalid: {
    status: 422,
    title: "An IP range is not one.",
    detail: "Give addresses or CIDR ranges, as in 203.0.113.0/24.",
  },
  lifetime_not_allowed: {
    status: 422,
    title: "API keys may not live that long.",
    detail: "Choose a lifetime that the policy in GET /scopes allows.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "The Idempotency-Key was used for another request.",
    detail: "Send a new Idempotency-Key with each request that is meant.",
  },
  too_many_requests: {
    status: 429,
    title: "There were too many requests.",
    detail: "Wait as long as the header Retry-After says.",
  },
  internal_error: {
    status: 500,
    title: "The request could not be processed.",
    detail: "Tell the operator, whose log says why.",
  },
  ending_incomplete: {
    status: 503,
    title: "The API key has stopped working, but this is not yet saved everywhere.",
    detail: "Repeat the same request in a moment, until it succeeds.",
  },
  temporarily_unavailable: {
    status: 503,
    title: "API keys cannot be managed at the moment.",
    detail: "Repeat the same request, with the same Idempotency-Key, in a moment.",
  },
} as const satisfies Record<
  string,
  { readonly status: number; readonly title: string; readonly detail: string }
>;

/** What a refusal says of itself in `code`: stable, to decide on. */
export type ProblemCode = keyof typeof PROBLEMS;
