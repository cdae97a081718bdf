import type { KeyEntry } from "../../core/key-entry.ts";
import type { Keys } from "../../keys/keys.ts";
import { lastUses } from "../../keys/last-uses.ts";
import { listAllKeys, type OwnedEntry } from "../../keys/list.ts";
import type { Io } from "../io.ts";
import { presentKey } from "./present-key.ts";

/** Last uses are asked for this many keys at a time, so that their requests are few and memory stays small. */
const KEYS_A_BATCH = 100;

/** Prints the keys of all users that `isAsked` picks, a line of JSON each, as they come. */
export async function printAllKeys(io: Io, keys: Keys, isAsked: (entry: KeyEntry) => boolean): Promise<void> {
  let batch: OwnedEntry[] = [];
  const print = async (): Promise<boolean> => {
    const uses = await lastUses(
      keys,
      batch.map(({ entry }) => entry.id),
    );
    for (const { userId, entry } of batch) {
      io.stdout(`${JSON.stringify(presentKey(keys, userId, entry, uses))}\n`);
    }
    batch = [];
    return (await io.drained?.()) ?? true;
  };
  for await (const owned of listAllKeys(keys)) {
    if (isAsked(owned.entry)) batch.push(owned);
    // Whoever reads has seen enough.
    if (batch.length === KEYS_A_BATCH && !(await print())) return;
  }
  await print();
}
