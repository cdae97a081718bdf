import { isDeepStrictEqual } from "node:util";

import { entryOfRecord, withEndOf } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { recordOf, type KeyRecord } from "../core/key-record.ts";
import { refuseOversizedProfile } from "../core/policy.ts";
import { withEntries } from "../stores/user-key-store.ts";
import { audited } from "./audit.ts";
import { requireOurStore } from "./init.ts";
import { newerKey } from "./change.ts";
import type { Keys } from "./keys.ts";
import { writeEntries } from "./write-entries.ts";

/**
 * Gives the keys of a user that was linked into another to that other: linking drops the `app_metadata` and the id of
 * the secondary user, and its keys with them. Entries first, made from the records where they are lost; then the
 * records with their new user. The same call again completes what is missing; what was transferred is not transferred
 * again. Throws `transfer_refused` unless `fromUserId` is an identity of `toUserId`, `user_not_found`,
 * `profile_too_large`, or what a store answered.
 */
export async function transferKeys(
  keys: Keys,
  fromUserId: string,
  toUserId: string,
): Promise<readonly KeyEntry[]> {
  return audited(
    keys,
    { operation: "transfer", userId: toUserId },
    async () => transfer(keys, fromUserId, toUserId),
    (transferred) => ({ changes: transferred.map(({ id }) => id) }),
  );
}

async function transfer(keys: Keys, fromUserId: string, toUserId: string): Promise<readonly KeyEntry[]> {
  await requireOurStore(keys);
  const keyIds = await idsOfUser(keys, fromUserId);
  return keys.lock(toUserId, async (lease) => {
    const profile = await keys.users.read(toUserId);
    if (!profile.linkedUserIds.includes(fromUserId)) throw notLinked(fromUserId, toUserId);
    const records = await recordsOf(keys, keyIds, fromUserId);
    if (records.length === 0) return [];

    // An earlier transfer that was broken off may have written some of them.
    const existing = new Map([...profile.keys, ...profile.newer].map((entry) => [entry.id, entry]));
    const transferred = records.map((record) => {
      const before = existing.get(record.id);
      return before ? withEndOf(before, record) : entryOfRecord(record);
    });
    const ids = new Set(transferred.map(({ id }) => id));
    const newer = profile.newer.find(({ id }) => ids.has(id));
    if (newer) throw newerKey(newer.id);
    const others = profile.entries.filter((one) => !ids.has((one as KeyEntry | null)?.id ?? ""));
    const entries = [...others, ...transferred];
    refuseOversizedProfile(withEntries(profile, entries), profile.field);
    const isDone = (after: readonly KeyEntry[]) =>
      transferred.every((entry) => after.some((one) => isDeepStrictEqual(one, entry)));
    const outcome = await writeEntries(keys, lease, toUserId, entries, isDone);
    if (outcome.kind !== "written") throw outcome.error;
    for (const entry of transferred) {
      lease.require(2 * keys.requestTimeoutMs);
      await keys.records.write(recordOf(toUserId, entry));
    }
    return transferred;
  });
}

/** The ids of a user's records, for which every record is looked at. */
async function idsOfUser(keys: Keys, userId: string): Promise<readonly string[]> {
  const all = new Set<string>();
  for await (const ids of keys.records.ids()) {
    for (const { id } of await recordsOf(keys, ids, userId)) all.add(id);
  }
  return [...all];
}

async function recordsOf(
  keys: Keys,
  keyIds: readonly string[],
  userId: string,
): Promise<readonly KeyRecord[]> {
  const found = await keys.records.readMany(keyIds);
  return found.flatMap((one) => {
    // What a newer version wrote is not written anew without what this one does not know.
    if (one.kind === "newer" && one.json?.sub === userId) throw newerKey(one.json.id);
    return one.kind === "trusted" && one.record.sub === userId ? [one.record] : [];
  });
}

function notLinked(fromUserId: string, toUserId: string): ApiKeysError {
  return new ApiKeysError(
    "transfer_refused",
    `${fromUserId} is no identity of ${toUserId}: its keys would act as somebody else.`,
    "Link the two users in Auth0 first, or make new keys.",
  );
}
