import { randomBytes } from "node:crypto";

import fc from "fast-check";
import { expect, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { findKeys, keyPattern, redactKeys } from "../../src/core/key-format.ts";

const PREFIXES = ["acme_live", "acme"];
const key = () => ApiKey.generate("acme_live", randomBytes).reveal();

test.each<[string, (one: string, other: string) => string]>([
  ["after an escaped line's end", (one) => `{"log":"failed\\n${one}"}`],
  ["after an escaped equals sign", (one) => `url=https%3A%2F%2Fx%3Fkey%3D${one}`],
  ["after an escaped quote", (one) => `%22${one}%22`],
  ["between underscores", (one) => `__${one}__`],
  ["with a suffix", (one) => `${one}_backup`],
  ["in the middle of a word", (one) => `x9${one}9x`],
  ["twice, without a gap", (one, other) => one + other],
])("a whole key is found %s", (_, text) => {
  const [one, other] = [key(), key()];
  const { whole, mistyped } = findKeys(text(one, other), PREFIXES);
  expect(whole).toContain(one);
  expect(whole.includes(other)).toBe(text(one, other).includes(other));
  expect(mistyped).toEqual([]);
});

test("whatever stands before and after it", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (before, after) => {
      const one = key();
      expect(findKeys(before + one + after, PREFIXES).whole).toContain(one);
    }),
  );
});

test("a mistyped key is told of, and not as a whole one", () => {
  const one = key();
  const wrong = one.slice(0, -1) + (one.endsWith("A") ? "B" : "A");
  expect(findKeys(`see ${wrong}.`, PREFIXES)).toEqual({ whole: [], mistyped: [wrong] });
});

test.each([0, 1, 30, 44, 45, 46, 47, 48, 49])(
  "a key that was cut to %i characters and glued to a whole one does not save that one's secret",
  (length) => {
    const one = ApiKey.generate("acme", randomBytes).reveal();
    const cut = ApiKey.generate("acme", randomBytes)
      .reveal()
      .slice(0, 5 + length);
    const redacted = redactKeys(`see ${cut}${one} and ${one}.`);
    expect(redacted).not.toContain(one.slice(-38));
    expect(redacted).toMatch(/^see acme_.*…( and acme_[0-9A-Za-z]{12}…)\.$/);
  },
);

test("the pattern for scanners has nothing that RE2, Hyperscan or POSIX lack", () => {
  const pattern = keyPattern(PREFIXES);
  expect(pattern).toBe("(acme_live|acme)_[0-9A-Za-z]{50}");
  expect(pattern).not.toMatch(/\(\?|\\/);
});
