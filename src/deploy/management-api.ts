import { ManagementError, type ManagementClient } from "auth0";

import { ApiKeysError } from "../core/errors.ts";

const MAX_ATTEMPTS = 6;
const MAX_WAIT_MS = 60_000;
const WAIT_WITHOUT_HEADER_MS = 1_000;

/** Time, handed in. */
export interface DeployClock {
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** The Management API as a deployment uses it. */
export interface ManagementApi {
  readonly client: ManagementClient;
  readonly clock: DeployClock;
  /**
   * Sends a request. One that is refused by the rate limit is sent again once that is lifted, for it had no effect;
   * nothing else is repeated. Throws an `ApiKeysError` with `doing` in it.
   */
  readonly ask: <T>(doing: string, request: () => PromiseLike<T>) => Promise<T>;
  /** Like `ask`, with `undefined` for what does not exist. */
  readonly find: <T>(doing: string, request: () => PromiseLike<T>) => Promise<T | undefined>;
}

/** Joins a client to a clock. */
export function managementApi(client: ManagementClient, clock: DeployClock): ManagementApi {
  const send = async <T>(request: () => PromiseLike<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        if (statusOf(error) !== 429 || attempt === MAX_ATTEMPTS) throw error;
        await clock.sleep(waitMs(error, clock.nowMs(), attempt));
      }
    }
  };
  return {
    client,
    clock,
    async ask(doing, request) {
      try {
        return await send(request);
      } catch (error) {
        throw explain(error, doing);
      }
    },
    async find(doing, request) {
      try {
        return await send(request);
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw explain(error, doing);
      }
    },
  };
}

/** The HTTP status of a failure, if there was an answer at all. */
function statusOf(error: unknown): number | undefined {
  return error instanceof ManagementError ? error.statusCode : undefined;
}

function waitMs(error: unknown, nowMs: number, attempt: number): number {
  const headers = error instanceof ManagementError ? error.rawResponse?.headers : undefined;
  const resetSeconds = Number(headers?.get("x-ratelimit-reset"));
  // The SDK keeps no headers of a refused token request: wait twice as long each time, 31 s in all.
  if (!(resetSeconds > 0)) return WAIT_WITHOUT_HEADER_MS * 2 ** (attempt - 1);
  return Math.min(MAX_WAIT_MS, Math.max(0, resetSeconds * 1000 - nowMs));
}

/** A failure as one of our errors. Auth0's texts quote nothing that is secret: bodies of requests are not in them. */
function explain(error: unknown, doing: string): unknown {
  if (error instanceof ApiKeysError) return error;
  const status = statusOf(error);
  const body = error instanceof ManagementError ? error.body : undefined;
  const message = (body as { readonly message?: unknown } | null | undefined)?.message;
  const said = typeof message === "string" ? ` It said: ${message}` : "";
  const refused = `Auth0 refused to ${doing}.${said}`;
  switch (status) {
    case 401:
      return new ApiKeysError(
        "management_unauthorized",
        refused,
        "Check AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET.",
      );
    case 403:
      return new ApiKeysError(
        "management_forbidden",
        refused,
        "See what is missing with: npm run deploy -- doctor",
      );
    case 429:
      return new ApiKeysError("management_rate_limited", refused, "Run the same command again later.");
    default:
      if (status !== undefined && status >= 400 && status < 500 && status !== 408) {
        return new ApiKeysError("management_refused", refused, "Look at the tenant in the Auth0 dashboard.");
      }
      return new ApiKeysError(
        "management_unavailable",
        `Auth0 did not answer a request to ${doing}; it may have been carried out.`,
        "Run the same command again: it goes on from where this one ended.",
      );
  }
}
