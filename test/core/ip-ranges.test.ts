import { expect, it } from "vitest";

import { isInIpRanges, isIpRange } from "../../src/core/ip-ranges.ts";

it.each([
  "10.0.0.0/8",
  "203.0.113.7",
  "0.0.0.0/0",
  "10.0.0.0/10",
  "128.0.0.0/1",
  "203.0.113.7/32",
  "2001:db8::/32",
  "2001:db8::/100",
  "::1/128",
  "::1",
  "::/0",
])("%s is a range", (range) => {
  expect(isIpRange(range)).toBe(true);
});

it.each([
  "",
  "10.0.0.0/33",
  "10.0.0.0/-1",
  "10.0.0.0/08",
  "10.0.0",
  "10.0.0.0/8/8",
  "2001:db8::/129",
  "example.com",
  "fe80::1%eth0",
  "10.0.0.0/",
])("%j is no range, and nothing lies in it", (range) => {
  expect(isIpRange(range)).toBe(false);
  expect(isInIpRanges("10.0.0.0", [range])).toBe(false);
});

it.each([
  ["10.255.255.255", "10.0.0.0/8", true],
  ["11.0.0.0", "10.0.0.0/8", false],
  ["9.255.255.255", "10.0.0.0/8", false],
  ["203.0.113.7", "203.0.113.7", true],
  ["203.0.113.8", "203.0.113.7", false],
  ["203.0.113.7", "203.0.113.7/32", true],
  ["203.0.113.8", "203.0.113.7/32", false],
  ["127.255.255.255", "128.0.0.0/1", false],
  ["1.2.3.4", "0.0.0.0/0", true],
  ["::ffff:10.1.2.3", "10.0.0.0/8", true],
  ["2001:db8:ffff::1", "2001:db8::/32", true],
  ["2001:db9::1", "2001:db8::/32", false],
  ["2001:db8::1", "0.0.0.0/0", false],
  ["not an address", "0.0.0.0/0", false],
])("%s in %s: %s", (address, range, expected) => {
  expect(isInIpRanges(address, [range])).toBe(expected);
});

it.each([
  ["10.0.0.1", "::/0", false],
  ["10.0.0.1", "::ffff:0:0/96", true],
  ["10.0.0.1", "::ffff:10.0.0.0/104", true],
  ["11.0.0.1", "::ffff:10.0.0.0/104", false],
  ["10.0.0.2", "::ffff:10.0.0.1/128", false],
  ["::ffff:10.0.0.1", "10.0.0.0/8", true],
  ["::ffff:a00:1", "10.0.0.1", true],
  ["2001:db8::1", "::/0", true],
  ["2001:db8::1", "0.0.0.0/0", false],
])("%s in %s: %s", (address, range, isIn) => {
  expect(isInIpRanges(address, [range])).toBe(isIn);
});

it.each(["::ffff:10.0.0.1/32", "::ffff:10.0.0.0/8", "::ffff:0:0/95"])(
  "%s would let in other addresses than it seems, and is refused; an entry that has it lets in nobody",
  (range) => {
    expect(isIpRange(range)).toBe(false);
    expect(isInIpRanges("10.0.0.1", [range])).toBe(false);
    expect(isInIpRanges("2001:db8::1", [range])).toBe(false);
  },
);
