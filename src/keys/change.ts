import { isDeepStrictEqual } from "node:util";

import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { readableOf, recordOf, type FoundRecord, type KeyRecord } from "../core/key-record.ts";
import { audited, changesBetween } from "./audit.ts";
import { requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";
import { entryOf } from "./list.ts";
import { writeEntries } from "./write-entries.ts";

/** A change of one key. */
export interface KeyChange {
  /** What the audit log calls it. */
  readonly operation: string;
  /**
   * Whether the key ends or pauses by it: then it is effective with its first write and is never taken back, and a
   * record that cannot be trusted is no obstacle.
   */
  readonly isDeath: boolean;
  /** Whether a key may be changed so whose entry has members that this version does not know: it ends or pauses by it. */
  readonly isForNewer?: true;
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
 * Changes one key under its user's lock, the record first, then the entry. The same call again completes what a failure
 * left. Throws `key_not_found`, `change_incomplete` if only the record could be written, or what a store answered.
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
    async () => changeUnderLock(keys, userId, keyId, change),
    ({ before, after }) => ({ changes: changesBetween(before, after) }),
  );
}

async function changeUnderLock(
  keys: Keys,
  userId: string,
  keyId: string,
  change: KeyChange,
): Promise<ChangedKey> {
  const { isDeath, isForNewer, decide } = change;
  return keys.lock(userId, async (lease) => {
    const [profile, found] = await Promise.all([keys.users.read(userId), findRecord(keys, keyId, change)]);
    const all = [...profile.keys, ...profile.newer];
    if (all.length === 0) await requireTakenOver(keys);
    const entry = entryOf(all, userId, keyId);
    // What this version does not know may restrict the key: it can end such a key, and do nothing else with it.
    if (!isForNewer && profile.newer.includes(entry)) throw newerKey(keyId);
    const before = withDeath(entry, readableOf(found));
    const others = all.filter(({ id }) => id !== keyId);
    const after = decide(before, keys.nowSeconds(), others);
    const record = recordAfter(found, userId, after);
    if (record) await keys.records.write(record);
    if (isDeepStrictEqual(after, entry)) return { before, after };

    const entries = profile.entries.map((one) => ((one as KeyEntry | null)?.id === keyId ? after : one));
    const isDone = (written: readonly KeyEntry[]) => written.some((one) => isDeepStrictEqual(one, after));
    const outcome = await writeEntries(keys, lease, userId, entries, isDone);
    if (outcome.kind === "written") return { before, after };
    if (!record) throw outcome.error;
    // Nobody has seen what was to come alive: the record says again what the entry says.
    if (!isDeath && outcome.kind === "not_written" && (await takeBack(keys, recordOf(userId, before)))) {
      throw outcome.error;
    }
    throw new ApiKeysError(
      "change_incomplete",
      `Key ${keyId} is changed in Redis, but ${userId}'s app_metadata does not say so yet.`,
      "Run the same command again to complete it.",
      outcome.error,
    );
  });
}

/** The record, whatever there is of it where the key ends. Throws `key_newer`, or else what it cannot be trusted for. */
async function findRecord(
  keys: Keys,
  keyId: string,
  { isDeath, isForNewer }: KeyChange,
): Promise<FoundRecord> {
  const [found = { kind: "missing" }] = await keys.records.readMany([keyId]);
  if (found.kind === "newer" && !isForNewer) throw newerKey(keyId);
  // It says what is wrong with it.
  if (found.kind === "untrusted" && !isDeath) await keys.records.read(keyId);
  return found;
}

/** What to write so that the record says what the entry does; nothing where that would lose what a newer version wrote. */
function recordAfter(found: FoundRecord, userId: string, after: KeyEntry): KeyRecord | undefined {
  const { revoked_at, revoked_reason, disabled_at } = after;
  if (found.kind !== "newer") return recordOf(userId, after);
  // One that cannot be read is refused as it is; revoked, it is refused for good, and its holder is told.
  if (!found.json) return revoked_at === undefined ? undefined : recordOf(userId, after);
  return {
    ...found.json,
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

function withDeath(entry: KeyEntry, record: KeyRecord | undefined): KeyEntry {
  if (record?.revoked_at === undefined || entry.revoked_at !== undefined) return entry;
  const { revoked_at, revoked_reason } = record;
  return { ...entry, revoked_at, ...(revoked_reason !== undefined && { revoked_reason }) };
}

async function takeBack(keys: Keys, record: KeyRecord): Promise<boolean> {
  return keys.records.write(record).then(
    () => true,
    () => false,
  );
}
