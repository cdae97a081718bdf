import { expect, test } from "vitest";

import { secondsOfTimestamp } from "../../src/core/timestamp.ts";

test.each([
  ["2027-03-01T00:00:00Z", 1_803_859_200],
  ["2027-03-01T02:00:00+02:00", 1_803_859_200],
  ["2027-03-01T02:00:00+02", 1_803_859_200],
  ["2027-02-28T19:00-0500", 1_803_859_200],
  ["2028-02-29T00:00:00.250Z", 1_835_395_200],
])("%s is the moment %i", (text, seconds) => {
  expect(secondsOfTimestamp(text)).toBe(seconds);
});

test.each(["2027-02-29T00:00:00Z", "2027-13-01T00:00:00Z", "2027-03-01T24:00:00Z", "2027-03-01", "soon", ""])(
  "%j is none",
  (text) => {
    expect(secondsOfTimestamp(text)).toBeUndefined();
  },
);
