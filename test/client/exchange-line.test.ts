import { expect, test } from "vitest";

import { ExchangeLine } from "../../src/client/exchange-line.ts";

/** A clock that stands until it is told to go on, and then wakes whom it has to. */
function standingClock() {
  let atMs = 1_000_000;
  const sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];
  const settle = async () => new Promise((resolve) => void setImmediate(resolve));
  return {
    nowMs: () => atMs,
    sleep: async (ms: number) =>
      new Promise<void>((wake) => void sleepers.push({ untilMs: atMs + ms, wake })),
    async pass(ms: number) {
      const endMs = atMs + ms;
      for (;;) {
        await settle();
        const next = sleepers.toSorted((one, other) => one.untilMs - other.untilMs)[0];
        if (!next || next.untilMs > endMs) break;
        sleepers.splice(sleepers.indexOf(next), 1);
        atMs = Math.max(atMs, next.untilMs);
        next.wake();
      }
      atMs = endMs;
      await settle();
    },
  };
}

const limited = (retryAfterMs?: number) => ({ kind: "limited", retryAfterMs }) as const;
const FAR_MS = 1_000_000_000;

/** A line at which callers are numbered, and which of them had their turn, in which order. */
function numbered(random = 0) {
  const clock = standingClock();
  const line = new ExchangeLine(clock, () => random);
  const turns: number[] = [];
  const refused: number[] = [];
  const call = (number: number, deadlineMs = FAR_MS + number) =>
    void line.enter(deadlineMs).then((isTurn) => (isTurn ? turns : refused).push(number));
  return { clock, line, turns, refused, call };
}

test("while the tenant takes them all, everybody goes through at once", async () => {
  const { clock, line, turns, call } = numbered();
  for (let number = 0; number < 100; number++) call(number);
  await clock.pass(0);
  expect(turns).toHaveLength(100);
  expect(line.isThere).toBe(false);
});

test("after a 429 nobody goes before the tenant allows it, then a few at once, in the order of arrival", async () => {
  const { clock, line, turns, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(2_000));
  for (let number = 1; number <= 10; number++) call(number);
  await clock.pass(1_999);
  expect(turns).toEqual([0]);
  expect(line.isThere).toBe(true);
  await clock.pass(1);
  expect(turns).toEqual([0, 1, 2, 3, 4]);
  // Every success makes room for itself and one more.
  line.leave({ kind: "granted" });
  await clock.pass(0);
  expect(turns).toEqual([0, 1, 2, 3, 4, 5, 6]);
  // What was neither granted nor limited makes room for one.
  line.leave({ kind: "other" });
  await clock.pass(0);
  expect(turns).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("who comes back from a 429 is before those who came later", async () => {
  const { clock, line, turns, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  for (const number of [5, 6, 7, 8]) call(number);
  call(0);
  await clock.pass(1_000);
  expect(turns).toEqual([0, 0, 5, 6, 7]);
});

test("a line is over when nobody waits any more and the tenant grants again", async () => {
  const { clock, line, turns, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  await clock.pass(1_000);
  // Nobody has to have been granted for that: a refresh that made room may try.
  expect(line.isThere).toBe(false);
  call(1);
  await clock.pass(0);
  line.leave({ kind: "granted" });
  for (let number = 2; number < 20; number++) call(number);
  await clock.pass(0);
  expect(turns).toHaveLength(20);
});

test("refusals in a row are answered by longer and longer pauses, up to four seconds more than was asked", async () => {
  const { clock, line, turns, call } = numbered(1);
  const pausesMs: number[] = [];
  call(0);
  await clock.pass(0);
  for (let number = 1; number <= 7; number++) {
    line.leave(limited());
    const startedMs = clock.nowMs();
    call(number);
    while (turns.length === number) await clock.pass(50);
    pausesMs.push(clock.nowMs() - startedMs);
  }
  expect(pausesMs).toEqual([1_250, 1_500, 2_000, 3_000, 5_000, 5_000, 5_000]);
});

test("those who went through together and are refused together count as one refusal", async () => {
  const { clock, line, turns, call } = numbered(1);
  for (let number = 0; number < 50; number++) call(number);
  await clock.pass(0);
  for (let number = 0; number < 50; number++) line.leave(limited(1_000));
  call(50);
  await clock.pass(1_250);
  expect(turns).toHaveLength(51);
});

test("whomever the tenant's pause leaves no time is told so at once", async () => {
  const { clock, line, turns, refused, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(5_000));
  call(1, clock.nowMs() + 5_000);
  call(2, clock.nowMs() + 5_001);
  await clock.pass(0);
  expect(refused).toEqual([1]);
  expect(line.closedForMs).toBe(5_000);
  await clock.pass(5_000);
  expect(turns).toEqual([0, 2]);
});

test("whose time is over before there is room is told so when there is", async () => {
  const { clock, line, turns, refused, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  for (let number = 1; number <= 4; number++) call(number);
  call(5, clock.nowMs() + 2_000);
  await clock.pass(3_000);
  expect(turns).toEqual([0, 5, 1, 2, 3]);
  call(6, clock.nowMs() + 10);
  await clock.pass(11);
  line.leave({ kind: "other" });
  await clock.pass(0);
  expect(refused).toEqual([6]);
  expect(turns).toEqual([0, 5, 1, 2, 3, 4]);
});
