import { randomBytes } from "node:crypto";

import { expect, test } from "vitest";

import { parsePeppers, refuseWeakPeppers } from "../../src/core/peppers.ts";

const good = () => randomBytes(32).toString("base64");

test.each([
  ["44 equal letters", () => "A".repeat(43)],
  ["words", () => "correcthorsebatterystaplecorrecthorsebattery"],
  ["words with capitals", () => "CorrectHorseCorrectHorseCorrectHorseCorrectH"],
  ["the same bytes in two versions", () => ((one: string) => `2:${one} 1:${one}`)(good())],
  ["base64 with stray bits", () => `${"abcDEF0123456789".repeat(3).slice(0, 42)}B`],
])("a pepper of %s is refused, and not quoted", (_, make) => {
  const text = make();
  let message = "";
  try {
    refuseWeakPeppers(text);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).not.toBe("");
  for (const part of text.split(/[ :]/)) if (part.length > 8) expect(message).not.toContain(part);
});

test("what openssl makes is taken, a thousand times; what is deployed already is still read", () => {
  for (let at = 0; at < 1_000; at++) refuseWeakPeppers(`2:${good()} 1:${good()}`);
  expect(() => parsePeppers("A".repeat(43))).not.toThrow();
});
