import { type ManagementClient, ManagementError, type Management } from "auth0";

import { ApiKeysError } from "../core/errors.ts";
import { isObject, readEntries, type KeyEntry } from "../core/key-entry.ts";

/** A user's `app_metadata` as it was read, and what a deployment's field of it holds. */
export interface UserProfile {
  readonly appMetadata: Record<string, unknown>;
  /** The name of the deployment's field. */
  readonly field: string;
  /** All that is in the field, malformed entries included: they are written back as they were. */
  readonly entries: readonly unknown[];
  /** The entries that are well-formed. */
  readonly keys: readonly KeyEntry[];
  /** Entries with members that this version does not know, and which it does not rewrite without them. */
  readonly newer: readonly KeyEntry[];
  /** Ids of users that were linked into this one, and are no users of their own any more. */
  readonly linkedUserIds: readonly string[];
}

/** The truth: key entries in the `app_metadata` of Auth0's users. */
export interface UserKeyStore {
  /** Reads a user. Throws `user_not_found`, `profile_malformed`, or what the Management API answered. */
  read(userId: string): Promise<UserProfile>;
  /**
   * Replaces a user's entries, under the user's lock, and leaves the rest of `app_metadata` to others. Without any, the
   * field is gone. `besides` replaces another field in the same request. Throws what the Management API answered.
   */
  write(
    userId: string,
    entries: readonly unknown[],
    besides?: Readonly<Record<string, readonly unknown[]>>,
  ): Promise<void>;
}

/** The entries in `field`, over Auth0's Management API, which needs `read:users` and `update:users`. */
export function userKeyStore(client: ManagementClient, field: string): UserKeyStore {
  return {
    async read(userId) {
      const user = await ask(userId, () =>
        client.users.get(userId, { fields: "user_id,app_metadata,identities", include_fields: true }),
      );
      const profile = profileOf(user, field);
      if (profile) return profile;
      throw new ApiKeysError(
        "profile_malformed",
        `app_metadata.${field} of ${userId} is no list, so it is not ours to change.`,
        "Look at the user in the Auth0 dashboard, and rename or remove that field.",
      );
    },
    async write(userId, entries, besides = {}) {
      // Auth0 merges the first level of app_metadata, and null removes a field of it.
      const fields = Object.entries({ ...besides, [field]: entries }).map(([name, list]) => [
        name,
        list.length === 0 ? null : list,
      ]);
      const change = { app_metadata: Object.fromEntries(fields) } as Management.UpdateUserRequestContent;
      await ask(userId, () => client.users.update(userId, change));
    },
  };
}

/** A user as the Management API or an export has it, as a profile; `undefined` if the field is there and no list. */
export function profileOf(
  user: { readonly user_id?: unknown; readonly identities?: unknown; readonly app_metadata?: unknown },
  field: string,
): UserProfile | undefined {
  const appMetadata = user.app_metadata ?? {};
  if (!isObject(appMetadata)) return undefined;
  const entries = appMetadata[field] ?? [];
  if (!Array.isArray(entries)) return undefined;
  const { known: keys, newer } = readEntries(entries);
  return { appMetadata, field, entries, keys, newer, linkedUserIds: linkedUserIdsOf(user) };
}

/** A profile's `app_metadata` with other entries in the deployment's field. */
export function withEntries(
  { appMetadata, field }: UserProfile,
  entries: readonly unknown[],
): Record<string, unknown> {
  return { ...appMetadata, [field]: entries };
}

/** The ids of the users that were linked into a user: its identities without its own. */
function linkedUserIdsOf(user: {
  readonly user_id?: unknown;
  readonly identities?: unknown;
}): readonly string[] {
  const identities: unknown[] = Array.isArray(user.identities) ? user.identities : [];
  return identities
    .filter(isObject)
    .map((one) => `${String(one["provider"])}|${String(one["user_id"])}`)
    .filter((id) => id !== user.user_id);
}

/** Whether a failed write may have been carried out all the same: it must be read again to know. */
export function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof ApiKeysError && error.code === "management_unavailable";
}

/** Awaits an answer of the Management API about a user; every failure becomes one of our errors. */
export async function ask<T>(userId: string, request: () => PromiseLike<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw explain(error, userId);
  }
}

/** Every failure of the Management API as one of our errors, by status: its texts are for people and may change. */
function explain(error: unknown, userId: string): ApiKeysError {
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
        `Auth0 refused the request.${said}`,
        "Grant the machine-to-machine application read:users and update:users on the Auth0 Management API.",
        error,
      );
    case 404:
      return new ApiKeysError(
        "user_not_found",
        `There is no user ${userId} in this tenant.`,
        "Give the user_id as the Auth0 dashboard shows it, as in: --user 'auth0|507f1f77bcf86cd799439020'",
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
      if (status !== undefined && status >= 400 && status < 500 && status !== 408) {
        return new ApiKeysError(
          "management_refused",
          `Auth0 refused the request with status ${status}.${said}`,
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
  const resetSeconds = Number(headers?.get("x-ratelimit-reset"));
  return resetSeconds > 0 ? ` It is lifted at ${new Date(resetSeconds * 1000).toISOString()}.` : "";
}
