import { deadSinceSeconds, isObject, readEntries, type KeyEntry } from "./key-entry.ts";
import { isOversizedProfile } from "./policy.ts";

const SHORT_NAME = 12;
const SHORT_REASON = 24;

/** A profile as it was read: what else is in it counts too. */
export interface ProfileToFit {
  readonly appMetadata: Readonly<Record<string, unknown>>;
  readonly field: string;
}

/**
 * The entries as they fit into a profile. While they do not, those of ended keys give way, since their tombstones are in
 * Redis: first they are shortened, then they leave, the oldest end first, `lastId` last. Keys that have not ended stay
 * as they are, so that the result may still be too large.
 */
export function fitEntries(
  { appMetadata, field }: ProfileToFit,
  entries: readonly unknown[],
  nowSeconds: number,
  lastId?: string,
): readonly unknown[] {
  const isTooLarge = (list: readonly unknown[]) => isOversizedProfile({ ...appMetadata, [field]: list });
  if (!isTooLarge(entries)) return entries;
  const { known, newer } = readEntries(entries);
  const endOf = (entry: KeyEntry) =>
    entry.id === lastId ? Infinity : (deadSinceSeconds(entry, nowSeconds) ?? Infinity);
  const ended = [...known, ...newer]
    .filter((entry) => deadSinceSeconds(entry, nowSeconds) !== undefined)
    .toSorted((one, other) => endOf(one) - endOf(other));
  const shortened = new Set<unknown>(ended.filter((entry) => known.includes(entry)));
  let list = entries.map((one) => (shortened.has(one) ? shorten(one as KeyEntry) : one));
  for (const { id } of ended) {
    if (!isTooLarge(list)) break;
    list = list.filter((one) => !isObject(one) || one["id"] !== id);
  }
  return list;
}

/** What must be known of an ended key: restrictions restrict nothing any more. */
function shorten({ id, name, hash, v, prefix, iat, exp, revoked_at, revoked_reason }: KeyEntry): KeyEntry {
  return {
    id,
    name: cut(name, SHORT_NAME),
    hash,
    v,
    ...(prefix !== undefined && { prefix }),
    iat,
    ...(exp !== undefined && { exp }),
    ...(revoked_at !== undefined && { revoked_at }),
    ...(revoked_reason !== undefined && { revoked_reason: cut(revoked_reason, SHORT_REASON) }),
  };
}

function cut(text: string, length: number): string {
  const letters = Array.from(text);
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join("")}…`;
}
