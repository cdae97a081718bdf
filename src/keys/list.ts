import { ApiKeysError } from "../core/errors.ts";
import { keyEntriesOf, type KeyEntry } from "../core/key-entry.ts";
import type { Keys } from "./keys.ts";

/** A key and whose it is. */
export interface OwnedEntry {
  readonly userId: string;
  readonly entry: KeyEntry;
}

/** A user's keys, living and dead, oldest first. Throws `user_not_found`. */
export async function listKeys(keys: Keys, userId: string): Promise<readonly KeyEntry[]> {
  const { appMetadata } = await keys.users.read(userId);
  return oldestFirst(appMetadata);
}

function oldestFirst(appMetadata: unknown): readonly KeyEntry[] {
  return keyEntriesOf(appMetadata).toSorted((a, b) => a.iat - b.iat);
}

/**
 * The keys of every user of the tenant, living and dead, from Auth0's users export: as they were a moment after it was
 * asked for, in a number of requests that does not depend on theirs. Throws `export_failed`, also after some keys were
 * given: then some are missing.
 */
export async function* listAllKeys(keys: Keys): AsyncIterable<OwnedEntry> {
  for await (const { userId, appMetadata } of keys.exportUsers()) {
    for (const entry of oldestFirst(appMetadata)) yield { userId, entry };
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
