import { deadSinceSeconds, type KeyEntry } from "./key-entry.ts";
import { recordOf, type FoundRecord, type KeyRecord } from "./key-record.ts";

/** How an entry and a record can disagree. */
export type KeyDifference =
  | "missing_record"
  | "orphan_record"
  | "stale_record"
  | "altered_record"
  /** Entry or record of a newer version of this tool, which this one leaves alone. */
  | "newer_version"
  | "entry_not_revoked";

/** What to write so that entry and record agree; the entry is written first. */
export interface Mend {
  readonly entry?: KeyEntry;
  readonly record?: KeyRecord;
}

/**
 * Compares a user's key entry with the record found under its id; `undefined` where they agree, or where neither has to
 * be known any more: both may be forgotten the retention after the key's end. All fields count as long as the key has
 * not ended; of a key that has, neither has to be there, and the entry may have been shortened to make room.
 */
export function compareKey(
  sub: string,
  entry: KeyEntry | undefined,
  found: FoundRecord,
  nowSeconds: number,
  retentionSeconds: number,
): KeyDifference | undefined {
  const endOf = (key: Pick<KeyEntry, "exp" | "revoked_at">) => deadSinceSeconds(key, nowSeconds);
  if (found.kind === "newer") return "newer_version";
  if (found.kind === "untrusted") return "altered_record";
  if (!entry) {
    return found.kind === "missing" || endOf(found.record) !== undefined ? undefined : "orphan_record";
  }
  if (found.kind === "missing") {
    return (endOf(entry) ?? Infinity) + retentionSeconds <= nowSeconds ? undefined : "missing_record";
  }
  const { record } = found;
  if (record.revoked_at !== undefined && entry.revoked_at === undefined) return "entry_not_revoked";
  if (endOf(entry) !== undefined && endOf(record) !== undefined) return undefined;
  return isSame(recordOf(sub, entry), record) ? undefined : "stale_record";
}

/**
 * What mends a difference. The truth is the entry, and only an end may come from the record alone: who can write to
 * Redis can put older records back, of when a key was paused, or lived. So a pause that its entry does not confirm is
 * taken out of the record, and an entry is made from its record only if that is asked for, and then disabled. A record
 * is never deleted. `undefined` where there is nothing to write.
 */
export function mendOf(
  difference: KeyDifference,
  sub: string,
  entry: KeyEntry | undefined,
  found: FoundRecord,
  restoredAtSeconds: number | undefined,
): Mend | undefined {
  switch (difference) {
    case "missing_record":
    case "stale_record":
    case "altered_record":
      return entry && { record: recordOf(sub, entry) };
    case "entry_not_revoked": {
      if (!entry || found.kind !== "trusted") return undefined;
      const ended = withEndOf(entry, found.record);
      return { entry: ended, ...(found.record.sub === sub && { record: recordOf(sub, ended) }) };
    }
    case "newer_version":
      return undefined;
    case "orphan_record": {
      if (restoredAtSeconds === undefined || found.kind !== "trusted") return undefined;
      const restored = { disabled_at: restoredAtSeconds, ...entryOfRecord(found.record) };
      return { entry: restored, record: recordOf(sub, restored) };
    }
  }
}

/** The entry that a record was made of. Its name is not in the record: the key id stands in for it. */
export function entryOfRecord(record: KeyRecord): KeyEntry {
  const { sub: _, ...rest } = record;
  return { ...rest, name: `restored ${record.id}` };
}

/** The entry, revoked where its record is and it is not itself. */
export function withEndOf(entry: KeyEntry, record: KeyRecord | undefined): KeyEntry {
  if (record?.revoked_at === undefined || entry.revoked_at !== undefined) return entry;
  const { revoked_at, revoked_reason } = record;
  return { ...entry, revoked_at, ...(revoked_reason !== undefined && { revoked_reason }) };
}

/** Whether two values of JSON are equal, whatever the order of their fields. */
export function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other;
  }
  const names = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) &&
        isSame((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]),
    )
  );
}
