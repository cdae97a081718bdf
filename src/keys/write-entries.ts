import { isDeepStrictEqual } from "node:util";

import { ApiKeysError } from "../core/errors.ts";
import { entriesFieldOf } from "../core/deployment.ts";
import { readEntries } from "../core/key-entry.ts";
import { readableOf, type FoundRecord } from "../core/key-record.ts";
import { isOutcomeUnknown, type UserProfile } from "../stores/user-key-store.ts";
import type { Lease } from "../stores/user-lock.ts";
import type { Keys } from "./keys.ts";

/** How a write of entries ended: it is there, it is not there, or nobody knows. */
export type WriteOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "not_written"; readonly error: unknown }
  | { readonly kind: "unknown"; readonly error: unknown };

/**
 * Writes a user's entries under the user's lock. Auth0's answer to the write is the profile, and confirms it; only where
 * the answer was lost is the profile read. `besides` are other fields, written in the same request. Never throws.
 */
export async function writeEntries(
  keys: Keys,
  lease: Lease,
  userId: string,
  entries: readonly unknown[],
  besides: Readonly<Record<string, readonly unknown[]>> = {},
): Promise<WriteOutcome> {
  let lost: unknown = new ApiKeysError(
    "update_lost",
    `The keys of ${userId} were overwritten by another program at the same moment.`,
    `Find what else writes app_metadata.${entriesFieldOf(keys.deployment)}, then run the same command again.`,
  );
  let after: UserProfile | undefined;
  try {
    const ids = readEntries(entries);
    const held = await keys.records.readMany([...ids.known, ...ids.newer].map(({ id }) => id));
    // The write must have ended, one way or the other, before another writer can hold the lock.
    lease.require(2 * keys.requestTimeoutMs);
    lease.noteProfileWrite(new Map(held.map((one) => [one.keyId, saidBy(one)])));
    after = await keys.users.write(userId, entries, besides);
  } catch (error) {
    if (!isOutcomeUnknown(error)) return { kind: "not_written", error };
    lost = error;
  }
  try {
    after ??= await keys.users.read(userId);
  } catch (error) {
    return { kind: "unknown", error };
  }
  return isDeepStrictEqual(after.entries, entries)
    ? { kind: "written" }
    : { kind: "not_written", error: lost };
}

/** What a record says, whichever pepper it is sealed with. */
export function saidBy(found: FoundRecord): string {
  return JSON.stringify(readableOf(found) ?? "");
}

/** As {@link writeEntries}, for what the same call completes: throws unless the entries are there. */
export async function requireEntries(...args: Parameters<typeof writeEntries>): Promise<void> {
  const outcome = await writeEntries(...args);
  if (outcome.kind !== "written") throw outcome.error;
}
