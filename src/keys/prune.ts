import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import { audited } from "./audit.ts";
import { requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";
import { writeEntries } from "./write-entries.ts";

const SECONDS_A_DAY = 86_400;

/**
 * Drops the entries of a user's keys that have been dead for longer than the retention, then their records: until
 * then their holders are told why they ended. Gives what was dropped. Throws what a store answered; a record that is
 * left by a failure says that its key is dead, and the same call does not find it again.
 */
export async function pruneKeys(keys: Keys, userId: string): Promise<readonly KeyEntry[]> {
  return audited(
    keys,
    { operation: "prune", userId },
    async () => pruneUnderLock(keys, userId),
    (dropped) => ({ changes: dropped.map(({ id }) => id) }),
  );
}

async function pruneUnderLock(keys: Keys, userId: string): Promise<readonly KeyEntry[]> {
  return keys.lock(userId, async (lease) => {
    const profile = await keys.users.read(userId);
    const nowSeconds = keys.nowSeconds();
    const keptFromSeconds = nowSeconds - keys.policy.retentionDays * SECONDS_A_DAY;
    const isOld = (entry: KeyEntry) => (deadSinceSeconds(entry, nowSeconds) ?? Infinity) < keptFromSeconds;
    const dropped = [...profile.keys, ...profile.newer].filter(isOld);
    if (dropped.length === 0) {
      await requireTakenOver(keys);
      return [];
    }
    const ids = new Set(dropped.map(({ id }) => id));
    const left = profile.entries.filter((one) => !ids.has((one as KeyEntry | null)?.id ?? ""));
    const isDone = (after: readonly KeyEntry[]) => !after.some(({ id }) => ids.has(id));
    const outcome = await writeEntries(keys, lease, userId, left, isDone);
    if (outcome.kind !== "written") throw outcome.error;
    for (const id of ids) await keys.records.remove(id);
    return dropped;
  });
}
