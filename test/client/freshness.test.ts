import { expect, test } from "vitest";

import { freshnessOf } from "../../src/client/freshness.ts";
import { tokenOf } from "./support.ts";

// A token of a day, obtained at 0: refreshed from 64,800 to 73,440 s, expired at 86,280 s.
test.each([
  [0, 0, "fresh"],
  [64_799, 0, "fresh"],
  [64_800, 0, "refresh"],
  [73_439, 1, "fresh"],
  [73_440, 1, "refresh"],
  [86_279, 1, "refresh"],
  [86_280, 1, "expired"],
  [90_000, 0, "expired"],
])("a day's token after %i s with jitter %f is %s", (nowSeconds, jitter, expected) => {
  expect(freshnessOf(tokenOf("t", 0, 86_400), nowSeconds, jitter)).toBe(expected);
});

// Of 10 s: refreshed from 7.5 s, expired at 9 s.
test.each([
  [7.4, "fresh"],
  [7.5, "refresh"],
  [8.9, "refresh"],
  [9, "expired"],
])("a short token after %f s is %s", (nowSeconds, expected) => {
  expect(freshnessOf(tokenOf("t", 0, 10), nowSeconds, 0)).toBe(expected);
});
