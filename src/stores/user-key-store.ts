import type { Management, ManagementClient } from "auth0";

import { ApiKeysError } from "../core/errors.ts";
import { isObject, readEntries, type KeyEntry } from "../core/key-entry.ts";
import { ask, ofUser } from "./ask.ts";

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
  /** When the user was made, in seconds since 1970; `undefined` where that was not told. */
  readonly createdAtSeconds: number | undefined;
  /** Ids of users that were linked into this one, and are no users of their own any more. */
  readonly linkedUserIds: readonly string[];
}

/** The truth: key entries in the `app_metadata` of Auth0's users. */
export interface UserKeyStore {
  /** Reads a user. Throws `user_not_found`, `profile_malformed`, or what the Management API answered. */
  read(userId: string): Promise<UserProfile>;
  /**
   * Replaces a user's entries, under the user's lock, and leaves the rest of `app_metadata` to others. Without any, the
   * field is gone. `besides` replaces another field in the same request. Gives the profile as Auth0's answer has it
   * then: `undefined` if that is no profile. Throws what the Management API answered.
   */
  write(
    userId: string,
    entries: readonly unknown[],
    besides?: Readonly<Record<string, readonly unknown[]>>,
  ): Promise<UserProfile | undefined>;
}

/** The entries in `field`, over Auth0's Management API, which needs `read:users` and `update:users`. */
export function userKeyStore(client: ManagementClient, field: string): UserKeyStore {
  return {
    async read(userId) {
      const fields = "user_id,app_metadata,identities,created_at";
      const user = await ask(ofUser(userId, "read:users"), () =>
        client.users.get(userId, { fields, include_fields: true }),
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
      const user = await ask(ofUser(userId, "update:users"), () => client.users.update(userId, change));
      return profileOf(user, field);
    },
  };
}

/** A user as the Management API or an export has it, as a profile; `undefined` if the field is there and no list. */
export function profileOf(
  user: {
    readonly user_id?: unknown;
    readonly identities?: unknown;
    readonly app_metadata?: unknown;
    readonly created_at?: unknown;
  },
  field: string,
): UserProfile | undefined {
  const appMetadata = user.app_metadata ?? {};
  if (!isObject(appMetadata)) return undefined;
  const entries = appMetadata[field] ?? [];
  if (!Array.isArray(entries)) return undefined;
  const { known: keys, newer } = readEntries(entries);
  const createdAtMs = typeof user.created_at === "string" ? Date.parse(user.created_at) : Number.NaN;
  const createdAtSeconds = Number.isNaN(createdAtMs) ? undefined : Math.floor(createdAtMs / 1000);
  const linkedUserIds = linkedUserIdsOf(user);
  return { appMetadata, field, entries, keys, newer, createdAtSeconds, linkedUserIds };
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
