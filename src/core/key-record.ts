import { hasKeyFields, isObject, type KeyEntry } from "./key-entry.ts";
import type { Peppers } from "./peppers.ts";
import { seal, unseal } from "./sealed-json.ts";

/** A key record: what Redis holds of a key, sealed. The entry without its name, and whose it is. */
export interface KeyRecord extends Omit<KeyEntry, "name"> {
  /** The Auth0 user id that the exchange sets. */
  readonly sub: string;
}

/** The Redis key of a key's record. */
export function recordKey(keyId: string): string {
  return `apikey:${keyId}`;
}

/** The record of an entry of a user. */
export function recordOf(sub: string, entry: KeyEntry): KeyRecord {
  const { name: _, ...rest } = entry;
  return { sub, ...rest };
}

/** The sealed text of a record, as Redis holds it. */
export function sealRecord(record: KeyRecord, peppers: Peppers): string {
  return seal(record, peppers);
}

/** The record that a sealed text holds, or `undefined` unless it is ours, whole, and that of `keyId`. */
export function openRecord(sealed: string, keyId: string, peppers: Peppers): KeyRecord | undefined {
  const opened = unseal(sealed, peppers);
  if (opened.kind === "untrusted") return undefined;
  const { json } = opened;
  return isObject(json) && typeof json["sub"] === "string" && json["id"] === keyId && hasKeyFields(json)
    ? (json as unknown as KeyRecord)
    : undefined;
}

/**
 * When Redis may forget a record, in seconds since 1970: the retention after the key's end, so that its holder is told
 * why it ended. `undefined` for a key that does not expire.
 */
export function recordExpiresAtSeconds(record: KeyRecord, retentionSeconds: number): number | undefined {
  if (record.exp === undefined) return undefined;
  return Math.max(record.exp, record.revoked_at ?? 0) + retentionSeconds;
}
