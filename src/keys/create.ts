import { isDeepStrictEqual } from "node:util";

import { ApiKey } from "../core/api-key.ts";
import { prefixFor } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { fitEntries } from "../core/fit-entries.ts";
import { keyStatus, type KeyEntry } from "../core/key-entry.ts";
import { recordOf, type KeyRecord } from "../core/key-record.ts";
import { hashKey } from "../core/peppers.ts";
import { refuseOversizedProfile, termsOf, type NewKeyRequest } from "../core/policy.ts";
import { noRecord, type HeldRecord } from "../stores/redis-key-batches.ts";
import { withEntries } from "../stores/user-key-store.ts";
import type { Lease } from "../stores/user-lock.ts";
import { audited, changesBetween } from "./audit.ts";
import { requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { isMinted, keyShownAlready, mintedBefore, type Minting } from "./minting.ts";
import { changeRecords, underLock } from "./under-lock.ts";
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
    async () => {
      const made = {};
      return underLock(keys, userId, async (lease) =>
        createUnderLock(keys, lease, userId, request, minting, made),
      );
    },
    ({ entry }) => ({ keyId: entry.id, changes: changesBetween({}, entry) }),
  );
}

async function createUnderLock(
  keys: Keys,
  lease: Lease,
  userId: string,
  request: NewKeyRequest,
  minting: Minting | undefined,
  made: { key?: ApiKey },
): Promise<CreatedKey> {
  const [profile, held] = await Promise.all([
    keys.users.read(userId),
    minting ? heldOf(keys, minting.apiKey.id) : undefined,
    requireOurStore(keys),
  ]);
  const existing = [...profile.keys, ...profile.newer];
  if (made.key) return madeMeanwhile(keys, userId, existing, made.key);
  const before = minting && mintedBefore(keys, existing, minting);
  if (before) return { apiKey: minting.apiKey, entry: before };
  if (held?.kind === "trusted" && held.record.revoked_at !== undefined) throw keyShownAlready();
  const terms = termsOf(request, existing, keys.policy, keys.deployment, keys.nowSeconds());
  const pepper = keys.peppers.current;
  const apiKey = minting?.apiKey ?? ApiKey.generate(prefixFor(keys.deployment, terms.aud), keys.randomBytes);
  const entry: KeyEntry = {
    id: apiKey.id,
    ...terms,
    hash: hashKey(apiKey.reveal(), pepper),
    v: pepper.version,
    prefix: apiKey.prefix,
  };
  const entries = fitEntries(profile, [...profile.entries, entry], keys.nowSeconds());
  refuseOversizedProfile(withEntries(profile, entries), profile.field);

  await changeRecords(keys, [{ held: held ?? noRecord(entry.id), record: recordOf(userId, entry) }], lease);
  made.key = apiKey;
  const outcome = await writeEntries(keys, lease, userId, entries);
  if (outcome.kind === "written") return { apiKey, entry };
  if (outcome.kind === "not_written") {
    delete made.key;
    await withdraw(keys, lease, recordOf(userId, entry)).catch(() => undefined);
  }
  throw outcome.error;
}

/** What came of a key that was made when the lock had ended: it is handed out if it is there, as it was made. */
async function madeMeanwhile(
  keys: Keys,
  userId: string,
  existing: readonly KeyEntry[],
  apiKey: ApiKey,
): Promise<CreatedKey> {
  const entry = existing.find(({ id }) => id === apiKey.id);
  const held = await heldOf(keys, apiKey.id);
  const isThere = entry && isMinted(keys, entry, { apiKey, wasMade: false }) && held.kind === "trusted";
  const isActive = entry && keyStatus(entry, keys.nowSeconds()) === "active";
  if (isThere && isActive && isDeepStrictEqual(held.record, recordOf(userId, entry))) {
    return { apiKey, entry };
  }
  throw new ApiKeysError(
    "update_lost",
    "The key was revoked or changed by another program before it could be shown.",
    "Make another.",
  );
}

/** Takes a record away that no entry confirms, unless another has changed it. */
async function withdraw(keys: Keys, lease: Lease, record: KeyRecord): Promise<void> {
  const held = await heldOf(keys, record.id);
  if (held.kind !== "trusted" || !isDeepStrictEqual(held.record, record)) return;
  await keys.records.change([{ held }], lease.fence);
}

async function heldOf(keys: Keys, keyId: string): Promise<HeldRecord> {
  const [held] = await keys.records.readMany([keyId]);
  return held ?? noRecord(keyId);
}
