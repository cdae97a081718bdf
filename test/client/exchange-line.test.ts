import { expect, test } from "vitest";

import { TokenBucket } from "../../src/local/token-bucket.ts";
import { ExchangeLine, type Rank } from "../../src/client/exchange-line.ts";

/** A clock that stands until it is told to go on, and then wakes whom it has to. */
function standingClock() {
  let atMs = 1_000_000;
  const sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];
  const settle = async () => new Promise((resolve) => void setImmediate(resolve));
  return {
    nowMs: () => atMs,
    sleepers: () => sleepers.length,
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
  const call = (number: number, deadlineMs = FAR_MS + number, rank?: Rank) =>
    void line.enter(deadlineMs, rank).then((isTurn) => (isTurn ? turns : refused).push(number));
  return { clock, line, turns, refused, call };
}

test("while the tenant takes them all, everybody goes through at once", async () => {
  const { clock, line, turns, call } = numbered();
  for (let number = 0; number < 100; number++) call(number);
  await clock.pass(0);
  expect(turns).toHaveLength(100);
  expect(line.isThere).toBe(false);
});

test("after a 429 nobody goes before the tenant allows it, then in the order of arrival: those of a second, then four a second", async () => {
  const { clock, line, turns, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(2_000));
  for (let number = 1; number <= 10; number++) call(number);
  await clock.pass(1_500);
  // By now a pace alone would let this one go.
  call(11);
  await clock.pass(499);
  expect(turns).toEqual([0]);
  await clock.pass(1);
  expect(turns).toEqual([0, 1, 2, 3, 4]);
  expect(line.isThere).toBe(true);
  await clock.pass(249);
  expect(turns).toHaveLength(5);
  await clock.pass(1);
  expect(turns).toEqual([0, 1, 2, 3, 4, 5]);
  await clock.pass(500);
  expect(turns).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("however many wait, one timer is set", async () => {
  const { clock, line, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(2_000));
  for (let number = 1; number <= 100; number++) call(number);
  await clock.pass(1_000);
  for (let number = 101; number <= 200; number++) call(number);
  expect(clock.sleepers()).toBe(1);
  await clock.pass(2_000);
  expect(clock.sleepers()).toBe(1);
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

test("a line is over when a second's turns were not needed: then everybody goes through again", async () => {
  const { clock, line, turns, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  await clock.pass(999);
  expect(line.isThere).toBe(true);
  await clock.pass(1);
  // Nobody has to have been granted for that: a refresh that made room may try.
  expect(line.isThere).toBe(false);
  for (let number = 1; number < 20; number++) call(number);
  await clock.pass(0);
  expect(turns).toHaveLength(20);
});

/** How long it takes until ten callers have had their turn, once the tenant is open again. */
async function pauseOfTen({ clock, line, turns, call }: ReturnType<typeof numbered>): Promise<number> {
  line.leave(limited(1_000));
  const before = turns.length;
  for (let number = 0; number < 10; number++) call(number);
  await clock.pass(1_000);
  const startedMs = clock.nowMs();
  while (turns.length < before + 10) await clock.pass(1);
  return clock.nowMs() - startedMs;
}

test("the pace is learnt: faster with each success, slower with each refusal, and never nought", async () => {
  const granted = numbered();
  granted.call(0);
  await granted.clock.pass(0);
  const firstMs = await pauseOfTen(granted);
  for (let number = 0; number < 100; number++) granted.line.leave({ kind: "granted" });
  const fasterMs = await pauseOfTen(granted);
  for (let refusal = 0; refusal < 200; refusal++) {
    granted.line.leave(limited(1));
    await granted.clock.pass(2);
  }
  const slowestMs = await pauseOfTen(granted);
  // Four at once and six at four a second; then seven a second less a tenth, and at last one in twenty seconds.
  expect(firstMs).toBe(1_500);
  expect(fasterMs).toBeGreaterThan(500);
  expect(fasterMs).toBeLessThan(750);
  expect(slowestMs).toBeGreaterThan(180_000);
  expect(slowestMs).toBeLessThanOrEqual(200_100);
});

test("those who went through together and are refused together count as one refusal", async () => {
  const { clock, line, turns, call } = numbered(1);
  for (let number = 0; number < 50; number++) call(number);
  await clock.pass(0);
  for (let number = 0; number < 50; number++) line.leave(limited(1_000));
  for (let number = 50; number < 60; number++) call(number);
  // A quarter of a second more than was asked for, so that processes do not come back together.
  await clock.pass(1_249);
  expect(turns).toHaveLength(50);
  await clock.pass(1);
  expect(turns).toHaveLength(54);
});

test("processes that are refused together, again and again, come back one by one, over as long as their pace is slow", async () => {
  const clock = standingClock();
  const lines = Array.from({ length: 8 }, (_, at) => new ExchangeLine(clock, () => at / 8));
  const REFUSALS = 30;
  for (let refusal = 0; refusal <= REFUSALS; refusal++) {
    const cameAtMs: number[] = [];
    for (const line of lines) void line.enter(FAR_MS).then(() => cameAtMs.push(clock.nowMs()));
    await clock.pass(refusal === 0 ? 0 : 60_000);
    expect(cameAtMs).toHaveLength(lines.length);
    // The pace falls by a tenth with each refusal after the first: what a turn takes is what they are spread over.
    if (refusal === REFUSALS) {
      const turnMs = 250 / 0.9 ** (REFUSALS - 1);
      const gapsMs = cameAtMs.slice(1).map((atMs, at) => atMs - (cameAtMs[at] ?? 0));
      for (const gapMs of gapsMs) expect(gapMs).toBeCloseTo(turnMs / 8, -1.5);
    }
    for (const line of lines) line.leave(limited(1));
  }
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

test("whose time is over before there is room is told so", async () => {
  const { clock, line, turns, refused, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  for (let number = 1; number <= 5; number++) call(number, clock.nowMs() + 1_100);
  call(6);
  await clock.pass(1_250);
  expect(turns).toEqual([0, 1, 2, 3, 4, 6]);
  expect(refused).toEqual([5]);
});

test("keys that were refused go when nobody else waits; those that found no turn share turns with those that come", async () => {
  const { clock, line, turns, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  for (const number of [20, 21]) call(number, FAR_MS, "last");
  for (const number of [10, 11, 12]) call(number, FAR_MS + number, "again");
  for (const number of [1, 2]) call(number);
  await clock.pass(3_000);
  expect(turns).toEqual([0, 10, 1, 11, 2, 12, 20, 21]);
});

test("a line of keys that were refused is no reason to put a refresh off", async () => {
  const { clock, line, call } = numbered();
  call(0);
  await clock.pass(0);
  line.leave(limited(1_000));
  for (let number = 1; number < 20; number++) call(number, FAR_MS, "last");
  expect(line.isThere).toBe(true);
  await clock.pass(1_000);
  expect(line.isThere).toBe(false);
});

test("at the first refusal the pace is what the tenant says that it grants", async () => {
  const { clock, line, turns, call } = numbered();
  for (let number = 0; number < 500; number++) call(number);
  await clock.pass(0);
  line.leave({ ...limited(1_000), perSecond: 100 });
  for (let number = 500; number < 1_000; number++) call(number);
  await clock.pass(1_000);
  const before = turns.length;
  await clock.pass(1_000);
  expect(turns.length - before).toBeCloseTo(100, -1);
});

test("or what it has granted in a second, where it says nothing", async () => {
  const { clock, line, turns, call } = numbered();
  for (let number = 0; number < 500; number++) call(number);
  await clock.pass(0);
  for (let granted = 0; granted < 100; granted++) line.leave({ kind: "granted" });
  line.leave(limited(1_000));
  for (let number = 500; number < 1_000; number++) call(number);
  await clock.pass(1_000);
  const before = turns.length;
  await clock.pass(1_000);
  expect(turns.length - before).toBeGreaterThan(90);
});

/** Lets callers come as fast as they go, from a tenant that grants `perSecond`; gives how many it granted in each second. */
async function grantedBySecond(perSecond: number, seconds: number, says?: number): Promise<number[]> {
  const clock = standingClock();
  const line = new ExchangeLine(clock, () => 0.5);
  const bucket = new TokenBucket(perSecond, 1000 / perSecond, clock.nowMs);
  const granted: number[] = [];
  const ask = async () => {
    await line.enter(FAR_MS * 10);
    await clock.sleep(100);
    if (bucket.take("tenant")) {
      granted[granted.length - 1]!++;
      line.leave({ kind: "granted" });
    } else line.leave({ ...limited(1_000), perSecond: says });
    void ask();
  };
  granted.push(0);
  // The refusal of another time, when the tenant granted next to nothing.
  void line.enter(FAR_MS * 10);
  await clock.pass(0);
  line.leave(limited(1_000));
  for (let lane = 0; lane < 300; lane++) void ask();
  for (let second = 0; second < seconds; second++) {
    if (second > 0) granted.push(0);
    await clock.pass(1_000);
  }
  return granted;
}

test("after a refusal the pace is back at what the tenant grants in seconds, and keeps to it", async () => {
  const granted = await grantedBySecond(200, 40);
  expect(granted.findIndex((count) => count > 140)).toBeLessThanOrEqual(15);
  const steady = granted.slice(20).reduce((sum, count) => sum + count, 0) / 20;
  expect(steady).toBeGreaterThan(140);
});

test("it goes no faster than the tenant says, even if that grants more", async () => {
  const granted = await grantedBySecond(200, 60, 50);
  const steady = granted.slice(30).reduce((sum, count) => sum + count, 0) / 30;
  expect(steady).toBeLessThanOrEqual(51);
  expect(steady).toBeGreaterThan(40);
});

test("where the tenant's word is shared by eight processes, each comes down to its share in few refusals", async () => {
  const clock = standingClock();
  const bucket = new TokenBucket(200, 5, clock.nowMs);
  let [granted, refused] = [0, 0];
  for (let process = 0; process < 8; process++) {
    const line = new ExchangeLine(clock, () => process / 8);
    const ask = async () => {
      await line.enter(FAR_MS * 10);
      await clock.sleep(100);
      if (bucket.take("tenant")) {
        granted++;
        line.leave({ kind: "granted" });
      } else {
        refused++;
        line.leave({ ...limited(1_000), perSecond: 200 });
      }
      void ask();
    };
    for (let lane = 0; lane < 100; lane++) void ask();
  }
  await clock.pass(15_000);
  [granted, refused] = [0, 0];
  await clock.pass(15_000);
  expect(granted).toBeGreaterThan(0.9 * 15 * 200);
  expect(refused).toBeLessThan(0.1 * granted);
});

test("a clock that was put back a year closes the line for no year", async () => {
  const clock = standingClock();
  let offsetMs = 365 * 86_400_000;
  const line = new ExchangeLine({ nowMs: () => clock.nowMs() + offsetMs, sleep: clock.sleep }, () => 0);
  await line.enter(FAR_MS * 1_000);
  line.leave(limited(5_000));
  offsetMs = 0;
  expect(line.isThere).toBe(false);
  expect(line.closedForMs).toBe(0);
});

test("after the clock was put back, what is granted in many seconds is not taken for that of one", async () => {
  const pauseAfter = async (backMs: number) => {
    const one = numbered();
    const { clock, line, call } = one;
    await clock.pass(3_600_000);
    for (let number = 0; number < 10; number++) {
      call(number);
      await clock.pass(1_000);
      line.leave({ kind: "granted" });
      if (number === 0) await clock.pass(-backMs);
    }
    return pauseOfTen(one);
  };
  expect(await pauseAfter(3_600_000)).toBe(await pauseAfter(0));
});
