import { expect, test } from "vitest";

import { decideRetry, rateLimit, retryAfterMs } from "../../src/client/retry.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12, 0, 0);

test.each([
  ["seconds", { "retry-after": "3" }, 3_000],
  ["a date", { "retry-after": "Sun, 22 Nov 2026 12:00:05 GMT" }, 5_000],
  ["a date in the past", { "retry-after": "Sun, 22 Nov 2026 11:00:00 GMT" }, 0],
  [
    "a date, our clock a minute off",
    { "retry-after": "Sun, 22 Nov 2026 12:01:05 GMT", date: "Sun, 22 Nov 2026 12:01:00 GMT" },
    5_000,
  ],
  ["Auth0's reset", { "x-ratelimit-reset": String(NOW_MS / 1000 + 2) }, 2_000],
  [
    "Auth0's reset, our clock a minute off",
    { "x-ratelimit-reset": String(NOW_MS / 1000 - 58), date: "Sun, 22 Nov 2026 11:59:00 GMT" },
    2_000,
  ],
  ["both: Retry-After counts", { "retry-after": "1", "x-ratelimit-reset": String(NOW_MS / 1000 + 9) }, 1_000],
  ["nonsense", { "retry-after": "soon", "x-ratelimit-reset": "-1" }, undefined],
  ["nothing", {}, undefined],
])("the wait that is asked for: %s", (_, headers, expected) => {
  expect(retryAfterMs(new Headers(headers as Record<string, string>), NOW_MS)).toBe(expected);
});

test.each([
  ["not retryable", { retryable: false }, 0, 10_000, 0.5, { kind: "give_up" }],
  ["the window doubles", { retryable: true }, 2, 10_000, 0.5, { kind: "wait", waitMs: 500 }],
  ["the window has an end", { retryable: true }, 20, 10_000, 1, { kind: "wait", waitMs: 4_000 }],
  [
    "no earlier than asked",
    { retryable: true, retryAfterMs: 2_000 },
    0,
    10_000,
    0,
    { kind: "wait", waitMs: 2_000 },
  ],
  [
    "spread after that",
    { retryable: true, retryAfterMs: 2_000 },
    0,
    10_000,
    1,
    { kind: "wait", waitMs: 2_250 },
  ],
  [
    "just within the budget",
    { retryable: true, retryAfterMs: 2_000 },
    0,
    2_001,
    1,
    { kind: "wait", waitMs: 2_001 },
  ],
  ["just beyond it", { retryable: true, retryAfterMs: 2_000 }, 0, 2_000, 0, { kind: "give_up" }],
  ["no budget left", { retryable: true }, 0, 0, 0, { kind: "give_up" }],
] as const)("%s", (_, failure, attempt, budgetLeftMs, random, expected) => {
  expect(decideRetry(failure, attempt, budgetLeftMs, random)).toEqual(expected);
});

test.each([
  ["a number", { "retry-after": "999999999" }],
  ["a number that is none any more", { "retry-after": "9".repeat(400) }],
  ["a date", { "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" }],
  ["a reset", { "x-ratelimit-reset": "999999999999" }],
])("no answer keeps a process from asking for longer than five minutes: %s", (_, headers) => {
  expect(retryAfterMs(new Headers(headers), 1_800_000_000_000)).toBe(300_000);
});

test.each([
  ["15", 15],
  ["0", undefined],
  ["many", undefined],
  ["1e9", undefined],
])("what a tenant says that it grants a second: %j is %j", (text, expected) => {
  expect(rateLimit(new Headers({ "x-ratelimit-limit": text }))).toBe(expected);
});
