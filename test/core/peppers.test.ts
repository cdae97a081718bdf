import { createHmac, hkdfSync } from "node:crypto";

import { expect, it, test } from "vitest";

import type { ApiKeysError } from "../../src/core/errors.ts";
import { addPepper, dropPepper, hashKey, isEqual, parsePeppers } from "../../src/core/peppers.ts";
import { seal, unseal } from "../../src/core/sealed-json.ts";

const ROOT = Buffer.alloc(32, 7);
const ONE = ROOT.toString("base64url");
const TWO = Buffer.alloc(40, 9).toString("base64");

test("keys are derived with HKDF-SHA-256 and the labels hash and seal", () => {
  const { current } = parsePeppers(ONE);
  const derived = (label: string) => Buffer.from(hkdfSync("sha256", ROOT, "", label, 32));
  const expected = createHmac("sha256", derived("hash")).update("a key").digest("base64url");
  expect(hashKey("a key", current)).toBe(expected);
  expect(Buffer.from(current.sealKey)).toEqual(derived("seal"));
  expect(current.version).toBe(1);
});

test("the first pepper is the current one, the others are still understood", () => {
  const peppers = parsePeppers(`2:${TWO}, 1:${ONE}`);
  expect(peppers.current.version).toBe(2);
  expect([...peppers.byVersion.keys()]).toEqual([2, 1]);
});

it.each([
  ["nothing", "", "There is no pepper."],
  ["too short", "1:c2hvcnQ", "shorter than 32 bytes"],
  ["no base64", "1:!!!!", "VERSION:BASE64"],
  ["version 0", `0:${ONE}`, "VERSION:BASE64"],
  ["a version twice", `1:${ONE} 1:${TWO}`, "same version"],
  ["several without versions", `${ONE} ${TWO}`, "VERSION:BASE64"],
  ["quotes around all", `"2:${TWO} 1:${ONE}"`, "quotes"],
  ["quotes around one", `2:${TWO} '1:${ONE}'`, "quotes"],
  ["quotes as a text editor makes them", `\u201C${ONE}\u201D`, "quotes"],
])("refuses %s, and does not quote it", (_, text, message) => {
  expect(() => parsePeppers(text)).toThrow(message);
  const thrown = ((): string => {
    try {
      parsePeppers(text);
      return "";
    } catch (error) {
      return String(error);
    }
  })();
  expect(thrown).not.toContain(ONE);
});

test("whose pepper is refused is not told to make another: that would end every key", () => {
  const { fix } = ((): ApiKeysError => {
    try {
      parsePeppers(ONE.slice(1));
    } catch (error) {
      return error as ApiKeysError;
    }
    throw new Error("it was taken");
  })();
  expect(fix).toMatch(
    /^Compare it with where it is kept: another pepper ends every key.*Only for a new deployment/,
  );
});

const NEW = Buffer.alloc(32, 1).toString("base64url");

it.each([
  ["one without its version", ONE, `2:${NEW} 1:${ONE}`],
  ["one with its version", ` 7:${ONE}\n`, `8:${NEW} 7:${ONE}`],
  ["several, of which the highest is not the first", `2:${TWO}, 5:${ONE}`, `6:${NEW} 2:${TWO}, 5:${ONE}`],
])("a pepper is added before %s, numbered one above the highest", (_, text, expected) => {
  const added = addPepper(text, (size) => Buffer.alloc(size, 1));
  expect(added).toBe(expected);
  expect(parsePeppers(added).current.hashKey).toEqual(parsePeppers(NEW).current.hashKey);
});

it.each([
  [2, `1:${ONE}`],
  [1, `2:${TWO}`],
  [3, `2:${TWO} 1:${ONE}`],
])("without pepper %i the others are left", (version, expected) => {
  expect(dropPepper(` 2:${TWO}, 1:${ONE} `, version)).toBe(expected);
});

test("versions go up to nine digits, and a padded pepper is the same", () => {
  expect(parsePeppers(`999999999:${ONE}=`).current.version).toBe(999_999_999);
  expect(parsePeppers(`10:${ONE}`).current.version).toBe(10);
  expect(() => parsePeppers(`1000000000:${ONE}`)).toThrow("VERSION:BASE64");
  expect(() => parsePeppers(`1:${ONE}===`)).toThrow("VERSION:BASE64");
});

test("texts are equal or not, whatever their lengths", () => {
  expect(isEqual("same", "same")).toBe(true);
  expect(isEqual("same", "samf")).toBe(false);
  expect(isEqual("same", "")).toBe(false);
});

test("a seal holds under any pepper that is held, and under no other", () => {
  const old = parsePeppers(`1:${ONE}`);
  const both = parsePeppers(`2:${TWO} 1:${ONE}`);
  const next = parsePeppers(`2:${TWO}`);
  const sealed = seal({ id: "x" }, old);
  expect(sealed).toMatch(/^v1\.[A-Za-z0-9_-]{43}\.\{"id":"x"\}$/);
  expect(unseal(sealed, both)).toMatchObject({ kind: "trusted", json: { id: "x" } });
  expect(unseal(sealed, next)).toEqual({ kind: "untrusted" });
  expect(unseal(sealed.replace('"x"', '"y"'), old)).toEqual({ kind: "untrusted" });
  expect(unseal(sealed.slice(0, -1), old)).toEqual({ kind: "untrusted" });
  expect(unseal("", old)).toEqual({ kind: "untrusted" });
});

it.each<[string, "trusted" | "newer" | "untrusted"]>([
  ["v1", "trusted"],
  ["v2", "newer"],
  ["v9", "newer"],
  ["v10", "newer"],
  ["v11", "newer"],
  ["v9999", "newer"],
  ["v10000", "untrusted"],
  ["v0", "untrusted"],
  ["v01", "untrusted"],
  ["v", "untrusted"],
  ["V2", "untrusted"],
  ["2", "untrusted"],
  [" v2", "untrusted"],
  ["v2 ", "untrusted"],
  ["v-2", "untrusted"],
  ["x\nv2", "untrusted"],
])("a text of the form %j is %s, however a later form goes on", (form, kind) => {
  const peppers = parsePeppers(ONE);
  const seal = createHmac("sha256", peppers.current.sealKey).update("{}").digest("base64url");
  expect(unseal(`${form}.${seal}.{}`, peppers)).toMatchObject({ kind });
  expect(unseal(`${form}.x`, peppers).kind).toBe(kind === "newer" ? "newer" : "untrusted");
});
