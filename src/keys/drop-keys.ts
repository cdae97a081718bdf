import { randomBase62 } from "../core/base62.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { readableOf } from "../core/key-record.ts";
import type { HeldRecord } from "../stores/redis-key-batches.ts";
import type { Lease } from "../stores/user-lock.ts";
import { audited } from "./audit.ts";
import { refuseForeignStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { isOfOneUser, outwaitRateLimit, outwaitStore } from "./patience.ts";
import { readIfThere } from "./repair-user.ts";
import { changeRecords, underLock } from "./under-lock.ts";
import { requireEntries } from "./write-entries.ts";

/** What was dropped, and what is still there. */
export interface DroppedKeys {
  readonly users: number;
  readonly entries: number;
  /** Records that no entry led to: of users that are gone, of interrupted creates. */
  readonly orphans: number;
  /** Ids of records that another deployment sealed, or nobody: they grant nothing here, and are not ours to drop. */
  readonly foreign: readonly string[];
  /** Ids of users whose entries could not be dropped, and why. */
  readonly skipped: ReadonlyMap<string, string>;
}

/**
 * Drops every key of the deployment, entries and records, for good. The store's marker goes first: without it nobody
 * makes a new key meanwhile. Broken off at any point, the same call drops the rest. What is not ours stays: malformed
 * entries, other fields of `app_metadata`, records with another seal. Ids of the users with keys are held in memory.
 * Throws `store_foreign`, `export_failed`, or what the stores answered.
 */
export async function dropKeys(keys: Keys): Promise<DroppedKeys> {
  await refuseForeignStore(keys);
  // A writer that is held up meanwhile finds the trace, and lets nothing of what was dropped come back.
  const trace = `${keys.nowSeconds()}.${randomBase62(16, keys.randomBytes)}`;
  await outwaitStore(keys, async () => keys.records.unmark(trace));
  const run: Run = { keys, users: 0, entries: 0, skipped: new Map() };
  for (const userId of await usersWithEntries(keys)) await dropOf(run, userId);
  const { orphans, foreign } = await dropRecords(run);
  const { users, entries, skipped } = run;
  return { users, entries, skipped, orphans, foreign };
}

/** How many records there are. Writes nothing. Throws `store_foreign`. */
export async function countRecords(keys: Keys): Promise<number> {
  await refuseForeignStore(keys);
  const all = new Set<string>();
  for await (const ids of keys.records.ids()) for (const id of ids) all.add(id);
  return all.size;
}

interface Run {
  readonly keys: Keys;
  users: number;
  entries: number;
  readonly skipped: Map<string, string>;
}

/** Read to its end before the first write: a download is not held open for as long as thousands of those take. */
async function usersWithEntries(keys: Keys): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const user of keys.exportUsers()) {
    const isEmpty = user.field in user.appMetadata && user.entries.length === 0;
    if (isEmpty || user.keys.length + user.newer.length > 0) found.push(user.userId);
  }
  return found;
}

async function dropOf(run: Run, userId: string, orphans: readonly string[] = []): Promise<void> {
  const { keys } = run;
  try {
    const dropped = await outwaitRateLimit(keys, async () =>
      outwaitStore(keys, async () => drop(keys, userId, orphans)),
    );
    if (dropped.length > 0) run.users++;
    run.entries += dropped.length;
  } catch (error) {
    if (!isOfOneUser(error)) throw error;
    run.skipped.set(userId, error.message);
  }
}

async function drop(keys: Keys, userId: string, orphans: readonly string[]): Promise<readonly string[]> {
  return audited(
    keys,
    { operation: "drop", userId },
    async () => {
      const dropped = new Set<string>();
      await underLock(keys, userId, async (lease) => dropUnderLock(keys, lease, userId, orphans, dropped));
      return [...dropped];
    },
    (dropped) => ({ changes: dropped }),
  );
}

/** Records, then entries: an entry that is left leads to its record again, whatever its seal. */
async function dropUnderLock(
  keys: Keys,
  lease: Lease,
  userId: string,
  orphans: readonly string[],
  dropped: Set<string>,
): Promise<void> {
  const remove = async (held: readonly HeldRecord[]) =>
    changeRecords(
      keys,
      held.map((one) => ({ held: one })),
      lease,
    );
  const isOurs = (one: HeldRecord) => readableOf(one)?.sub === userId;
  await remove((await keys.records.readMany(orphans)).filter(isOurs));
  // A user that is gone has no entry either.
  const profile = await readIfThere(keys, userId);
  const entries = profile ? [...profile.keys, ...profile.newer] : [];
  await remove(await keys.records.readMany(entries.map(({ id }) => id)));
  if (!profile || !(profile.field in profile.appMetadata)) return;
  const left = profile.entries.filter((one) => !entries.includes(one as KeyEntry));
  await requireEntries(keys, lease, userId, left);
  for (const { id } of entries) dropped.add(id);
}

/** What is left in Redis. The users of these records are looked at again: a create may have ended after the export. */
async function dropRecords(run: Run): Promise<Pick<DroppedKeys, "orphans" | "foreign">> {
  const { keys } = run;
  const foreign = new Set<string>();
  let orphans = 0;
  for await (const ids of keys.records.ids()) {
    const found = await outwaitStore(keys, async () => keys.records.readMany(ids));
    const byUser = new Map<string, string[]>();
    for (const one of found) {
      const record = readableOf(one);
      if (record) byUser.set(record.sub, [...(byUser.get(record.sub) ?? []), one.keyId]);
      else if (one.kind !== "missing") foreign.add(one.keyId);
    }
    for (const [userId, keyIds] of byUser) {
      await dropOf(run, userId, keyIds);
      orphans += keyIds.length;
    }
  }
  return { orphans, foreign: [...foreign] };
}
