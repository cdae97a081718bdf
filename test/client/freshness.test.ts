import { expect, test } from "vitest";

import { freshnessOf } from "../../src/client/freshness.ts";
import { tokenOf } from "./support.ts";

// A token of a day, obtained at 0: refreshed from 69,120 to 77,760 s, expired at 86,280 s.
test.each([
  [0, 0, "fresh"],
  [69_119, 0, "fresh"],
  [69_120, 0, "refresh"],
  [77_759, 1, "fresh"],
  [77_760, 1, "refresh"],
  [86_279, 1, "refresh"],
  [86_280, 1, "expired"],
  [90_000, 0, "expired"],
])("a day's token after %i s with jitter %f is %s", (nowSeconds, jitter, expected) => {
  expect(freshnessOf(tokenOf("t", 0, 86_400), nowSeconds, jitter)).toBe(expected);
});

// Of 10 s: refreshed from 8 s, expired at 9 s.
test.each([
  [7.9, "fresh"],
  [8, "refresh"],
  [8.9, "refresh"],
  [9, "expired"],
])("a short token after %f s is %s", (nowSeconds, expected) => {
  expect(freshnessOf(tokenOf("t", 0, 10), nowSeconds, 0)).toBe(expected);
});
