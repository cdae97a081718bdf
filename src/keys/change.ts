import { isDeepStrictEqual } from "node:util";

import { entryOfRecord, withEndOf } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import { fitEntries } from "../core/fit-entries.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { readableOf, recordOf, type KeyRecord } from "../core/key-record.ts";
import { refuseOversizedProfile } from "../core/policy.ts";
import type { HeldRecord } from "../stores/redis-key-batches.ts";
import { recordIn } from "../stores/redis-key-store.ts";
import { withEntries, type UserProfile } from "../stores/user-key-store.ts";
import { LockLost, type Lease } from "../stores/user-lock.ts";
import { audited, changesBetween } from "./audit.ts";
import { requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";
import { entryOf } from "./list.ts";
import { readIfThere } from "./repair-user.ts";
import { changeRecords, RecordConflict, underLock } from "./under-lock.ts";
import { writeEntries } from "./write-entries.ts";

/** A change of one key. */
export interface KeyChange {
  /** What the audit log calls it. */
  readonly operation: string;
  /**
   * Whether the key ends or pauses by it: then it is effective with its first write and is never taken back; a record
   * that cannot be trusted is no obstacle.
   */
  readonly isDeath: boolean;
  /**
   * When an ending is written to the record, before anything is known of the entry. Only a tombstone needs no lock. Only
   * such a change is for a key with members that this version does not know: it ends or pauses it.
   */
  readonly early?: "before_the_lock" | "under_the_lock";
  /**
   * What the entry becomes; throws if it may not. The entry comes as it counts, since a tombstone in Redis always wins;
   * with it the user's other entries.
   */
  readonly decide: (entry: KeyEntry, nowSeconds: number, others: readonly KeyEntry[]) => KeyEntry;
}

/** What a change found and left. */
export interface ChangedKey {
  readonly before: KeyEntry;
  readonly after: KeyEntry;
}

/**
 * Changes one key under its user's lock, the record first, then the entry. A tombstone is written before the lock is
 * waited for. The same call again completes what a failure left. Throws `key_not_found`, `change_incomplete` if only the
 * record could be written, `update_lost` if another was faster, or what a store answered.
 */
export async function changeKey(
  keys: Keys,
  userId: string,
  keyId: string,
  change: KeyChange,
): Promise<ChangedKey> {
  return audited(
    keys,
    { operation: change.operation, userId, keyId },
    async () => {
      const attempt: Attempt = { keys, userId, keyId, change };
      try {
        if (change.early === "before_the_lock") await endRecord(attempt, undefined);
        return await underLock(keys, userId, async (lease) => changeUnderLock(attempt, lease));
      } catch (error) {
        const isLeft = error instanceof ApiKeysError && LEAVES_ENTRY.test(error.code);
        throw attempt.ended && isLeft ? incomplete(attempt, error) : error;
      }
    },
    ({ before, after }) => ({ changes: changesBetween(before, after) }),
  );
}

/** Failures after which an ended record may be left beside an entry that does not say so. */
const LEAVES_ENTRY = /^(management_|profile_|store_unavailable|user_locked|lease_too_short|update_lost)/;

interface Attempt {
  readonly keys: Keys;
  readonly userId: string;
  readonly keyId: string;
  readonly change: KeyChange;
  /** What an ending made of the record before anything was known of the entry. */
  ended?: ChangedKey;
  /** What was to become of the entry when another writer was faster. */
  intended?: ChangedKey;
}

/**
 * An ending's first write: from the record alone, whether or not Auth0 answers and whatever is left there. Without the
 * lock only a tombstone may be written, and that until it stands.
 */
async function endRecord(attempt: Attempt, lease: Lease | undefined): Promise<HeldRecord> {
  const { keys, userId, keyId, change } = attempt;
  for (;;) {
    const [held] = await keys.records.readMany([keyId]);
    if (!held) throw new TypeError("an answer without the record that was asked for");
    const record = readableOf(held);
    if (record?.sub !== userId) return held;
    const before = entryOfRecord(record);
    let after: KeyEntry;
    try {
      after = change.decide(before, keys.nowSeconds(), []);
    } catch (error) {
      // What the entry says is still to come.
      if (error instanceof ApiKeysError) return held;
      throw error;
    }
    const isTombstone = after.revoked_at !== undefined;
    const ended = { ...record, ...recordOf(userId, after) };
    const isThere = isDeepStrictEqual(before, after);
    const [isDone] = isThere
      ? [true]
      : await keys.records.change([{ held, record: ended }], isTombstone ? undefined : lease?.fence);
    if (isDone) attempt.ended ??= { before, after };
    // Under the lock, what stands now is read again: the entry's change is held to it.
    if (isThere || (isDone && !lease)) return held;
  }
}

async function changeUnderLock(attempt: Attempt, lease: Lease): Promise<ChangedKey> {
  const { keys, userId, keyId, change } = attempt;
  const { isDeath, decide } = change;
  const { profile, held } = await readBoth(attempt, lease);
  const record = recordOfHeld(held, keyId, change);
  const all = profile ? [...profile.keys, ...profile.newer] : [];
  const found = all.find(({ id }) => id === keyId);
  if (profile && !found) await requireTakenOver(keys);
  if (!found) {
    // That there is no entry has to be so as long as the lock is ours: else all is looked at again.
    lease.noteProfileWrite(new Map());
    if (attempt.ended) return attempt.ended;
  }
  const entry = found ?? entryOf(all, userId, keyId);
  // What this version does not know may restrict the key: it can end such a key, and do nothing else with it.
  if (!change.early && profile?.newer.includes(entry)) throw newerKey(keyId);
  const now = withEndOf(entry, record);
  const { intended, ended } = attempt;
  if (intended && !isDeath) {
    if (isDeepStrictEqual(now, intended.after)) return intended;
    // Another was faster, and may have been asked for the opposite since: it is for people to ask again.
    if (now.revoked_at === undefined) throw new RecordConflict(keyId);
  }
  const others = all.filter(({ id }) => id !== keyId);
  const after = decide(now, keys.nowSeconds(), others);
  // What this call did to the record was not so before it.
  const before = intended?.before ?? (ended && ended.before.revoked_at === undefined ? entry : now);
  const changed = profile?.entries.map((one) => ((one as KeyEntry | null)?.id === keyId ? after : one)) ?? [];
  const entries = profile ? fitEntries(profile, changed, keys.nowSeconds(), keyId) : [];
  if (profile && !isDeath) {
    refuseOversizedProfile(withEntries(profile, entries), profile.field, profile.appMetadata);
  }
  attempt.intended = { before, after };

  const written = recordAfter(held, userId, after);
  const fencing = after.revoked_at === undefined ? lease : undefined;
  // Whoever changes an ending's record from here on keeps the end: it need not be written once more.
  const isThere = isDeath && isDeepStrictEqual(written, record);
  if (written && !isThere) await changeRecords(keys, [{ held, record: written }], fencing);
  if (isDeepStrictEqual(after, entry)) return { before, after };

  const outcome = await writeEntries(keys, lease, userId, entries);
  if (outcome.kind === "written") return { before, after };
  // Nobody has seen what was to come alive: the record says again what the entry says.
  if (!written) throw outcome.error;
  if (!isDeath && outcome.kind === "not_written" && (await takeBack(attempt, lease, now, written))) {
    throw outcome.error;
  }
  throw incomplete(attempt, outcome.error);
}

/** The user and the record; for an ending the record is ended first, and the user may be gone. */
async function readBoth(
  attempt: Attempt,
  lease: Lease,
): Promise<{ readonly profile: UserProfile | undefined; readonly held: HeldRecord }> {
  const { keys, userId, keyId, change } = attempt;
  if (change.early) {
    const held = await endRecord(attempt, lease);
    const profile = attempt.ended ? await readIfThere(keys, userId) : await keys.users.read(userId);
    return { profile, held };
  }
  const [profile, [held]] = await Promise.all([keys.users.read(userId), keys.records.readMany([keyId])]);
  if (!held) throw new TypeError("an answer without the record that was asked for");
  return { profile, held };
}

/** The record, whatever there is of it where the key ends. Throws `key_newer`, or what it cannot be trusted for. */
function recordOfHeld(held: HeldRecord, keyId: string, { isDeath, early }: KeyChange): KeyRecord | undefined {
  if (held.kind === "newer" && !early) throw newerKey(keyId);
  return isDeath ? readableOf(held) : recordIn(held, keyId);
}

/** What to write so that the record says what the entry does; nothing where that would lose what a newer version wrote. */
function recordAfter(held: HeldRecord, userId: string, after: KeyEntry): KeyRecord | undefined {
  const { revoked_at, revoked_reason, disabled_at } = after;
  if (held.kind !== "newer") return recordOf(userId, after);
  // One that cannot be read is refused as it is; revoked, it is refused for good, and its holder is told.
  if (!held.json) return revoked_at === undefined ? undefined : recordOf(userId, after);
  return {
    ...held.json,
    ...(disabled_at !== undefined && { disabled_at }),
    ...(revoked_at !== undefined && { revoked_at }),
    ...(revoked_reason !== undefined && { revoked_reason }),
  };
}

/** The refusal to change a key that has members which this version does not know. */
export function newerKey(keyId: string): ApiKeysError {
  return new ApiKeysError(
    "key_newer",
    `Key ${keyId} was changed by a newer version of this tool.`,
    "Nothing was changed. Use that version; this one can only disable or revoke the key.",
  );
}

function incomplete({ userId, keyId }: Attempt, cause: unknown): ApiKeysError {
  const why = cause instanceof ApiKeysError && !(cause instanceof LockLost) ? ` ${cause.message}` : "";
  return new ApiKeysError(
    "change_incomplete",
    `Key ${keyId} is changed in Redis, but ${userId}'s app_metadata does not say so yet.${why}`,
    "Run the same command again to complete it.",
    cause,
  );
}

async function takeBack(
  { keys, userId, keyId }: Attempt,
  lease: Lease,
  before: KeyEntry,
  written: KeyRecord,
): Promise<boolean> {
  try {
    const [held] = await keys.records.readMany([keyId]);
    if (held?.kind !== "trusted" || !isDeepStrictEqual(held.record, written)) return false;
    const [isDone] = await keys.records.change([{ held, record: recordOf(userId, before) }], lease.fence);
    return isDone === true;
  } catch {
    return false;
  }
}
