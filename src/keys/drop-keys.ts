import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { readableOf } from "../core/key-record.ts";
import { audited } from "./audit.ts";
import { refuseForeignStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { isOfOneUser, outwaitRateLimit, outwaitStore } from "./patience.ts";
import { writeEntries } from "./write-entries.ts";

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
  await outwaitStore(keys, async () => keys.records.unmark());
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

async function dropOf(run: Run, userId: string): Promise<void> {
  const { keys } = run;
  try {
    const dropped = await outwaitRateLimit(keys, async () =>
      outwaitStore(keys, async () => dropUnderLock(keys, userId)),
    );
    if (dropped.length > 0) run.users++;
    run.entries += dropped.length;
  } catch (error) {
    if (isOfOneUser(error)) run.skipped.set(userId, error.message);
    // A user that is gone has no entry either.
    else if (!(error instanceof ApiKeysError) || error.code !== "user_not_found") throw error;
  }
}

/** Records, then entries: an entry that is left leads to its record again, whatever its seal. */
async function dropUnderLock(keys: Keys, userId: string): Promise<readonly KeyEntry[]> {
  return audited(
    keys,
    { operation: "drop", userId },
    async () =>
      keys.lock(userId, async (lease) => {
        const profile = await keys.users.read(userId);
        if (!(profile.field in profile.appMetadata)) return [];
        const dropped = [...profile.keys, ...profile.newer];
        await keys.records.removeMany(dropped.map(({ id }) => id));
        const left = profile.entries.filter((one) => !dropped.includes(one as KeyEntry));
        const outcome = await writeEntries(keys, lease, userId, left, (after) => after.length === 0);
        if (outcome.kind !== "written") throw outcome.error;
        return dropped;
      }),
    (dropped) => ({ changes: dropped.map(({ id }) => id) }),
  );
}

/** What is left in Redis. The users of these records are looked at again: a create may have ended after the export. */
async function dropRecords(run: Run): Promise<Pick<DroppedKeys, "orphans" | "foreign">> {
  const { keys } = run;
  const foreign = new Set<string>();
  let orphans = 0;
  for await (const ids of keys.records.ids()) {
    const found = await outwaitStore(keys, async () => keys.records.readMany(ids));
    for (const [at, id] of ids.entries())
      if (found[at]?.kind !== "missing" && !readableOf(found[at])) foreign.add(id);
    const records = found.flatMap((one) => readableOf(one) ?? []);
    for (const userId of new Set(records.map(({ sub }) => sub))) {
      if (!run.skipped.has(userId)) await dropOf(run, userId);
    }
    await outwaitStore(keys, async () => keys.records.removeMany(records.map(({ id }) => id)));
    orphans += records.length;
  }
  return { orphans, foreign: [...foreign] };
}
