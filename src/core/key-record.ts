import { hasKeyFields, hasUnknownMembers, isObject, KEY_MEMBERS, type KeyEntry } from "./key-entry.ts";
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

/** What the index holds under a key id: nothing, a text that is not ours, one of a newer version, or a record. */
export type FoundRecord =
  | { readonly kind: "missing" }
  | { readonly kind: "untrusted" }
  /** Sealed by a version that knows more: what it says may restrict the key. `json` where the seal could be checked. */
  | { readonly kind: "newer"; readonly json?: KeyRecord }
  | { readonly kind: "trusted"; readonly record: KeyRecord };

/** What a record says whose seal could be checked, that of a newer version too. */
export function readableOf(found: FoundRecord | undefined): KeyRecord | undefined {
  if (found?.kind === "newer") return found.json;
  return found?.kind === "trusted" ? found.record : undefined;
}

/** The record of an entry of a user: made of a list of what goes in, so that no text of a user's goes to Redis. */
export function recordOf(sub: string, entry: KeyEntry): KeyRecord {
  const names = Object.keys(KEY_MEMBERS) as (keyof typeof KEY_MEMBERS)[];
  const shared = names.filter((name) => entry[name] !== undefined).map((name) => [name, entry[name]]);
  return { sub, ...Object.fromEntries(shared) } as KeyRecord;
}

/** The sealed text of a record, as Redis holds it. */
export function sealRecord(record: KeyRecord, peppers: Peppers): string {
  return seal(record, peppers);
}

/** Reads what is held under `keyId`: a record only if it is ours, whole, that key's, and known in all of its members. */
export function openRecord(sealed: string | null, keyId: string, peppers: Peppers): FoundRecord {
  if (sealed === null) return { kind: "missing" };
  const opened = unseal(sealed, peppers);
  if (opened.kind !== "trusted") return { kind: opened.kind };
  const { json } = opened;
  if (!isObject(json) || typeof json["sub"] !== "string" || json["id"] !== keyId || !hasKeyFields(json)) {
    return { kind: "untrusted" };
  }
  const record = json as unknown as KeyRecord;
  return hasUnknownMembers(record, ["sub"]) ? { kind: "newer", json: record } : { kind: "trusted", record };
}

/**
 * When Redis may forget a record, in seconds since 1970: the retention after the key's end, so that its holder is told
 * why it ended. `undefined` for a key that does not expire.
 */
export function recordExpiresAtSeconds(record: KeyRecord, retentionSeconds: number): number | undefined {
  if (record.exp === undefined) return undefined;
  return Math.max(record.exp, record.revoked_at ?? 0) + retentionSeconds;
}
