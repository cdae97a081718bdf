import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { crc32 } from "node:zlib";

import fc from "fast-check";
import { describe, expect, it, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { inspectKey, isKeyPrefix, keyPattern, redactKeys } from "../../src/core/key-format.ts";
import { encodeBase62, randomBase62 } from "../../src/core/base62.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const prefixes = fc.stringMatching(/^[a-z][a-z0-9]{1,14}(_[a-z0-9]{1,8})?$/);
const seeds = fc.uint8Array({ minLength: 512, maxLength: 512 });

/** A generator that gives the bytes of a seed, again and again. */
function bytesOf(seed: Uint8Array): (size: number) => Uint8Array {
  let at = 0;
  return (size) => Uint8Array.from({ length: size }, () => seed[at++ % seed.length] ?? 0);
}

test("format and parse are inverse over every legal prefix and any randomness", () => {
  fc.assert(
    fc.property(prefixes, seeds, (prefix, seed) => {
      fc.pre(seed.some((byte) => byte < 248));
      const key = ApiKey.generate(prefix, bytesOf(seed));
      const parsed = ApiKey.parse(key.reveal());
      expect(parsed?.reveal()).toBe(key.reveal());
      expect(parsed).toMatchObject({ prefix, id: key.id });
      expect(key.reveal()).toMatch(new RegExp(`^${prefix}_[0-9A-Za-z]{50}$`));
      expect(new RegExp(keyPattern([prefix])).test(`token=${key.reveal()};`)).toBe(true);
    }),
  );
});

test("the checksum is zlib's CRC-32 of all before it, in base62", () => {
  const text = ApiKey.generate("acme_live", randomBytes).reveal();
  let rest = crc32(text.slice(0, -6));
  let expected = "";
  for (let digit = 0; digit < 6; digit++) {
    expected = BASE62.charAt(rest % 62) + expected;
    rest = Math.floor(rest / 62);
  }
  expect(text.slice(-6)).toBe(expected);
});

test("any single changed character is caught", () => {
  const anyCharacter = fc.constantFrom(...`${BASE62}_-. \u0000é`);
  fc.assert(
    fc.property(prefixes, seeds, fc.nat(), anyCharacter, (prefix, seed, at, character) => {
      fc.pre(seed.some((byte) => byte < 248));
      const text = ApiKey.generate(prefix, bytesOf(seed)).reveal();
      const index = at % text.length;
      fc.pre(text[index] !== character);
      expect(ApiKey.parse(text.slice(0, index) + character + text.slice(index + 1))).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
});

test("a prefix with an underscore is split at the last one", () => {
  const key = ApiKey.generate("acme_live", randomBytes);
  expect(ApiKey.parse(key.reveal())?.prefix).toBe("acme_live");
});

it.each([
  "",
  "A",
  "a",
  "Acme",
  "acme-live",
  "acme_",
  "_acme",
  "acme_live_eu",
  "1acme",
  "acme_toolongenv",
  "a".repeat(16),
])("%j is no prefix", (prefix) => {
  expect(isKeyPrefix(prefix)).toBe(false);
  expect(() => ApiKey.generate(prefix, randomBytes)).toThrow(TypeError);
});

describe("a key in memory", () => {
  const key = ApiKey.generate("acme_live", randomBytes);
  const secret = key.reveal().slice(-38);
  it.each([
    ["String", String(key)],
    ["template", `${key}`],
    ["JSON", JSON.stringify({ key })],
    ["inspect", inspect(key, { showHidden: true, depth: 9 })],
    ["inspect of a holder", inspect({ deep: [key] }, { depth: 9 })],
    ["own properties", JSON.stringify(Object.entries(key))],
    ["error message", new Error(`bad ${key}`).message],
  ])("does not print itself: %s", (_, printed) => {
    expect(printed).not.toContain(secret.slice(0, 8));
    expect(printed).toContain(key.id);
  });

  it("is redacted in any text", () => {
    const text = `before ${key.reveal()} after ${key.reveal().slice(0, -1)}x`;
    expect(redactKeys(text)).toBe(`before ${key} after ${key}`);
  });
});

test("a mistyped key is told apart from no key", () => {
  const text = ApiKey.generate("acme_live", randomBytes).reveal();
  const mistyped = text.slice(0, -1) + (text.endsWith("A") ? "B" : "A");
  expect(inspectKey(mistyped)).toMatchObject({ prefix: "acme_live", isChecksumRight: false });
  expect(inspectKey("hello")).toBeUndefined();
});

test("base62 digits are uniform: bytes from 248 on are drawn again", () => {
  const biased = (size: number) => Uint8Array.from({ length: size }, (_, at) => (at % 2 === 0 ? 255 : 61));
  expect(randomBase62(12, biased)).toBe("z".repeat(12));
  const counts = new Map<string, number>();
  for (const digit of randomBase62(62_000, randomBytes)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  expect(counts.size).toBe(62);
  // Mean 1000, standard deviation 31: eight of them are never seen by chance.
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(8 * 32);
});

it.each([
  [0, "000000"],
  [61, "00000z"],
  [62, "000010"],
  [0xffffffff, "4gfFC3"],
])("base62 of %d is %s", (value, expected) => {
  expect(encodeBase62(value, 6)).toBe(expected);
});
