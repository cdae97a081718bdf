import { findKeys, inspectKey } from "../core/key-format.ts";
import { readableOf, type KeyRecord } from "../core/key-record.ts";
import { isEqual } from "../core/peppers.ts";
import { acceptedPrefixes } from "../core/deployment.ts";
import { isForeignKey, readPresentedKey, type PresentedKey } from "../core/presented-key.ts";
import type { Keys } from "./keys.ts";
import { revokeKey } from "./revoke.ts";

/** What became of one key of a leak report. `hint` is its redacted form, or the id of a foreign key. */
export interface LeakedKey {
  readonly hint: string;
  readonly outcome: "revoked" | "revoked_already" | "mistyped" | "unknown";
  readonly user_id: string | null;
}

/**
 * Revokes every key that stands in a text, whatever stands around it, as a leak report gives it. Who has a key may end
 * it: the whole key is checked, its id alone does nothing. Goes on where a user does not exist any more; then the
 * tombstone is all there is. Of foreign keys, which any word may be, only those that are known are told of. Throws what
 * a store answered.
 */
export async function revokeLeakedKeys(
  keys: Keys,
  text: string,
  reason: string,
): Promise<readonly LeakedKey[]> {
  const results: LeakedKey[] = [];
  const { whole, mistyped } = findKeys(readable(text), acceptedPrefixes(keys.deployment));
  const hintOf = (found: string) => {
    const parts = inspectKey(found);
    return `${parts?.prefix}_${parts?.id}…`;
  };
  for (const found of whole) {
    const key = readPresentedKey(found, keys.deployment);
    if (key) results.push(await revokeLeaked(keys, key, hintOf(found), reason));
  }
  for (const found of mistyped) results.push({ hint: hintOf(found), outcome: "mistyped", user_id: null });
  const foreign = foreignKeysIn(text, keys);
  for (let at = 0; at < foreign.length; at += IDS_A_PAGE) {
    const page = foreign.slice(at, at + IDS_A_PAGE);
    const found = await keys.records.readMany(page.map(({ id }) => id));
    for (const [of, key] of page.entries()) {
      if (found[of]?.kind === "missing") continue;
      const leaked = await revokeLeaked(keys, key, key.id, reason);
      if (leaked.outcome !== "unknown") results.push(leaked);
    }
  }
  return results;
}

/** Whether anything in a text looks as if it were a key of the deployment, or may be a foreign one. */
export function mayHoldKeys(text: string, keys: Pick<Keys, "deployment">): boolean {
  const isOurs = acceptedPrefixes(keys.deployment).some((prefix) => readable(text).includes(`${prefix}_`));
  return isOurs || foreignKeysIn(text, keys).length > 0;
}

/** The text, and once more without what JSON, URLs and UTF-16 make of its characters. */
function readable(text: string): string {
  const escaped = /(?:%|\\x|\\u00)([0-7][0-9a-f])/gi;
  const unescaped = text
    .replaceAll("\0", "")
    .replace(escaped, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return unescaped === text ? text : `${text}\n${unescaped}`;
}

const IDS_A_PAGE = 500;
/** What may stand around a key in a word, and in a key too, as `/` and `=` do in base64. */
const SEPARATOR = /[=:&?()[\]{}|\\/]/;
const MOST_PARTS = 8;

/** Every line, word and part of a word that may be a foreign key, each once. */
function foreignKeysIn(text: string, { deployment }: Pick<Keys, "deployment">): readonly PresentedKey[] {
  const all = readable(text);
  const words = all.split(/[\s"'`,;<>]+/);
  const candidates = new Set([...all.split("\n").map((line) => line.trim()), ...words]);
  for (const word of words) for (const part of partsOf(word)) candidates.add(part);
  return [...candidates]
    .filter((one) => isForeignKey(one, acceptedPrefixes(deployment)))
    .flatMap((one) => readPresentedKey(one, deployment) ?? []);
}

/** What stands between any two separators of a word that are not far apart, with and without a full stop behind it. */
function* partsOf(word: string): Iterable<string> {
  const parts = word.split(SEPARATOR);
  for (let [at, from] = [0, 0]; at < parts.length; from += (parts[at]?.length ?? 0) + 1, at++) {
    let to = from - 1;
    for (const part of parts.slice(at, at + MOST_PARTS)) {
      to += part.length + 1;
      const candidate = word.slice(from, to);
      yield candidate;
      yield candidate.replace(/\.+$/, "");
    }
  }
}

async function revokeLeaked(
  keys: Keys,
  apiKey: PresentedKey,
  hint: string,
  reason: string,
): Promise<LeakedKey> {
  const [found] = await keys.records.readMany([apiKey.id]);
  // What cannot be read says why; what a newer version wrote can be ended.
  const isSilent = found !== undefined && found.kind !== "missing" && !readableOf(found);
  const record = isSilent ? await keys.records.read(apiKey.id) : readableOf(found);
  if (!record || !isSecretOf(keys, apiKey, record)) return { hint, outcome: "unknown", user_id: null };
  const user_id = record.sub;
  const { wasRevoked } = await revokeKey(keys, user_id, apiKey.id, reason);
  return { hint, outcome: wasRevoked ? "revoked_already" : "revoked", user_id };
}

function isSecretOf(keys: Keys, apiKey: PresentedKey, record: KeyRecord): boolean {
  return [record, record.previous].some((secret) => {
    const pepper = secret && keys.peppers.byVersion.get(secret.v);
    return pepper !== undefined && isEqual(apiKey.hash(pepper), secret?.hash ?? "");
  });
}
