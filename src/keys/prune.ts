import { readableOf } from "../core/key-record.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import type { Lease } from "../stores/user-lock.ts";
import { audited } from "./audit.ts";
import { idsOfUser } from "./ids-of-user.ts";
import { requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";
import { readIfThere } from "./repair-user.ts";
import { retentionSecondsOf } from "./retention.ts";
import { changeRecords, underLock } from "./under-lock.ts";
import { requireEntries } from "./write-entries.ts";

/**
 * Drops the entries of a user's keys that have been dead for longer than the retention, then their records: until
 * then their holders are told why they ended. The records of a user that is gone get an end, the retention from now.
 * Gives what was dropped. Throws what a store answered; a record that is left by a failure says that its key is dead,
 * and the same call does not find it again.
 */
export async function pruneKeys(keys: Keys, userId: string): Promise<readonly KeyEntry[]> {
  const dropped = new Map<string, KeyEntry>();
  return audited(
    keys,
    { operation: "prune", userId },
    async () => {
      const isThere = await underLock(keys, userId, async (lease) =>
        pruneUnderLock(keys, lease, userId, dropped),
      );
      if (!isThere) await capRecordsOfGoneUser(keys, userId);
      return [...dropped.values()];
    },
    (entries) => ({ changes: entries.map(({ id }) => id) }),
  );
}

/** Gives whether the user is there. */
async function pruneUnderLock(
  keys: Keys,
  lease: Lease,
  userId: string,
  dropped: Map<string, KeyEntry>,
): Promise<boolean> {
  const profile = await readIfThere(keys, userId);
  if (!profile) return false;
  const nowSeconds = keys.nowSeconds();
  const keptFromSeconds = nowSeconds - retentionSecondsOf(keys);
  const isOld = (entry: KeyEntry) => (deadSinceSeconds(entry, nowSeconds) ?? Infinity) < keptFromSeconds;
  const old = [...profile.keys, ...profile.newer].filter(isOld);
  if (old.length === 0) {
    await requireTakenOver(keys);
    return true;
  }
  const ids = new Set(old.map(({ id }) => id));
  const left = profile.entries.filter((one) => !ids.has((one as KeyEntry | null)?.id ?? ""));
  const held = await keys.records.readMany([...ids]);
  await requireEntries(keys, lease, userId, left);
  for (const entry of old) dropped.set(entry.id, entry);
  await changeRecords(
    keys,
    held.map((one) => ({ held: one })),
    lease,
  );
  await keys.records.forgetUses([...ids]);
  return true;
}

/** Lets the records of a user that is gone end: nothing else ever would. Throws `user_not_found` if there are none. */
async function capRecordsOfGoneUser(keys: Keys, userId: string): Promise<void> {
  const ids = await idsOfUser(keys, userId);
  if (ids.length === 0) await keys.users.read(userId);
  await underLock(keys, userId, async (lease) => capRecords(keys, lease, userId, ids));
}

/** Lets records of a user end the retention from now, those that have no end yet. */
export async function capRecords(
  keys: Keys,
  lease: Lease,
  userId: string,
  keyIds: readonly string[],
): Promise<void> {
  const held = await keys.records.readMany(keyIds);
  const changes = held.flatMap((one) => {
    const record = readableOf(one);
    return record?.sub === userId ? [{ held: one, record, lifetime: "cap" as const }] : [];
  });
  await changeRecords(keys, changes, lease);
}
