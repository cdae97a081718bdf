import type { KeyRecord } from "../../src/core/key-record.ts";
import type { Keys } from "../../src/keys/keys.ts";

/** Writes a record whatever is there, as nobody's program does. */
export async function putRecord({ records }: Keys, ...all: readonly KeyRecord[]): Promise<void> {
  const held = await records.readMany(all.map(({ id }) => id));
  await records.change(
    held.map((one, at) => ({ held: one, record: all[at] as KeyRecord })),
    undefined,
  );
}

/** Deletes a record whatever it says. */
export async function dropRecord({ records }: Keys, keyId: string): Promise<void> {
  const held = await records.readMany([keyId]);
  await records.change(
    held.map((one) => ({ held: one })),
    undefined,
  );
}
