import type { ApiKey } from "../core/api-key.ts";
import {
  checkOptions,
  FUNCTION,
  havingMethods,
  orUndefined,
  SAFE_URL,
  STRING,
  TEXT,
  type Rules,
} from "../core/check-options.ts";
import { ExchangeError, type ExchangeErrorCode } from "./exchange-error.ts";
import { readObject } from "./read-answer.ts";
import { rateLimit, retryAfterMs } from "./retry.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";
// RFC 6750 §2.1. Anything else could break out of the header that it is put in.
const B64TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
// An answer has a token and little else: what is longer is none.
const MAX_ANSWER_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;

const OFFERED_SCOPE = /^.*\[scope: ([\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*)\]$/s;

/** What each part of an endpoint must be. */
export const ENDPOINT_RULES: Rules<ExchangeEndpoint> = {
  token_endpoint: SAFE_URL,
  client_id: TEXT,
  client_secret: orUndefined(TEXT),
  subject_token_type: TEXT,
};

/** What each parameter must be. */
export const PARAMETER_RULES: Rules<ExchangeParameters> = {
  audience: TEXT,
  scope: orUndefined(STRING),
  organization: orUndefined(STRING),
  forwardedFor: orUndefined(STRING),
};

const REQUEST_RULES: Rules<ExchangeRequestOptions> = {
  fetch: orUndefined(FUNCTION),
  signal: orUndefined(havingMethods("addEventListener")),
};

/** Where keys are exchanged, and as which client. Names of the wire. */
export interface ExchangeEndpoint {
  /** `https://{domain}/oauth/token`; plain http for this machine alone. */
  readonly token_endpoint: string;
  readonly client_id: string;
  /** Of a confidential client; sent in the body (`client_secret_post`). */
  readonly client_secret?: string | undefined;
  /** Of the deployment's token exchange profile, as in `urn:acme:api-key`. */
  readonly subject_token_type: string;
}

/** What the token is for. */
export interface ExchangeParameters {
  /** The identifier of the API. */
  readonly audience: string;
  /** Space-delimited. Without it a token source gets all that the key has; an exchange by itself is refused. */
  readonly scope?: string | undefined;
  /** Id or name. Keys that are bound to an organization need none. */
  readonly organization?: string | undefined;
  /** The end user's address, sent as `auth0-forwarded-for`: a confidential client that the tenant trusts may name it. */
  readonly forwardedFor?: string | undefined;
}

/** How the request is made. */
export interface ExchangeRequestOptions {
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** Ends the request and the reading of its answer. Default: after 10 seconds. */
  readonly signal?: AbortSignal | undefined;
}

/** A successful answer, RFC 8693 §2.2.1. `scope` is there only where it differs from what was requested. */
export interface ExchangeAnswer {
  readonly access_token: string;
  readonly token_type: "Bearer";
  /** The token's lifetime in seconds. */
  readonly expires_in: number;
  readonly scope?: string;
}

/**
 * Sends an API key to the token endpoint and gives the answer as it came, for {@link processExchangeResponse}. Throws
 * an {@link ExchangeError} `network_error` or `timeout` where there is none, `TypeError` for what is missing, wrong or
 * unknown, and for a `token_endpoint` that would send the key in the clear.
 */
export async function exchangeApiKeyRequest(
  endpoint: ExchangeEndpoint,
  apiKey: ApiKey,
  parameters: ExchangeParameters,
  options: ExchangeRequestOptions = {},
): Promise<Response> {
  checkOptions("endpoint", endpoint, ENDPOINT_RULES);
  checkOptions("parameters", parameters, PARAMETER_RULES);
  checkOptions("options", options, REQUEST_RULES);
  // Never requested_token_type: Auth0 refuses custom exchanges that carry it.
  const body = new URLSearchParams({
    grant_type: GRANT_TYPE,
    client_id: endpoint.client_id,
    subject_token_type: endpoint.subject_token_type,
    subject_token: apiKey.reveal(),
    audience: parameters.audience,
  });
  if (endpoint.client_secret !== undefined) body.set("client_secret", endpoint.client_secret);
  if (parameters.scope) body.set("scope", parameters.scope);
  if (parameters.organization) body.set("organization", parameters.organization);
  const headers = new Headers({
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
  });
  if (parameters.forwardedFor) headers.set("auth0-forwarded-for", parameters.forwardedFor);
  try {
    return await (options.fetch ?? fetch)(endpoint.token_endpoint, {
      method: "POST",
      headers,
      body: body.toString(),
      // A key follows no redirect.
      redirect: "manual",
      signal: options.signal ?? AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw failureOf(error);
  }
}

/**
 * Reads the answer to {@link exchangeApiKeyRequest}. Throws an {@link ExchangeError} for every answer but a bearer
 * access token with a lifetime.
 */
export async function processExchangeResponse(
  response: Response,
  nowMs: () => number = Date.now,
): Promise<ExchangeAnswer> {
  const { status } = response;
  const json = await readObject(response, MAX_ANSWER_BYTES).catch((error: unknown) => {
    throw failureOf(error);
  });
  if (status === 200) {
    const answer = json && successOf(json);
    if (answer) return answer;
    throw new ExchangeError("nonconforming_answer", { status });
  }
  const error = textOf(json?.["error"]);
  throw new ExchangeError(codeOf(status, error), {
    status,
    error,
    error_description: textOf(json?.["error_description"]),
    retryAfterMs: status === 429 || status === 503 ? retryAfterMs(response.headers, nowMs()) : undefined,
    rateLimit: status === 429 ? rateLimit(response.headers) : undefined,
  });
}

function successOf(json: Readonly<Record<string, unknown>>): ExchangeAnswer | undefined {
  const { access_token, token_type, expires_in, issued_token_type = ACCESS_TOKEN_TYPE, scope } = json;
  const isBearer =
    typeof access_token === "string" &&
    B64TOKEN.test(access_token) &&
    textOf(token_type)?.toLowerCase() === "bearer" &&
    issued_token_type === ACCESS_TOKEN_TYPE;
  const isLimited = typeof expires_in === "number" && Number.isFinite(expires_in) && expires_in > 0;
  if (!isBearer || !isLimited || (scope !== undefined && typeof scope !== "string")) return undefined;
  return { access_token, token_type: "Bearer", expires_in, ...(scope !== undefined && { scope }) };
}

/**
 * The scopes that a key has, where an exchange was refused because none was asked for: the description then ends in
 * `[scope: a b]`. Nothing but scope tokens of RFC 6749 §3.3.
 */
export function offeredScope({ code, error_description = "" }: ExchangeError): string | undefined {
  if (code !== "invalid_scope") return undefined;
  return OFFERED_SCOPE.exec(error_description)?.[1];
}

/** Decided by status and `error`, never by the text of the description. */
function codeOf(status: number, error: string | undefined): ExchangeErrorCode {
  if (status === 429) return error === "too_many_attempts" ? error : "too_many_requests";
  if (status >= 500) return "server_error";
  if (status === 401 && error !== undefined) return "invalid_client";
  switch (error) {
    case undefined:
      return "nonconforming_answer";
    case "invalid_request":
    case "access_denied":
    case "invalid_scope":
    case "invalid_target":
    case "unauthorized_client":
    case "invalid_client":
    case "mfa_required":
    case "server_error":
      return error;
    default:
      return "refused";
  }
}

function failureOf(error: unknown): ExchangeError {
  const isTimeout = error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
  return new ExchangeError(isTimeout ? "timeout" : "network_error", { cause: error });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
