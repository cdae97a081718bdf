import { redactKeys } from "../core/key-format.ts";

/**
 * Why there is no token. Names of RFC 6749, RFC 8693 and Auth0 where the server gave one; the others are ours:
 * `malformed_key` (found offline), `refused` (an error code of the tenant's own), `network_error`, `timeout` and
 * `nonconforming_answer`.
 */
export type ExchangeErrorCode = keyof typeof CASES;

interface Case {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly message: string;
  readonly fix: string;
}

const ASK_FOR_A_KEY = "Check the key with whoever gave it to you, or make a new one.";
const WAIT = "Try again later.";

const CASES = {
  malformed_key: {
    retryable: false,
    message: "This is no API key: it was mistyped or cut.",
    fix: "Copy the whole key again.",
  },
  invalid_request: { retryable: false, message: "The API key was refused.", fix: ASK_FOR_A_KEY },
  access_denied: { retryable: false, message: "Access was denied.", fix: ASK_FOR_A_KEY },
  invalid_scope: {
    retryable: false,
    message: "The API key does not have a requested scope.",
    fix: "Request fewer scopes, or make a key that has them.",
  },
  invalid_target: {
    retryable: false,
    message: "The API key may not be used for this audience.",
    fix: "Request another audience, or make a key for it.",
  },
  unauthorized_client: {
    retryable: false,
    message: "This client may not exchange this API key.",
    fix: "Allow the client in the key, and token exchange in the client's settings.",
  },
  invalid_client: {
    retryable: false,
    message: "The tenant does not know this client, or its secret is wrong.",
    fix: "Check the client id and its secret.",
  },
  mfa_required: {
    retryable: false,
    message: "The tenant demands a second factor, which an API key cannot give.",
    fix: "Exempt token exchange from the tenant's MFA policy.",
  },
  refused: { retryable: false, message: "The tenant refused the exchange.", fix: ASK_FOR_A_KEY },
  too_many_requests: { retryable: true, message: "The tenant's rate limit is reached.", fix: WAIT },
  too_many_attempts: {
    retryable: true,
    message: "The tenant blocks this address after too many wrong API keys.",
    fix: "Find what sends wrong keys, then wait.",
  },
  server_error: { retryable: true, message: "The tenant could not check the API key.", fix: WAIT },
  network_error: {
    retryable: true,
    message: "The tenant cannot be reached.",
    fix: "Check the domain and the network.",
  },
  timeout: { retryable: true, message: "The tenant did not answer in time.", fix: WAIT },
  nonconforming_answer: {
    retryable: false,
    message: "What answered is no token endpoint.",
    fix: "Check the domain, and proxies on the way to it.",
  },
} as const satisfies Record<string, Case>;

/** What is known of a failure beyond its code. */
export interface ExchangeErrorDetails {
  readonly status?: number | undefined;
  /** `error` and `error_description` as the server sent them. */
  readonly error?: string | undefined;
  readonly error_description?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly rateLimit?: number | undefined;
  readonly cause?: unknown;
}

/** A failed exchange. Decide on `code` and `retryable`; `message` and `fix` are for people. Never holds a key or token. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly code: ExchangeErrorCode;
  readonly retryable: boolean;
  readonly fix: string;
  /** The HTTP status, where there was an answer. */
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly error_description: string | undefined;
  /** Milliseconds from now after which another attempt makes sense, where that is known. */
  readonly retryAfterMs: number | undefined;
  /** The tenant's `x-ratelimit-limit`, where it sent one with a 429. */
  readonly rateLimit: number | undefined;

  constructor(code: ExchangeErrorCode, details: ExchangeErrorDetails = {}) {
    const { message, retryable, fix } = CASES[code];
    const said = details.error_description && redactKeys(details.error_description);
    const when =
      details.retryAfterMs === undefined ? "" : ` (in ${Math.ceil(details.retryAfterMs / 1000)} s)`;
    super(
      said ? `${message} The tenant says: ${said}` : message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.retryable = retryable;
    this.fix = fix.replace(/\.$/, `${when}.`);
    this.status = details.status;
    this.error = details.error;
    this.error_description = said;
    this.retryAfterMs = details.retryAfterMs;
    this.rateLimit = details.rateLimit;
  }
}
