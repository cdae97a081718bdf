import { entryOfRecord, withEndOf } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import { fitEntries } from "../core/fit-entries.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { recordOf } from "../core/key-record.ts";
import { refuseOversizedProfile } from "../core/policy.ts";
import type { HeldRecord } from "../stores/redis-key-batches.ts";
import { withEntries } from "../stores/user-key-store.ts";
import { audited } from "./audit.ts";
import { newerKey } from "./change.ts";
import { idsOfUser } from "./ids-of-user.ts";
import { requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { changeRecords, underLock } from "./under-lock.ts";
import { requireEntries } from "./write-entries.ts";

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
  const keyIds = await idsOfUser(keys, fromUserId, () => true, newerKey);
  const transferred = new Map<string, KeyEntry>();
  await underLock(keys, toUserId, async (lease) => {
    const profile = await keys.users.read(toUserId);
    if (!profile.linkedUserIds.includes(fromUserId)) throw notLinked(fromUserId, toUserId);
    const found = await keys.records.readMany(keyIds);
    const own = found.filter(
      (one): one is HeldRecord & { readonly kind: "trusted" } =>
        one.kind === "trusted" && one.record.sub === fromUserId,
    );
    if (own.length === 0) return;

    const ofNewer = profile.newer.find(({ id }) => keyIds.includes(id));
    if (ofNewer) throw newerKey(ofNewer.id);
    // An earlier transfer that was broken off may have written some of them. Who can write to Redis can put records back of
    // before a key ended: so what only Redis says comes back disabled.
    const nowSeconds = keys.nowSeconds();
    const existing = new Map([...profile.keys, ...profile.newer].map((entry) => [entry.id, entry]));
    const moved = own.map(({ record }) => {
      const before = existing.get(record.id);
      return before ? withEndOf(before, record) : { disabled_at: nowSeconds, ...entryOfRecord(record) };
    });
    const ids = new Set(moved.map(({ id }) => id));
    const others = profile.entries.filter((one) => !ids.has((one as KeyEntry | null)?.id ?? ""));
    const entries = fitEntries(profile, [...others, ...moved], keys.nowSeconds());
    refuseOversizedProfile(withEntries(profile, entries), profile.field, profile.appMetadata);
    await keys.records.noteGiven({ sub: toUserId, ids: [...ids], at: keys.nowSeconds() });
    await requireEntries(keys, lease, toUserId, entries);
    const changes = moved.map((entry, at) => ({
      held: own[at] as HeldRecord,
      record: recordOf(toUserId, entry),
    }));
    await changeRecords(keys, changes, lease);
    for (const entry of moved) transferred.set(entry.id, entry);
  });
  return [...transferred.values()];
}

function notLinked(fromUserId: string, toUserId: string): ApiKeysError {
  return new ApiKeysError(
    "transfer_refused",
    `${fromUserId} is no identity of ${toUserId}: its keys would act as somebody else.`,
    "Link the two users in Auth0 first, or make new keys.",
  );
}
