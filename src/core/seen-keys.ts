import { createHash } from "node:crypto";

// 8 MiB: one in a billion is mistaken at half a million keys, one in a thousand at five million.
const BITS = 2 ** 26;
const PROBES = 8;

/** Which keys of which users were seen, in constant memory. */
export interface SeenKeys {
  add(userId: string, keyId: string): void;
  /** Whether the key was added. Now and then it says so of one that was not; never the other way round. */
  has(userId: string, keyId: string): boolean;
}

/**
 * A Bloom filter of 8 MiB over pairs of user and key. With another `salt`, other keys are mistaken: what one run
 * overlooks, the next one finds.
 */
export function seenKeys(salt: Uint8Array): SeenKeys {
  const bits = new Uint8Array(BITS / 8);
  const probes = (userId: string, keyId: string) => {
    const digest = createHash("sha256").update(salt).update(`${keyId}|${userId}`).digest();
    return Array.from({ length: PROBES }, (_, at) => digest.readUInt32LE(at * 4) % BITS);
  };
  return {
    add(userId, keyId) {
      for (const bit of probes(userId, keyId)) bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
    },
    has: (userId, keyId) =>
      probes(userId, keyId).every((bit) => ((bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0),
  };
}
