import { readableOf, type KeyRecord } from "../core/key-record.ts";
import type { Keys } from "./keys.ts";
import { outwaitStore } from "./patience.ts";

/**
 * The ids of a user's records, for which every record is looked at: those that `isWanted`. One that a newer version wrote
 * is wanted as far as it can be read, unless that is `refused`.
 */
export async function idsOfUser(
  keys: Keys,
  userId: string,
  isWanted: (record: KeyRecord) => boolean = () => true,
  refused?: (keyId: string) => Error,
): Promise<readonly string[]> {
  const all = new Set<string>();
  for await (const ids of keys.records.ids()) {
    for (const one of await outwaitStore(keys, async () => keys.records.readMany(ids))) {
      const record = readableOf(one);
      if (record?.sub !== userId) continue;
      if (refused && one.kind === "newer") throw refused(one.keyId);
      if (isWanted(record)) all.add(one.keyId);
    }
  }
  return [...all];
}
