import { randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { textCipher } from "../../src/stores/text-cipher.ts";

const cipher = textCipher("a client secret", "test", randomBytes);
const text = JSON.stringify({ nonce: "x".repeat(22) });

test("a text is read again under its name alone, by who holds the secret, for the same use", () => {
  const encrypted = cipher.encrypt("one", text);
  expect(cipher.decrypt("one", encrypted)).toBe(text);
  expect(cipher.decrypt("other", encrypted)).toBeUndefined();
  expect(textCipher("another", "test", randomBytes).decrypt("one", encrypted)).toBeUndefined();
  expect(textCipher("a client secret", "other", randomBytes).decrypt("one", encrypted)).toBeUndefined();
});

test("a text of which any byte is changed, or that is cut, is not read", () => {
  const encrypted = Buffer.from(cipher.encrypt("one", text), "base64url");
  for (let at = 0; at < encrypted.length; at++) {
    const changed = Buffer.from(encrypted);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(cipher.decrypt("one", changed.toString("base64url"))).toBeUndefined();
    expect(cipher.decrypt("one", encrypted.subarray(0, at).toString("base64url"))).toBeUndefined();
  }
});

test("names are the same each time, and another secret's are others", () => {
  expect(cipher.nameOf("one")).toBe(textCipher("a client secret", "test", randomBytes).nameOf("one"));
  expect(cipher.nameOf("one")).not.toBe(textCipher("another", "test", randomBytes).nameOf("one"));
  expect(cipher.encrypt("one", text)).not.toBe(cipher.encrypt("one", text));
});
