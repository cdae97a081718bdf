import { refuseName } from "../core/policy.ts";
import { deadSinceSeconds } from "../core/key-entry.ts";
import { changeKey, type ChangedKey } from "./change.ts";
import { requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { requireNotDead } from "./require-not-dead.ts";

/** Gives a key another name. Throws `key_dead`, `name_invalid`, or `name_taken` by another living key. */
export async function renameKey(
  keys: Keys,
  userId: string,
  keyId: string,
  name: string,
): Promise<ChangedKey> {
  await requireOurStore(keys);
  return changeKey(keys, userId, keyId, {
    operation: "rename",
    isDeath: false,
    decide(entry, nowSeconds, others) {
      requireNotDead(entry, nowSeconds);
      refuseName(
        name,
        others.filter((one) => deadSinceSeconds(one, nowSeconds) === undefined),
      );
      return { ...entry, name: name.normalize("NFC") };
    },
  });
}
