import { ApiKeysError } from "../core/errors.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";

/** Throws `key_dead` for a key that was revoked or has expired: there is no way back. */
export function requireNotDead(entry: KeyEntry, nowSeconds: number): void {
  const since = deadSinceSeconds(entry, nowSeconds);
  if (since === undefined) return;
  throw new ApiKeysError(
    "key_dead",
    `Key ${entry.id} is dead since ${new Date(since * 1000).toISOString()}.`,
    "Make a new one: npm run keys -- create --user ID --name NAME",
  );
}
