import { ApiKeysError } from "../core/errors.ts";
import { entriesFieldOf } from "../core/deployment.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { isOutcomeUnknown, type UserProfile } from "../stores/user-key-store.ts";
import type { Lease } from "../stores/user-lock.ts";
import type { Keys } from "./keys.ts";

/** How a write of entries ended: it is there, it is not there, or nobody knows. */
export type WriteOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "not_written"; readonly error: unknown }
  | { readonly kind: "unknown"; readonly error: unknown };

/**
 * Writes a user's entries under the user's lock and reads them again: a write whose answer was lost may have taken
 * effect, and one that was answered may have been overwritten by a program that takes no lock. `isDone` tells from
 * the entries that are there afterwards. `besides` are other fields, written in the same request. Never throws.
 */
export async function writeEntries(
  keys: Keys,
  lease: Lease,
  userId: string,
  entries: readonly unknown[],
  isDone: (entries: readonly KeyEntry[]) => boolean,
  besides: Readonly<Record<string, readonly unknown[]>> = {},
): Promise<WriteOutcome> {
  let lost: unknown = new ApiKeysError(
    "update_lost",
    `The keys of ${userId} were overwritten by another program at the same moment.`,
    `Find what else writes app_metadata.${entriesFieldOf(keys.deployment)}, then run the same command again.`,
  );
  try {
    // The write must have ended, one way or the other, before another writer can hold the lock.
    lease.require(2 * keys.requestTimeoutMs);
    await keys.users.write(userId, entries, besides);
  } catch (error) {
    if (!isOutcomeUnknown(error)) return { kind: "not_written", error };
    lost = error;
  }
  let after: UserProfile;
  try {
    after = await keys.users.read(userId);
  } catch (error) {
    return { kind: "unknown", error };
  }
  return isDone([...after.keys, ...after.newer]) ? { kind: "written" } : { kind: "not_written", error: lost };
}
