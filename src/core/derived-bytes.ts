import { createHmac, hkdfSync } from "node:crypto";

import type { RandomBytes } from "./base62.ts";
import type { PepperKeys } from "./peppers.ts";

const LABEL = "derived bytes";
const BLOCK_BYTES = 32;

/**
 * Bytes that whoever lacks the pepper cannot tell from random ones, and that are the same whenever the pepper and the
 * `context` are the same: HMAC-SHA-256 of a counter and the context, under a key that is derived from the pepper for
 * this alone. So an answer that was lost can be given again, and what it held was kept nowhere.
 */
export function derivedBytes(pepper: PepperKeys, context: readonly string[]): RandomBytes {
  const key = new Uint8Array(hkdfSync("sha256", pepper.sealKey, "", LABEL, BLOCK_BYTES));
  const text = JSON.stringify(context);
  let rest = Buffer.alloc(0);
  let counter = 0;
  return (size) => {
    while (rest.length < size) {
      const block = createHmac("sha256", key).update(`${counter++}.${text}`).digest();
      rest = Buffer.concat([rest, block]);
    }
    const bytes = rest.subarray(0, size);
    rest = rest.subarray(size);
    return bytes;
  };
}

/** HMAC-SHA-256 of a context, base64url: a name or a fingerprint that tells nobody what it is of. */
export function derivedName(pepper: PepperKeys, context: readonly string[]): string {
  return Buffer.from(derivedBytes(pepper, context)(BLOCK_BYTES)).toString("base64url");
}
