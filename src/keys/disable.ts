import { requireNotDead } from "./require-not-dead.ts";
import { changeKey, type ChangedKey } from "./change.ts";
import { requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";

/** Switches a key off until it is enabled again. Disabling it twice keeps the first time. Throws `key_dead`. */
export async function disableKey(keys: Keys, userId: string, keyId: string): Promise<ChangedKey> {
  return changeKey(keys, userId, keyId, {
    operation: "disable",
    isDeath: true,
    early: "under_the_lock",
    decide(entry, nowSeconds) {
      requireNotDead(entry, nowSeconds);
      return entry.disabled_at === undefined ? { ...entry, disabled_at: nowSeconds } : entry;
    },
  });
}

/** Switches a disabled key on. A key that was not disabled stays as it is. Throws `key_dead`. */
export async function enableKey(keys: Keys, userId: string, keyId: string): Promise<ChangedKey> {
  await requireOurStore(keys);
  return changeKey(keys, userId, keyId, {
    operation: "enable",
    isDeath: false,
    decide(entry, nowSeconds) {
      requireNotDead(entry, nowSeconds);
      const { disabled_at: _, ...enabled } = entry;
      return enabled;
    },
  });
}
