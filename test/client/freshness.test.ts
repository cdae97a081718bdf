import { expect, test } from "vitest";

import { freshnessOf } from "../../src/client/freshness.ts";
import { tokenOf } from "./support.ts";

// A token of a day, obtained at 0: expired at 86,280 s, refreshed from 73,338 to 81,966 s.
test.each([
  [0, 0, "fresh"],
  [73_337, 0, "fresh"],
  [73_338, 0, "refresh"],
  [81_965, 1, "fresh"],
  [81_966, 1, "refresh"],
  [86_279, 1, "refresh"],
  [86_280, 1, "expired"],
  [90_000, 0, "expired"],
])("a day's token after %i s with jitter %f is %s", (nowSeconds, jitter, expected) => {
  expect(freshnessOf(tokenOf("t", 0, 86_400), nowSeconds, jitter)).toBe(expected);
});

// Of 10 s: expired at 9 s, refreshed from 7.65 s.
test.each([
  [7.64, "fresh"],
  [7.65, "refresh"],
  [8.9, "refresh"],
  [9, "expired"],
])("a short token after %f s is %s", (nowSeconds, expected) => {
  expect(freshnessOf(tokenOf("t", 0, 10), nowSeconds, 0)).toBe(expected);
});

test("a token of the future was obtained by a clock that was ahead: five minutes are a fleet's clocks, more are not", () => {
  const token = { obtainedAtSeconds: 10_000, expiresAtSeconds: 13_600 };
  expect(freshnessOf(token, 9_700, 0.5)).toBe("fresh");
  expect(freshnessOf(token, 9_699, 0.5)).toBe("expired");
});
