import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

import { afterAll, beforeAll, expect, test } from "vitest";

import { isEqual } from "../../src/core/peppers.ts";

const original = crypto.timingSafeEqual;
let compared: (readonly [string, string])[] = [];
beforeAll(() => {
  crypto.timingSafeEqual = (one, other) => {
    compared.push([Buffer.from(one as Uint8Array).toString(), Buffer.from(other as Uint8Array).toString()]);
    return original(one, other);
  };
  syncBuiltinESMExports();
});
afterAll(() => {
  crypto.timingSafeEqual = original;
  syncBuiltinESMExports();
});

test("texts of a length are compared in constant time, equal or not; another length is told apart at once", () => {
  compared = [];
  expect([isEqual("seal-a", "seal-a"), isEqual("seal-a", "seal-b"), isEqual("seal-a", "seal")]).toEqual([
    true,
    false,
    false,
  ]);
  expect(compared).toEqual([
    ["seal-a", "seal-a"],
    ["seal-a", "seal-b"],
  ]);
});
