import { isDeepStrictEqual } from "node:util";

import { compareKey, mendOf, type KeyDifference, type Mend } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import type { FoundRecord } from "../core/key-record.ts";
import { isOversizedProfile } from "../core/policy.ts";
import { withEntries, type UserProfile } from "../stores/user-key-store.ts";
import type { Lease } from "../stores/user-lock.ts";
import { audited } from "./audit.ts";
import type { Keys } from "./keys.ts";
import { isOfOneUser, outwaitRateLimit } from "./patience.ts";
import { writeEntries } from "./write-entries.ts";

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

const SECONDS_A_DAY = 86_400;

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
        ? keys.lock(userId, async (lease) => mend(keys, lease, userId, keyIds, options))
        : mend(keys, undefined, userId, keyIds, options),
    );
  } catch (error) {
    if (isOfOneUser(error)) return [{ kind: "user_skipped", userId, problem: error.message, mended: false }];
    if (!(error instanceof ApiKeysError) || error.code !== "user_not_found") throw error;
    return keyIds.map((keyId) => ({ kind: "deleted_user", userId, keyId, mended: false }));
  }
}

/** How long a dead key stays known, in seconds. */
export function retentionSecondsOf(keys: Keys): number {
  return keys.policy.retentionDays * SECONDS_A_DAY;
}

async function mend(
  keys: Keys,
  lease: Lease | undefined,
  userId: string,
  keyIds: readonly string[],
  { restoreEntries }: MendOptions,
): Promise<readonly Difference[]> {
  const profile = await keys.users.read(userId);
  const { keys: entries } = profile;
  const found = await keys.records.readMany(keyIds);
  const differences: Difference[] = [];
  const mends: Mend[] = [];
  for (const [at, keyId] of keyIds.entries()) {
    const record = found[at] ?? { kind: "missing" };
    const entry = entries.find(({ id }) => id === keyId);
    if (profile.newer.some(({ id }) => id === keyId)) {
      differences.push({ kind: "newer_version", userId, keyId, mended: false });
      continue;
    }
    const kind = compareKey(userId, entry, record, keys.nowSeconds(), retentionSecondsOf(keys));
    if (kind === undefined) continue;
    if (entry && (await isAnothers(keys, userId, keyId, record))) {
      differences.push({ kind: "duplicate_entry", userId, keyId, mended: false });
      continue;
    }
    const mend = lease && mendOf(kind, userId, entry, record, restoreEntries);
    if (mend) mends.push(mend);
    differences.push({ kind, userId, keyId, mended: mend !== undefined });
  }
  if (!lease) return differences;
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
  mends: readonly Mend[],
): Promise<boolean> {
  const changed = mends.flatMap(({ entry }) => entry ?? []);
  if (changed.length > 0) {
    const byId = new Map(changed.map((entry) => [entry.id, entry]));
    const kept = profile.entries.map((entry) => byId.get((entry as KeyEntry | null)?.id ?? "") ?? entry);
    const restored = changed.filter((entry) => !kept.includes(entry));
    const list = [...kept, ...restored];
    // A revocation is written whatever the size: it is short, and must not wait for somebody to make room.
    if (restored.length > 0 && isOversizedProfile(withEntries(profile, list))) return false;
    await audited(
      keys,
      { operation: "reconcile", userId },
      async () => replaceEntries(keys, lease, userId, list, changed),
      () => ({ changes: changed.map(({ id }) => id) }),
    );
  }
  for (const { record } of mends) {
    if (!record) continue;
    lease.require(2 * keys.requestTimeoutMs);
    await keys.records.write(record);
  }
  return true;
}

async function replaceEntries(
  keys: Keys,
  lease: Lease,
  userId: string,
  entries: readonly unknown[],
  changed: readonly KeyEntry[],
): Promise<void> {
  const isDone = (after: readonly KeyEntry[]) =>
    changed.every((entry) => after.some((one) => isDeepStrictEqual(one, entry)));
  const outcome = await writeEntries(keys, lease, userId, entries, isDone);
  if (outcome.kind !== "written") throw outcome.error;
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
