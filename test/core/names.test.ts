import { expect, test } from "vitest";

import type { KeyEntry } from "../../src/core/key-entry.ts";
import { refuseName, rotatedExpiry, termsOf, type Policy } from "../../src/core/policy.ts";
import { DEPLOYMENT } from "../support/stage.ts";

const NOW = 1_800_000_000;
const DAY = 86_400;
const POLICY: Policy = {
  maxKeysPerUser: 20,
  defaultLifetimeDays: 90,
  maxLifetimeDays: 30,
  allowNoExpiry: false,
  acceptForeignKeys: false,
  retentionDays: 30,
};
const named = (name: string) => ({ id: "A".repeat(12), name, hash: "h", v: 1, iat: 1 }) as KeyEntry;

test.each([
  ["with a joiner, as Persian writes", "نامه\u200cها"],
  ["with joined emoji", "👩‍🚀 laptop"],
  ["of 64 characters outside of the basic plane", "😀".repeat(64)],
  ["in Chinese", "构建服务器"],
])("a name %s is taken", (_, name) => {
  expect(() => refuseName(name, [])).not.toThrow();
});

test.each([
  ["nothing", "", "is empty"],
  ["a blank at its end", "laptop ", "blank"],
  ["65 characters outside of the basic plane", "😀".repeat(65), "has 65 characters"],
  ["a line's end", "a\nb", "U+000A"],
  ["an escape", "a\u001b[2J", "U+001B"],
  ["a change of direction", "a\u202eb", "U+202E"],
  ["half of a pair", "a\ud83d", "U+D83D"],
  ["an end of a line that is no control character", "a\u2028b", "U+2028"],
])("a name of %s is refused, and what is wrong with it is named", (_, name, problem) => {
  expect(() => refuseName(name, [])).toThrow(problem);
});

test("two names that look alike are one, in whatever form their letters are composed; the entry has the short one", () => {
  expect(() => refuseName("cafe\u0301", [named("café")])).toThrow("has a living key");
  const terms = termsOf({ name: "cafe\u0301" }, [], { ...POLICY, defaultLifetimeDays: 7 }, DEPLOYMENT, NOW);
  expect(terms.name).toBe("caf\u00e9");
});

test("without a lifetime, a key never lives longer than the policy's maximum, at its creation and after rotations", () => {
  const { exp } = termsOf({ name: "n" }, [], POLICY, DEPLOYMENT, NOW);
  expect(exp).toBe(NOW + 30 * DAY);
  const entry = { ...named("n"), exp: NOW + 30 * DAY };
  expect(rotatedExpiry(entry, undefined, POLICY, NOW + 10 * DAY)).toBe(NOW + 40 * DAY);
});
