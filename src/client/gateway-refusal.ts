import type { ExchangeError } from "./exchange-error.ts";

/** An answer that a gateway gives itself. */
export interface GatewayRefusal {
  readonly kind: "refused";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: string; readonly error_description: string };
}

/** Error codes of RFC 6750 §3.1. */
type BearerError = "invalid_request" | "invalid_token" | "insufficient_scope";

const STATUS = { invalid_request: 400, invalid_token: 401, insufficient_scope: 403 } as const;
const DEFAULT_RETRY_SECONDS = 1;

/** A refusal with the `WWW-Authenticate` challenge of RFC 6750 §3. */
export function challenge(error: BearerError, description: string): GatewayRefusal {
  // RFC 6750 §3 allows neither quotes nor backslashes in it, nor anything outside of ASCII.
  const error_description = description.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'");
  const header = `Bearer error="${error}", error_description="${error_description}"`;
  return {
    kind: "refused",
    status: STATUS[error],
    headers: { "www-authenticate": header, "cache-control": "no-store" },
    body: { error, error_description },
  };
}

/** The refusal for a failed exchange: the caller's, the limits', or the gateway's own, of which it says little. */
export function refusalOf(error: ExchangeError): GatewayRefusal {
  const description = error.error_description ?? error.message;
  switch (error.code) {
    case "malformed_key":
    case "invalid_request":
    case "access_denied":
    case "invalid_target":
    case "unauthorized_client":
    case "mfa_required":
    case "refused":
      return challenge("invalid_token", description);
    case "invalid_scope":
      return challenge("insufficient_scope", description);
    case "too_many_attempts":
      return answer(429, error.code, "Too many wrong API keys came from this address.", error.retryAfterMs);
    case "too_many_requests":
    case "server_error":
    case "network_error":
    case "timeout":
      return unavailable(error.retryAfterMs);
    case "invalid_client":
    case "nonconforming_answer":
      return answer(502, "bad_gateway", "API keys cannot be exchanged here at the moment.");
  }
}

/** 503: keys cannot be checked now. */
export function unavailable(retryAfterMs: number = DEFAULT_RETRY_SECONDS * 1000): GatewayRefusal {
  return answer(503, "temporarily_unavailable", "API keys cannot be checked at the moment.", retryAfterMs);
}

function answer(
  status: number,
  error: string,
  error_description: string,
  retryAfterMs?: number,
): GatewayRefusal {
  const retry = retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
  return {
    kind: "refused",
    status,
    headers: { ...retry, "cache-control": "no-store" },
    body: { error, error_description },
  };
}
