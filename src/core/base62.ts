const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Gives `size` bytes from a cryptographically secure generator, as `randomBytes` of `node:crypto` does. */
export type RandomBytes = (size: number) => Uint8Array;

// 4 × 62: a byte at or above it is drawn again, or the first eight letters would come up more often.
const REJECT_FROM = 248;

/** `length` base62 characters, each uniform: bytes that would bias the choice are thrown away. */
export function randomBase62(length: number, randomBytes: RandomBytes): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length - text.length + 8)) {
      if (byte < REJECT_FROM && text.length < length) text += ALPHABET.charAt(byte % 62);
    }
  }
  return text;
}

/** Bytes, read as one number and wrapped to `width` base62 characters: uniform if there are many more bytes than that. */
export function wrapToBase62(bytes: Uint8Array, width: number): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (let at = 0; at < width; at++, rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text;
  return text;
}

/** A non-negative integer below 2^53 in base62, most significant digit first, zero-padded to `width`. */
export function encodeBase62(value: number, width: number): string {
  let text = "";
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = ALPHABET.charAt(rest % 62) + text;
  return text.padStart(width, "0");
}
