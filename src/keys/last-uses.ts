import { ApiKeysError } from "../core/errors.ts";
import type { KeyUse } from "../core/key-use.ts";
import type { Keys } from "./keys.ts";

/**
 * When these keys were last used, by id, in one request; a key that is missing was not used in the last 400 days.
 * `undefined` where that is not known: tracking is off, or Redis does not answer, which must hide no key from whoever
 * lists them.
 */
export async function lastUses(
  keys: Keys,
  keyIds: readonly string[],
): Promise<ReadonlyMap<string, KeyUse> | undefined> {
  if (!keys.deployment.lastUsed) return undefined;
  try {
    return await keys.uses.readUses(keyIds);
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "store_unavailable") return undefined;
    throw error;
  }
}
