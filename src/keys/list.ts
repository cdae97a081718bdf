import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import type { UserProfile } from "../stores/user-key-store.ts";
import { requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";

/** A key and whose it is. */
export interface OwnedEntry {
  readonly userId: string;
  readonly entry: KeyEntry;
}

/** A user's keys, living and dead, oldest first. Throws `user_not_found`. */
export async function listKeys(keys: Keys, userId: string): Promise<readonly KeyEntry[]> {
  const entries = oldestFirst(await keys.users.read(userId));
  if (entries.length === 0) await requireTakenOver(keys);
  return entries;
}

function oldestFirst({ keys, newer }: UserProfile): readonly KeyEntry[] {
  return [...keys, ...newer].toSorted((a, b) => a.iat - b.iat);
}

/**
 * The keys of every user of the tenant, living and dead, from Auth0's users export: as they were a moment after it was
 * asked for, in a number of requests that does not depend on theirs. Throws `export_failed`, also after some keys were
 * given: then some are missing.
 */
export async function* listAllKeys(keys: Keys): AsyncIterable<OwnedEntry> {
  for await (const user of keys.exportUsers()) {
    for (const entry of oldestFirst(user)) yield { userId: user.userId, entry };
  }
}

/** One key of a user. Throws `user_not_found` or `key_not_found`. */
export async function showKey(keys: Keys, userId: string, keyId: string): Promise<KeyEntry> {
  return entryOf(await listKeys(keys, userId), userId, keyId);
}

/** The entry with this id, or `key_not_found`. */
export function entryOf(entries: readonly KeyEntry[], userId: string, keyId: string): KeyEntry {
  const entry = entries.find(({ id }) => id === keyId);
  if (entry) return entry;
  throw new ApiKeysError(
    "key_not_found",
    `The user ${userId} has no key ${JSON.stringify(keyId)}.`,
    "See the user's keys: npm run keys -- list --user ID",
  );
}
