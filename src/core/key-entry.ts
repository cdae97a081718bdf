import { isKeyId } from "./key-format.ts";

/**
 * A key entry: the truth about one API key, kept in the user's `app_metadata`, in the field of its deployment. Claim
 * names of RFC 7519 and 8693 where there is one. Times are seconds since 1970. An absent restriction does not restrict.
 */
export interface KeyEntry {
  readonly id: string;
  readonly name: string;
  /** HMAC of the whole key, base64url. */
  readonly hash: string;
  /** Version of the pepper that `hash` was made with. */
  readonly v: number;
  /** What the key begins with; absent in imported keys, and in those made before this was noted. */
  readonly prefix?: string;
  readonly iat: number;
  readonly exp?: number;
  /** Space-delimited; the empty string allows no scope at all. */
  readonly scope?: string;
  readonly aud?: readonly string[];
  readonly org_id?: string;
  /** Addresses and CIDR ranges. */
  readonly ip?: readonly string[];
  readonly clients?: readonly string[];
  readonly revoked_at?: number;
  readonly revoked_reason?: string;
  /** Since when the key is switched off; it can be switched on again. */
  readonly disabled_at?: number;
  /** The secret before the last rotation, good until `exp`. */
  readonly previous?: {
    readonly hash: string;
    readonly v: number;
    readonly exp: number;
    readonly prefix?: string;
  };
}

type Test = (value: unknown) => boolean;

const PREVIOUS_MEMBERS = { hash: isString, v: isSeconds, exp: isSeconds, prefix: isString };
/**
 * The members that entry and record share, each with what it is where it is there. One that restricts a key must also
 * raise the version of the record's form ({@link seal}), so that an Action that does not know it refuses the key:
 * docs/decisions/0008.
 */
export const KEY_MEMBERS = {
  id: (value: unknown) => isString(value) && isKeyId(value),
  hash: isString,
  v: isSeconds,
  prefix: isString,
  iat: isSeconds,
  exp: isSeconds,
  scope: isString,
  aud: isStrings,
  org_id: isString,
  ip: isStrings,
  clients: isStrings,
  revoked_at: isSeconds,
  revoked_reason: isString,
  disabled_at: isSeconds,
  previous: (value: unknown) => isObject(value) && isMadeOf(PREVIOUS_MEMBERS, ["hash", "v", "exp"], value),
} satisfies Record<Exclude<keyof KeyEntry, "name">, Test>;

/** The last moment that a `Date` can tell: of what is beyond it, nobody could be told when it was. */
const MAX_SECONDS = 8.64e12;

/** What a key is at a moment. */
export type KeyStatus = "active" | "disabled" | "expired" | "revoked";

/** The key's status. The moment `exp` itself is expired already (RFC 7519 §4.1.4). */
export function keyStatus(
  key: Pick<KeyEntry, "exp" | "revoked_at" | "disabled_at">,
  nowSeconds: number,
): KeyStatus {
  if (key.revoked_at !== undefined) return "revoked";
  if (key.exp !== undefined && nowSeconds >= key.exp) return "expired";
  return key.disabled_at === undefined ? "active" : "disabled";
}

/** Whether the key's last rotation still lets the previous secret in. */
export function isOverlapping(key: Pick<KeyEntry, "previous">, nowSeconds: number): boolean {
  return key.previous !== undefined && nowSeconds < key.previous.exp;
}

/** Whether a key that lives, disabled or not, expires in this time: now is not in it, its last moment is. */
export function isExpiringWithin(
  key: Pick<KeyEntry, "exp" | "revoked_at">,
  nowSeconds: number,
  seconds: number,
): boolean {
  const { exp, revoked_at } = key;
  return revoked_at === undefined && exp !== undefined && exp > nowSeconds && exp <= nowSeconds + seconds;
}

/** Since when a key is dead for good, in seconds since 1970; `undefined` for one that works or can be enabled. */
export function deadSinceSeconds(
  key: Pick<KeyEntry, "exp" | "revoked_at">,
  nowSeconds: number,
): number | undefined {
  const ends = [key.revoked_at, key.exp].filter((end) => end !== undefined && end <= nowSeconds);
  return ends.length === 0 ? undefined : Math.min(...(ends as number[]));
}

/** The scopes of a space-delimited list, in order, without repetition. */
export function scopesOf(scope: string): readonly string[] {
  return [...new Set(scope.split(" ").filter((one) => one !== ""))];
}

/** A list of entries, read: those that this version knows whole, and those of a newer one, which it must not rewrite. */
export interface ReadEntries {
  readonly known: readonly KeyEntry[];
  readonly newer: readonly KeyEntry[];
}

/** Reads a list of entries. What is malformed is in neither list: it is left where it is and grants nothing. */
export function readEntries(list: unknown): ReadEntries {
  const entries = Array.isArray(list) ? list.filter(isEntry) : [];
  return {
    known: entries.filter((entry) => !hasUnknownMembers(entry, ["name"])),
    newer: entries.filter((entry) => hasUnknownMembers(entry, ["name"])),
  };
}

function isEntry(value: unknown): value is KeyEntry {
  return isObject(value) && typeof value["name"] === "string" && hasKeyFields(value);
}

/** Whether a key has members that this version does not know: one of them may restrict it. */
export function hasUnknownMembers(key: object, besides: readonly string[]): boolean {
  const { previous = {} } = key as { readonly previous?: object };
  return (
    Object.keys(key).some((name) => !Object.hasOwn(KEY_MEMBERS, name) && !besides.includes(name)) ||
    Object.keys(previous).some((name) => !Object.hasOwn(PREVIOUS_MEMBERS, name))
  );
}

/** Whether a value has the fields that entry and record share, each absent or of its type. */
export function hasKeyFields(value: Record<string, unknown>): boolean {
  return isMadeOf(KEY_MEMBERS, ["id", "hash", "v", "iat"], value);
}

/** Whether a value is an object with named fields, and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value has the required members, and all that it has of these are what they must be. */
function isMadeOf(
  members: Readonly<Record<string, Test>>,
  required: readonly string[],
  value: Record<string, unknown>,
): boolean {
  return (
    required.every((name) => value[name] !== undefined) &&
    Object.entries(members).every(([name, test]) => value[name] === undefined || test(value[name]))
  );
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every(isString);
}

function isSeconds(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_SECONDS;
}
