import { ApiKeysError } from "../core/errors.ts";
import { keyEntriesOf, type KeyEntry } from "../core/key-entry.ts";
import { recordOf } from "../core/key-record.ts";
import { replaceEntry, type Keys } from "./keys.ts";
import { entryOf } from "./list.ts";
import { writeEntries } from "./write-entries.ts";

const MAX_REASON_LENGTH = 128;

/** What a revocation found and left. */
export interface RevokedKey {
  readonly entry: KeyEntry;
  /** Whether the key had been revoked before; its first time and reason are kept. */
  readonly wasRevoked: boolean;
}

/**
 * Revokes a key for good. Order of writes: tombstone, then entry; the key is dead from the first on, and the same call
 * again completes what is missing. Throws `key_not_found`, `reason_invalid`, or what a store answered.
 */
export async function revokeKey(
  keys: Keys,
  userId: string,
  keyId: string,
  reason: string,
): Promise<RevokedKey> {
  if (reason.length === 0 || reason.length > MAX_REASON_LENGTH) {
    throw new ApiKeysError(
      "reason_invalid",
      "The reason is empty or too long.",
      `Give --reason with 1 to ${MAX_REASON_LENGTH} characters.`,
    );
  }
  return keys.lock(userId, async (lease) => {
    const profile = await keys.users.read(userId);
    const before = entryOf(keyEntriesOf(profile.appMetadata), userId, keyId);
    const wasRevoked = before.revoked_at !== undefined;
    const entry = wasRevoked ? before : { ...before, revoked_at: keys.nowSeconds(), revoked_reason: reason };
    await keys.records.write(recordOf(userId, entry));
    if (wasRevoked) return { entry, wasRevoked };

    const isRevoked = (after: readonly KeyEntry[]) =>
      after.some(({ id, revoked_at }) => id === keyId && revoked_at !== undefined);
    const outcome = await writeEntries(keys, lease, userId, replaceEntry(profile.entries, entry), isRevoked);
    if (outcome.kind === "written") return { entry, wasRevoked };
    throw new ApiKeysError(
      "revocation_incomplete",
      `Key ${keyId} is revoked in Redis and refused from now on, but ${userId}'s app_metadata does not say so yet.`,
      "Run the same command again to complete it.",
      outcome.error,
    );
  });
}
