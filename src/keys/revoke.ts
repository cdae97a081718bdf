import { ApiKeysError } from "../core/errors.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import { changeKey } from "./change.ts";
import { idsOfUser } from "./ids-of-user.ts";
import { requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";
import { readIfThere } from "./repair-user.ts";

/** In code points, as people count characters. */
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
  if (reason === "" || Array.from(reason).length > MAX_REASON_LENGTH) {
    throw new ApiKeysError(
      "reason_invalid",
      "The reason is empty or too long.",
      `Give --reason with 1 to ${MAX_REASON_LENGTH} characters.`,
    );
  }
  const { before, after } = await changeKey(keys, userId, keyId, {
    operation: "revoke",
    isDeath: true,
    early: "before_the_lock",
    decide: (entry, nowSeconds) =>
      entry.revoked_at === undefined ? { ...entry, revoked_at: nowSeconds, revoked_reason: reason } : entry,
  });
  return { entry: after, wasRevoked: before.revoked_at !== undefined };
}

/** What a revocation of all keys of a user did. */
export interface RevokedKeys {
  readonly revoked: readonly RevokedKey[];
  /** How many of them were made while it ran. */
  readonly madeMeanwhile: number;
}

/**
 * Revokes every key of a user that has not ended: those of the user's entries, and those that only a record in Redis is
 * left of, also where the user is gone. Looks again until it finds none. Run again after a failure it goes on. Throws
 * `user_not_found` for one that has no records either.
 */
export async function revokeAllKeys(keys: Keys, userId: string, reason: string): Promise<RevokedKeys> {
  const revoked: RevokedKey[] = [];
  for (let first: number | undefined; ;) {
    const found = await idsToRevoke(keys, userId, first !== undefined);
    for (const keyId of found) revoked.push(await revokeKey(keys, userId, keyId, reason));
    first ??= revoked.length;
    if (found.length === 0) return { revoked, madeMeanwhile: revoked.length - first };
  }
}

async function idsToRevoke(keys: Keys, userId: string, isAgain: boolean): Promise<readonly string[]> {
  const isLeft = (key: Pick<KeyEntry, "exp" | "revoked_at">) =>
    deadSinceSeconds(key, keys.nowSeconds()) === undefined;
  let isAnyRecord = isAgain;
  const recorded = await idsOfUser(keys, userId, (record) => {
    isAnyRecord = true;
    return isLeft(record);
  });
  const profile = isAnyRecord ? await readIfThere(keys, userId) : await keys.users.read(userId);
  const entries = profile ? [...profile.keys, ...profile.newer] : [];
  if (entries.length === 0) await requireTakenOver(keys);
  return [...new Set([...entries.filter(isLeft).map(({ id }) => id), ...recorded])];
}
