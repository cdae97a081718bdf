/** Every refusal of the handler: its status, and what people read first. Each code has a page in `docs/errors/`. */
export const PROBLEMS = {
  invalid_request: { status: 400, title: "The request is not of the form that is asked for." },
  invalid_token: { status: 401, title: "There is no valid access token." },
  recent_login_required: { status: 401, title: "The user has to log in again first." },
  insufficient_scope: { status: 403, title: "The access token lacks a scope." },
  key_derived_token: { status: 403, title: "A token of an API key cannot manage API keys." },
  not_a_user: { status: 403, title: "The access token is not that of a user." },
  not_found: { status: 404, title: "There is no such thing." },
  method_not_allowed: { status: 405, title: "This address does not know the method." },
  name_taken: { status: 409, title: "Another API key has this name." },
  key_limit_reached: { status: 409, title: "There are as many API keys as are allowed." },
  profile_too_large: { status: 409, title: "There is no room for another API key." },
  key_dead: { status: 409, title: "The API key was revoked or has expired." },
  rotation_under_way: { status: 409, title: "The API key was rotated, and its previous secret still works." },
  no_rotation_under_way: { status: 409, title: "Only one secret of the API key works." },
  key_shown_already: { status: 409, title: "The API key of this Idempotency-Key cannot be shown any more." },
  content_too_large: { status: 413, title: "The request is too large." },
  unsupported_media_type: { status: 415, title: "The request is not JSON." },
  name_invalid: { status: 422, title: "The name cannot be used." },
  scope_not_grantable: { status: 422, title: "A scope is not one that may be given to API keys." },
  audience_unknown: { status: 422, title: "An audience is not one that API keys are for." },
  organization_not_allowed: { status: 422, title: "The organization is not one of the user's." },
  ip_range_invalid: { status: 422, title: "An IP range is not one." },
  lifetime_not_allowed: { status: 422, title: "API keys may not live that long." },
  idempotency_key_reused: { status: 422, title: "The Idempotency-Key was used for another request." },
  too_many_requests: { status: 429, title: "There were too many requests." },
  internal_error: { status: 500, title: "The request could not be processed." },
  temporarily_unavailable: { status: 503, title: "API keys cannot be managed at the moment." },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

/** What a refusal says of itself in `code`: stable, to decide on. */
export type ProblemCode = keyof typeof PROBLEMS;
