import { ApiKey } from "../../src/core/api-key.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

/** A key with its last character changed: it fails offline. */
export function mistype(key: string): string {
  return key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
}

/** A well-formed key with the id of `key` and another secret: what a guesser sends. */
export function otherSecret(key: string): string {
  const { prefix, id } = ApiKey.parse(key) ?? { prefix: "", id: "" };
  // The generator draws the id first: bytes below 62 are their own digits.
  const draws = [Uint8Array.from(id, (digit) => BASE62.indexOf(digit))];
  return ApiKey.generate(prefix, (size) => draws.pop() ?? random(size)).reveal();
}

/** A well-formed key that nobody has made. */
export function unknownKey(prefix = "acme_live"): string {
  return ApiKey.generate(prefix, random).reveal();
}
