import { encodeBase62 } from "./base62.ts";

export const KEY_ID_LENGTH = 12;
export const SECRET_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const PREFIX = "[a-z][a-z0-9]{1,14}(_[a-z0-9]{1,8})?";
const BODY = `[0-9A-Za-z]{${KEY_ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH}}`;

const PREFIX_ONLY = new RegExp(`^${PREFIX}$`);
const KEY_ID_ONLY = new RegExp(`^[0-9A-Za-z]{${KEY_ID_LENGTH}}$`);
const WHOLE_KEY = new RegExp(`^(?<prefix>${PREFIX})_(?<body>${BODY})$`);

/** What a text that has the form of a key says of itself, even with a wrong checksum; `undefined` for any other. */
export function inspectKey(
  text: string,
): { readonly prefix: string; readonly id: string; readonly isChecksumRight: boolean } | undefined {
  const { prefix, body } = WHOLE_KEY.exec(text)?.groups ?? {};
  if (prefix === undefined || body === undefined) return undefined;
  const isChecksumRight = checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
  return { prefix, id: body.slice(0, KEY_ID_LENGTH), isChecksumRight };
}

/** Whether `text` may be a key prefix: `acme`, `acme_live`. */
export function isKeyPrefix(text: string): boolean {
  return PREFIX_ONLY.test(text);
}

/** Whether `text` has the form of a key id. */
export function isKeyId(text: string): boolean {
  return KEY_ID_ONLY.test(text);
}

/**
 * The source of the regular expression that finds keys in text, for secret scanners: no boundaries, since what is escaped or
 * glued to a key does not make it another. Of the given prefixes, or of any legal one. It compiles in RE2, PCRE, Hyperscan and as an extended expression of POSIX.
 */
export function keyPattern(prefixes?: readonly string[]): string {
  return `(${prefixes ? prefixes.join("|") : PREFIX})_${BODY}`;
}

/**
 * Every whole key in `text`, each once, whatever stands around it: the checksum decides. Beside them, what only has the form
 * of one and overlaps none: keys that were mistyped or cut.
 */
export function findKeys(
  text: string,
  prefixes: readonly string[],
): { readonly whole: readonly string[]; readonly mistyped: readonly string[] } {
  // A look-ahead takes nothing, so that candidates may overlap.
  const candidates = [...text.matchAll(new RegExp(`(?=(${keyPattern(prefixes)}))`, "g"))].map((match) => ({
    from: match.index,
    key: match[1] ?? "",
  }));
  const isWhole = ({ key }: { readonly key: string }) => inspectKey(key)?.isChecksumRight === true;
  const whole = candidates.filter(isWhole);
  const mistyped = candidates.filter(
    (one) =>
      !isWhole(one) &&
      !whole.some(({ from, key }) => one.from < from + key.length && from < one.from + one.key.length),
  );
  const texts = (all: typeof candidates) => [...new Set(all.map(({ key }) => key))];
  return { whole: texts(whole), mistyped: texts(mistyped) };
}

/** Replaces every key in `text` by its redacted form, whatever its prefix and even if its checksum is wrong. */
export function redactKeys(text: string): string {
  let [redacted, at] = ["", 0];
  // As in findKeys: what only looks like a key must not hide one that begins inside of it.
  for (const { index, 1: key = "" } of text.matchAll(new RegExp(`(?=(${keyPattern()}))`, "g"))) {
    const end = index + key.length;
    const secretAt = end - SECRET_LENGTH - CHECKSUM_LENGTH;
    if (end <= at) continue;
    if (secretAt >= at) redacted += `${text.slice(at, secretAt)}…`;
    at = end;
  }
  return redacted + text.slice(at);
}

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** The checksum of a key: CRC-32 (IEEE 802.3) of all that stands before it, an ASCII text, in base62. Own code: it also runs where there is no `node:zlib`. */
export function checksum(text: string): string {
  let crc = 0xffffffff;
  for (let at = 0; at < text.length; at++) {
    crc = (CRC32_TABLE[(crc ^ text.charCodeAt(at)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return encodeBase62(~crc >>> 0, CHECKSUM_LENGTH);
}
