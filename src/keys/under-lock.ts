import { ApiKeysError } from "../core/errors.ts";
import { FenceLost } from "../stores/change-texts.ts";
import type { RecordChange } from "../stores/redis-key-batches.ts";
import { LockLost, type Lease } from "../stores/user-lock.ts";
import type { Keys } from "./keys.ts";
import { repairUser } from "./repair-user.ts";

const TRIES = 4;

/** A record is not what was read any more. Nothing was written to it. */
export class RecordConflict extends ApiKeysError {
  constructor(keyId: string) {
    super(
      "update_lost",
      `Key ${keyId} was changed by another program at the same moment.`,
      "Run the same command again.",
    );
  }
}

/**
 * Runs `work` under a user's lock. Where another writer was faster, all is read again and decided again: `work` runs
 * once more, and must know what it did before. If a profile was written when the lock was not ours any more, the user is
 * repaired first. Throws what the lock throws, or `work`.
 */
export async function underLock<T>(
  keys: Keys,
  userId: string,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await keys.lock(userId, work);
    } catch (error) {
      if (error instanceof LockLost) await repairUser(keys, userId, error);
      else if (!(error instanceof RecordConflict || error instanceof FenceLost)) throw error;
      if (tries === TRIES) throw error;
    }
  }
}

/** Changes records, all of them or none that has a conflict. Throws {@link RecordConflict}, or `lease_too_short`. */
export async function changeRecords(
  keys: Keys,
  changes: readonly RecordChange[],
  lease: Lease | undefined,
): Promise<void> {
  const done = await keys.records.change(changes, lease?.fence);
  const conflict = changes.find((_, at) => !done[at]);
  if (conflict) throw new RecordConflict(conflict.held.keyId);
}
