import { parsePeppers, type PepperKeys, type Peppers } from "../../src/core/peppers.ts";

/** Peppers that count how often each of their two keys was taken: an HMAC takes it once. */
export function countedPeppers(text: string): {
  readonly peppers: Peppers;
  readonly taken: { seals: number; hashes: number };
} {
  const taken = { seals: 0, hashes: 0 };
  const counted = ({ version, hashKey, sealKey }: PepperKeys): PepperKeys => ({
    version,
    get hashKey() {
      taken.hashes++;
      return hashKey;
    },
    get sealKey() {
      taken.seals++;
      return sealKey;
    },
  });
  const parsed = parsePeppers(text);
  const byVersion = new Map([...parsed.byVersion.values()].map((one) => [one.version, counted(one)]));
  const current = byVersion.get(parsed.current.version);
  if (!current) throw new Error("There is no current pepper.");
  return { peppers: { current, byVersion }, taken };
}
