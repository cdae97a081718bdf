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
  const { whole, mistyped } = findKeys(text, acceptedPrefixes(keys.deployment));
  const hintOf = (found: string) => {
    const parts = inspectKey(found);
    return `${parts?.prefix}_${parts?.id}…`;
  };
  for (const found of whole) {
    const key = readPresentedKey(found, keys.deployment);
    if (key) results.push(await revokeLeaked(keys, key, hintOf(found), reason));
  }
  for (const found of mistyped) results.push({ hint: hintOf(found), outcome: "mistyped", user_id: null });
  for (const key of foreignKeysIn(text, keys)) {
    const leaked = await revokeLeaked(keys, key, key.id, reason);
    if (leaked.outcome !== "unknown") results.push(leaked);
  }
  return results;
}

/** Every word and every line that may be a foreign key, each once. */
function foreignKeysIn(text: string, { deployment }: Keys): readonly PresentedKey[] {
  const lines = text.split("\n").map((line) => line.trim());
  const candidates = new Set([...lines, ...text.split(/[\s"'`,;<>]+/)]);
  return [...candidates]
    .filter((one) => isForeignKey(one, acceptedPrefixes(deployment)))
    .flatMap((one) => readPresentedKey(one, deployment) ?? []);
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
