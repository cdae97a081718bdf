import { ManagementError } from "auth0";

import { ApiKeysError, type ApiKeysErrorCode } from "../core/errors.ts";
import { isObject } from "../core/key-entry.ts";

/** What is asked of the Management API. */
export interface Asked {
  /** What it is about, as people say it: `the user auth0|507f…`, `the users export job_…`. */
  readonly about: string;
  /** The permissions that it needs, separated by blanks. */
  readonly permission: string;
  /** The code of the error if there is no such thing; absent: `management_refused`. */
  readonly missing?: ApiKeysErrorCode;
  /** How to name one that exists. */
  readonly fix?: string;
}

/** A question about a user. */
export function ofUser(userId: string, permission: string): Asked {
  return {
    about: `the user ${userId}`,
    permission,
    missing: "user_not_found",
    fix: "Give the user_id as the Auth0 dashboard shows it, as in: --user 'auth0|507f1f77bcf86cd799439020'",
  };
}

/** A question about an organization. */
export function ofOrganization(organizationId: string, permission: string): Asked {
  return {
    about: `the organization ${organizationId}`,
    permission,
    missing: "organization_not_found",
    fix: "Give its id as the Auth0 dashboard shows it, as in: --org org_4fJ2kQ9xZb1T3hXy",
  };
}

/** Awaits an answer of the Management API; every failure becomes one of our errors, which says what was asked for. */
export async function ask<T>(asked: Asked, request: () => PromiseLike<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw explain(error, asked);
  }
}

/** Every failure of the Management API as one of our errors, by status: its texts are for people and may change. */
function explain(error: unknown, { about, permission, missing, fix }: Asked): ApiKeysError {
  const status = error instanceof ManagementError ? error.statusCode : undefined;
  const body = error instanceof ManagementError && isObject(error.body) ? error.body : {};
  const said = typeof body["message"] === "string" ? ` It said: ${body["message"]}` : "";
  switch (status) {
    case 401:
      return new ApiKeysError(
        "management_unauthorized",
        "Auth0 did not accept the credentials for its Management API.",
        "Check AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET.",
        error,
      );
    case 403:
      return new ApiKeysError(
        "management_forbidden",
        `Auth0 refused a request about ${about}.${said}`,
        `Grant the machine-to-machine application on the Auth0 Management API: ${permission}`,
        error,
      );
    case 429:
      return new ApiKeysError(
        "management_rate_limited",
        `Auth0's rate limit is reached.${until(error)}`,
        "Wait, then run the same command again.",
        error,
      );
    default:
      if (status === 404 && missing !== undefined) {
        const found = about.replace(/^the /, "");
        return new ApiKeysError(missing, `There is no ${found} in this tenant.`, fix ?? "", error);
      }
      if (status !== undefined && status >= 400 && status < 500 && status !== 408) {
        return new ApiKeysError(
          "management_refused",
          `Auth0 refused a request about ${about} with status ${status}.${said}`,
          "Look at the tenant's logs in the Auth0 dashboard.",
          error,
        );
      }
      return new ApiKeysError(
        "management_unavailable",
        status === undefined
          ? "Auth0's Management API could not be reached, or did not answer in time."
          : `Auth0's Management API answered with status ${status}.`,
        "Check AUTH0_DOMAIN and the network, then run the same command again.",
        error,
      );
  }
}

function until(error: unknown): string {
  const headers = error instanceof ManagementError ? error.rawResponse?.headers : undefined;
  const lifted = new Date(Number(headers?.get("x-ratelimit-reset")) * 1000);
  // What is beyond all dates is none.
  return lifted.getTime() > 0 ? ` It is lifted at ${lifted.toISOString()}.` : "";
}
