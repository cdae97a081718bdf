import type { ContentfulStatusCode } from "hono/utils/http-status";

/** A refusal of the token endpoint, RFC 6749 §5.2, with the status that Auth0 gives it. */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  readonly status: ContentfulStatusCode;
  readonly error: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What only the tenant log tells. */
  readonly detail: string | undefined;
  /** What the answer holds besides `error` and `error_description`. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(
    status: number,
    error: string,
    description: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly detail?: string;
      readonly fields?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(description);
    this.status = status as ContentfulStatusCode;
    this.error = error;
    this.headers = options.headers ?? {};
    this.detail = options.detail;
    this.fields = options.fields ?? {};
  }
}

/** 400 `invalid_request`. */
export function invalidRequest(description: string): OAuthError {
  return new OAuthError(400, "invalid_request", description);
}
