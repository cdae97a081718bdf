import { compareKey, mendOf, type KeyDifference, type Mend } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import { fitEntries } from "../core/fit-entries.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import type { FoundRecord } from "../core/key-record.ts";
import { isOversizedProfile } from "../core/policy.ts";
import type { HeldRecord } from "../stores/redis-key-batches.ts";
import { withEntries, type UserProfile } from "../stores/user-key-store.ts";
import type { Lease } from "../stores/user-lock.ts";
import { audited } from "./audit.ts";
import type { Keys } from "./keys.ts";
import { isOfOneUser, outwaitRateLimit } from "./patience.ts";
import { capRecords } from "./prune.ts";
import { retentionSecondsOf } from "./retention.ts";
import { changeRecords, underLock } from "./under-lock.ts";
import { requireEntries } from "./write-entries.ts";

/** Every way in which the stores can differ, of one key or of a whole profile. */
export type DifferenceKind =
  | KeyDifference
  /** Two users have an entry of the same key; the record says whose it is, and only a person can say why. */
  | "duplicate_entry"
  | "linked_user"
  | "deleted_user"
  | "oversized_profile"
  /** The user's keys could not be looked at or changed; `problem` says why. */
  | "user_skipped";

/** One difference between the stores, and whether it is gone now. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly userId?: string;
  readonly keyId?: string;
  /** The user that `userId` is an identity of, for `linked_user`. */
  readonly linkedTo?: string;
  readonly problem?: string;
  readonly mended: boolean;
}

/** What may be written. Without `fix`, nothing, and no lock is taken. */
export interface MendOptions {
  readonly fix: boolean;
  readonly restoreEntries: boolean;
}

/**
 * Looks again at some keys of a user, under the user's lock, and mends what still differs. Waits where Auth0's rate
 * limit is reached. Throws what the stores answered; what is wrong with this user alone is a difference.
 */
export async function mendUser(
  keys: Keys,
  userId: string,
  keyIds: readonly string[],
  options: MendOptions,
): Promise<readonly Difference[]> {
  try {
    return await outwaitRateLimit(keys, async () =>
      options.fix
        ? underLock(keys, userId, async (lease) => mend(keys, lease, userId, keyIds, options))
        : mend(keys, undefined, userId, keyIds, options),
    );
  } catch (error) {
    if (isOfOneUser(error)) return [{ kind: "user_skipped", userId, problem: error.message, mended: false }];
    if (!(error instanceof ApiKeysError) || error.code !== "user_not_found") throw error;
    // Nothing else would ever let these records end.
    if (options.fix) {
      await underLock(keys, userId, async (lease) => capRecords(keys, lease, userId, keyIds));
    }
    return keyIds.map((keyId) => ({ kind: "deleted_user", userId, keyId, mended: false }));
  }
}

async function mend(
  keys: Keys,
  lease: Lease | undefined,
  userId: string,
  keyIds: readonly string[],
  { restoreEntries }: MendOptions,
): Promise<readonly Difference[]> {
  const profile = await keys.users.read(userId);
  const found = await keys.records.readMany(keyIds);
  const differences: Difference[] = [];
  const mends: (Mend & { readonly held: HeldRecord })[] = [];
  const ending: string[] = [];
  const nowSeconds = keys.nowSeconds();
  for (const held of found) {
    const { keyId } = held;
    const entry = profile.keys.find(({ id }) => id === keyId);
    if (profile.newer.some(({ id }) => id === keyId)) {
      differences.push({ kind: "newer_version", userId, keyId, mended: false });
      continue;
    }
    if (!entry && held.kind === "trusted" && held.record.sub === userId) {
      // A user with this id was deleted, and another was made since: it has nothing to do with its keys.
      const isOfAnother = held.record.iat < (profile.createdAtSeconds ?? 0);
      if (isOfAnother || deadSinceSeconds(held.record, nowSeconds) !== undefined) ending.push(keyId);
      if (isOfAnother) {
        differences.push({ kind: "deleted_user", userId, keyId, mended: false });
        continue;
      }
    }
    const kind = compareKey(userId, entry, held, nowSeconds, retentionSecondsOf(keys));
    if (kind === undefined) continue;
    if (entry && (await isAnothers(keys, userId, keyId, held))) {
      differences.push({ kind: "duplicate_entry", userId, keyId, mended: false });
      continue;
    }
    // Of a user of whom it is not told since when there is one, nobody knows whose keys these were.
    const isRestored = restoreEntries && profile.createdAtSeconds !== undefined;
    const mend = lease && mendOf(kind, userId, entry, held, isRestored ? nowSeconds : undefined);
    if (mend) mends.push({ ...mend, held });
    differences.push({ kind, userId, keyId, mended: mend !== undefined });
  }
  if (!lease) return differences;
  await capRecords(keys, lease, userId, ending);
  const isThereRoom = await write(keys, lease, userId, profile, mends);
  return isThereRoom
    ? differences
    : [...differences.map((one) => ({ ...one, mended: false })), oversized(userId)];
}

/** Writes entries, then records. Gives `false`, and writes nothing, if the profile has no room for restored entries. */
async function write(
  keys: Keys,
  lease: Lease,
  userId: string,
  profile: UserProfile,
  mends: readonly (Mend & { readonly held: HeldRecord })[],
): Promise<boolean> {
  const changed = mends.flatMap(({ entry }) => entry ?? []);
  if (changed.length > 0) {
    const byId = new Map(changed.map((entry) => [entry.id, entry]));
    const kept = profile.entries.map((entry) => byId.get((entry as KeyEntry | null)?.id ?? "") ?? entry);
    const restored = changed.filter((entry) => !kept.includes(entry));
    const list = fitEntries(profile, [...kept, ...restored], keys.nowSeconds());
    // A revocation is written whatever the size: it must not wait for somebody to make room.
    if (restored.length > 0 && isOversizedProfile(withEntries(profile, list))) return false;
    await audited(
      keys,
      { operation: "reconcile", userId },
      async () => requireEntries(keys, lease, userId, list),
      () => ({ changes: changed.map(({ id }) => id) }),
    );
  }
  const changes = mends.flatMap(({ held, record }) => (record ? [{ held, record }] : []));
  await changeRecords(keys, changes, lease);
  return true;
}

/** The report of a profile that is too large to be written to. */
export function oversized(userId: string): Difference {
  return { kind: "oversized_profile", userId, mended: false };
}

/** Whether the record is another user's, who still has the entry: then the one at hand is a copy. */
async function isAnothers(keys: Keys, userId: string, keyId: string, found: FoundRecord): Promise<boolean> {
  if (found.kind !== "trusted" || found.record.sub === userId) return false;
  try {
    const owner = await keys.users.read(found.record.sub);
    return [...owner.keys, ...owner.newer].some(({ id }) => id === keyId);
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "user_not_found") return false;
    throw error;
  }
}
