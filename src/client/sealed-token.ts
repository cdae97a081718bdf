import { CompactEncrypt, compactDecrypt } from "jose";

import type { CachedToken, CacheSlot } from "./token-cache.ts";

/** A token, or a note, as it may lie in a file or in Redis: a JWE, `dir` with `A256GCM`, under the slot's encryption key. */
export async function sealToken(slot: CacheSlot, token: object): Promise<string> {
  // The slot's name is inside: nobody can move one token of a key to the place of another.
  const plaintext = new TextEncoder().encode(JSON.stringify({ slot: slot.name, token }));
  return new CompactEncrypt(plaintext)
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .encrypt(slot.encryptionKey);
}

/** Opens what {@link sealToken} gave; `undefined` for another key, another slot, or anything altered. */
export async function openToken<T = CachedToken>(slot: CacheSlot, sealed: string): Promise<T | undefined> {
  try {
    const { plaintext } = await compactDecrypt(sealed, slot.encryptionKey, {
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    const opened = JSON.parse(new TextDecoder().decode(plaintext)) as { slot: string; token: T };
    return opened.slot === slot.name ? opened.token : undefined;
  } catch {
    return undefined;
  }
}
