import { expect, test } from "vitest";

import { Moments } from "../../src/core/moments.ts";

test.each([
  [9, "first"],
  [10, "second"],
  [0, "first"],
  [-1, "second"],
  [-3_600, "second"],
])("%i seconds later by the clock, an answer that is kept for 10 is the %s", async (later, expected) => {
  let nowSeconds = 1_800_000_000;
  const moments = new Moments<string>(10, () => nowSeconds);
  await moments.get("x", async () => Promise.resolve("first"));
  nowSeconds += later;
  expect(await moments.get("x", async () => Promise.resolve("second"))).toBe(expected);
});
