import { ApiKey } from "../core/api-key.ts";
import { prefixFor } from "../core/deployment.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { recordOf } from "../core/key-record.ts";
import { hashKey } from "../core/peppers.ts";
import { refuseOversizedProfile, termsOf, type NewKeyRequest } from "../core/policy.ts";
import { withEntries } from "../stores/user-key-store.ts";
import { audited, changesBetween } from "./audit.ts";
import { requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { mintedBefore, type Minting } from "./minting.ts";
import { writeEntries } from "./write-entries.ts";

/** A new key: the only moment at which the key itself exists outside its holder's hands. */
export interface CreatedKey {
  readonly apiKey: ApiKey;
  readonly entry: KeyEntry;
}

/**
 * Makes a key for a user. Order of writes: record, then entry, then the key is handed out; a record that no entry
 * confirms grants nothing. Throws an `ApiKeysError`: then no key was handed out. Should an entry be left all the same,
 * since the answer to its write was lost, it is of a key that nobody has seen, and can be revoked. With `minting`, the
 * same call again gives the key that is there, or throws `key_shown_already`.
 */
export async function createKey(
  keys: Keys,
  userId: string,
  request: NewKeyRequest,
  minting?: Minting,
): Promise<CreatedKey> {
  return audited(
    keys,
    { operation: "create", userId },
    async () => createUnderLock(keys, userId, request, minting),
    ({ entry }) => ({ keyId: entry.id, changes: changesBetween({}, entry) }),
  );
}

async function createUnderLock(
  keys: Keys,
  userId: string,
  request: NewKeyRequest,
  minting: Minting | undefined,
): Promise<CreatedKey> {
  return keys.lock(userId, async (lease) => {
    const [profile] = await Promise.all([keys.users.read(userId), requireOurStore(keys)]);
    const existing = [...profile.keys, ...profile.newer];
    const made = minting && mintedBefore(keys, existing, minting);
    if (made) return { apiKey: minting.apiKey, entry: made };
    const terms = termsOf(request, existing, keys.policy, keys.deployment, keys.nowSeconds());
    const pepper = keys.peppers.current;
    const apiKey =
      minting?.apiKey ?? ApiKey.generate(prefixFor(keys.deployment, terms.aud), keys.randomBytes);
    const entry: KeyEntry = {
      id: apiKey.id,
      ...terms,
      hash: hashKey(apiKey.reveal(), pepper),
      v: pepper.version,
      prefix: apiKey.prefix,
    };
    const entries = [...profile.entries, entry];
    refuseOversizedProfile(withEntries(profile, entries), profile.field);

    await keys.records.write(recordOf(userId, entry));
    const isThere = (after: readonly KeyEntry[]) => after.some(({ id }) => id === entry.id);
    const outcome = await writeEntries(keys, lease, userId, entries, isThere);
    if (outcome.kind === "not_written") await keys.records.remove(entry.id).catch(() => undefined);
    if (outcome.kind !== "written") throw outcome.error;
    return { apiKey, entry };
  });
}
