import { ApiKeysError } from "../core/errors.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import { changeKey } from "./change.ts";
import type { Keys } from "./keys.ts";
import { listKeys } from "./list.ts";

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
  const { before, after } = await changeKey(keys, userId, keyId, {
    operation: "revoke",
    isDeath: true,
    isForNewer: true,
    decide: (entry, nowSeconds) =>
      entry.revoked_at === undefined ? { ...entry, revoked_at: nowSeconds, revoked_reason: reason } : entry,
  });
  return { entry: after, wasRevoked: before.revoked_at !== undefined };
}

/** Revokes every key of a user that is not dead yet, one after the other. Run again after a failure it goes on. */
export async function revokeAllKeys(
  keys: Keys,
  userId: string,
  reason: string,
): Promise<readonly RevokedKey[]> {
  const revoked: RevokedKey[] = [];
  for (const entry of await listKeys(keys, userId)) {
    if (deadSinceSeconds(entry, keys.nowSeconds()) === undefined) {
      revoked.push(await revokeKey(keys, userId, entry.id, reason));
    }
  }
  return revoked;
}
