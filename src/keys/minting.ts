import type { ApiKey } from "../core/api-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import { hashKey, isEqual } from "../core/peppers.ts";
import type { Keys } from "./keys.ts";

/** The API key that a request makes which may come again: the same each time. */
export interface Minting {
  readonly apiKey: ApiKey;
  /** Whether it was made before: then it is not made again, whatever became of it. */
  readonly wasMade: boolean;
}

/** Whether an entry holds this API key as its current secret, so that the request has been carried out already. */
export function isMinted(keys: Keys, entry: KeyEntry, { apiKey }: Minting): boolean {
  const pepper = keys.peppers.byVersion.get(entry.v);
  return (
    pepper !== undefined && entry.id === apiKey.id && isEqual(entry.hash, hashKey(apiKey.reveal(), pepper))
  );
}

/** The entry that the same request made before, or `undefined`. Throws `key_shown_already` if it has changed since. */
export function mintedBefore(
  keys: Keys,
  entries: readonly KeyEntry[],
  minting: Minting,
): KeyEntry | undefined {
  const entry = entries.find(({ id }) => id === minting.apiKey.id);
  if (!entry) {
    if (minting.wasMade) throw keyShownAlready();
    return undefined;
  }
  const isAlive = deadSinceSeconds(entry, keys.nowSeconds()) === undefined;
  if (isAlive && isMinted(keys, entry, minting)) return entry;
  throw keyShownAlready();
}

/** The refusal to show a key again that was rotated, revoked or dropped since the request was first sent. */
export function keyShownAlready(): ApiKeysError {
  return new ApiKeysError(
    "key_shown_already",
    "The same request made a key before, which has changed since.",
    "Make another, with a new Idempotency-Key.",
  );
}
