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
  | "entry_not_revoked"
  | "entry_not_disabled";

/** What to write so that entry and record agree; the entry is written first. */
export interface Mend {
  readonly entry?: KeyEntry;
  readonly record?: KeyRecord;
}

/**
 * Compares a user's key entry with the record found under its id; `undefined` where they agree, or where neither has to
 * be known any more: both may be forgotten the retention after the key's end. All fields count.
 */
export function compareKey(
  sub: string,
  entry: KeyEntry | undefined,
  found: FoundRecord,
  nowSeconds: number,
  retentionSeconds: number,
): KeyDifference | undefined {
  const isForgettable = (key: Pick<KeyEntry, "exp" | "revoked_at">) =>
    (deadSinceSeconds(key, nowSeconds) ?? Infinity) + retentionSeconds <= nowSeconds;
  if (found.kind === "newer") return "newer_version";
  if (found.kind === "untrusted") return "altered_record";
  if (!entry) {
    return found.kind === "missing" || isForgettable(found.record) ? undefined : "orphan_record";
  }
  const expected = recordOf(sub, entry);
  if (found.kind === "missing") return isForgettable(expected) ? undefined : "missing_record";
  if (found.record.revoked_at !== undefined && entry.revoked_at === undefined) return "entry_not_revoked";
  // Both disabling and enabling write the record first: only a disabling that was broken off can have left this.
  if (found.record.disabled_at !== undefined && entry.disabled_at === undefined) return "entry_not_disabled";
  return isSame(expected, found.record) ? undefined : "stale_record";
}

/**
 * What mends a difference. The truth is the entry; death, and a pause, is either; a record is never deleted. An entry is made from
 * its record only if that is asked for: its absence may be meant. `undefined` where there is nothing to write.
 */
export function mendOf(
  difference: KeyDifference,
  sub: string,
  entry: KeyEntry | undefined,
  found: FoundRecord,
  restoreEntries: boolean,
): Mend | undefined {
  switch (difference) {
    case "missing_record":
    case "stale_record":
    case "altered_record":
      return entry && { record: recordOf(sub, entry) };
    case "entry_not_revoked":
    case "entry_not_disabled": {
      if (!entry || found.kind !== "trusted") return undefined;
      const ended = withEndOf(entry, found.record);
      return { entry: ended, ...(found.record.sub === sub && { record: recordOf(sub, ended) }) };
    }
    case "newer_version":
      return undefined;
    case "orphan_record":
      return restoreEntries && found.kind === "trusted" ? { entry: entryOfRecord(found.record) } : undefined;
  }
}

/** The entry that a record was made of. Its name is not in the record: the key id stands in for it. */
export function entryOfRecord(record: KeyRecord): KeyEntry {
  const { sub: _, ...rest } = record;
  return { ...rest, name: `restored ${record.id}` };
}

/** The entry, revoked or disabled where its record is and it is not itself. */
export function withEndOf(entry: KeyEntry, record: KeyRecord): KeyEntry {
  const { revoked_at, revoked_reason, disabled_at } = record;
  return {
    ...(disabled_at !== undefined && { disabled_at }),
    ...(revoked_at !== undefined && { revoked_at }),
    ...(revoked_reason !== undefined && { revoked_reason }),
    ...entry,
  };
}

/** Whether two values of JSON are equal, whatever the order of their fields. */
function isSame(one: unknown, other: unknown): boolean {
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
