import { expect, test } from "vitest";

import { createKey } from "../../src/keys/create.ts";
import { initStore } from "../../src/keys/init.ts";
import { openKeys } from "../../src/keys/open-keys.ts";
import { ManagementBudget, type Priority } from "../../src/stores/management-budget.ts";
import { stoppedClock } from "../support/clock.ts";
import { EventClock } from "../support/event-clock.ts";
import { ADA, stage } from "../support/stage.ts";

const START_MS = Date.UTC(2026, 10, 27);
const LIMIT = 10;
const MAX_WAIT_MS = { ending: 10_000, change: 3_000, read: 1_000 };

function limited(remaining: number, more: Readonly<Record<string, string>> = {}, status = 200): Response {
  const headers = { "x-ratelimit-limit": String(LIMIT), "x-ratelimit-remaining": String(remaining), ...more };
  return new Response(null, { status, headers });
}

function budgetOf(clock: { nowMs(): number; sleep(ms: number): Promise<void> }): ManagementBudget {
  // The middle of the jitter: pauses are as long as they are meant.
  const randomBytes = (size: number) => new Uint8Array(size).fill(128);
  return new ManagementBudget({
    nowMs: () => clock.nowMs(),
    sleep: async (ms) => clock.sleep(ms),
    randomBytes,
    maxWaitMs: MAX_WAIT_MS,
  });
}

/** A budget that knows how much is left, and a clock. */
async function knowing(remaining: number): Promise<{ budget: ManagementBudget; clock: EventClock }> {
  const clock = new EventClock(START_MS);
  const budget = budgetOf(clock);
  await budget.send("users", async () => Promise.resolve(limited(remaining)));
  return { budget, clock };
}

const begins = async (budget: ManagementBudget, priority: Priority, requests: number) =>
  budget.run(priority, requests, async () => Promise.resolve("begun")).catch((error: unknown) => error);

test("a request that was refused is sent again when the limit is lifted, by the tenant's clock and not by ours", async () => {
  const clock = stoppedClock();
  const startedMs = clock.nowMs();
  const budget = budgetOf(clock);
  // The tenant's clock is an hour behind.
  const theirsMs = Math.floor(startedMs / 1000) * 1000 - 3_600_000;
  const refusal = limited(
    0,
    { "x-ratelimit-reset": String(theirsMs / 1000 + 2), date: new Date(theirsMs).toUTCString() },
    429,
  );
  const answers = [refusal, limited(9)];
  const sent: number[] = [];
  const answer = await budget.send("users", async () => {
    sent.push(clock.nowMs() - startedMs);
    return Promise.resolve(answers.shift() as Response);
  });
  expect(answer.status).toBe(200);
  expect(sent[0]).toBe(0);
  expect(sent[1]).toBeGreaterThanOrEqual(2_000);
  expect(sent[1]).toBeLessThan(3_000);
});

test("it is not waited for longer than the bound: the refusal is the answer, and nothing is sent meanwhile", async () => {
  const clock = stoppedClock();
  const startedMs = clock.nowMs();
  const budget = budgetOf(clock);
  const reset = { "x-ratelimit-reset": String(Math.ceil(startedMs / 1000) + 30) };
  let sent = 0;
  const send = async () => {
    sent++;
    return Promise.resolve(limited(0, reset, 429));
  };
  expect((await budget.send("users", send)).status).toBe(429);
  const again = await budget.send("users", send);
  expect([again.status, sent, clock.nowMs() - startedMs]).toEqual([429, 1, 0]);
  expect(Number(again.headers.get("x-ratelimit-reset"))).toBeGreaterThan(startedMs / 1000 + 29);
});

test.each<[Priority, number, number, boolean]>([
  ["ending", 4, 4, true],
  ["ending", 3, 4, false],
  ["change", 6, 4, true],
  ["change", 5, 4, false],
  ["read", 5, 1, true],
  ["read", 4, 1, false],
  ["read", 0, 0, true],
])("with room for it alone, %s with %i of 10 left and %i requests begins at once: %s", async (...row) => {
  const [priority, left, requests, isAtOnce] = row;
  const clock = new EventClock(START_MS);
  const budget = budgetOf(clock);
  await budget.send("users", async () => Promise.resolve(limited(left)));
  const [beganMs] = await clock.run([
    { afterMs: 0, work: async () => begins(budget, priority, requests).then(() => clock.nowMs()) },
  ]);
  expect(beganMs === START_MS).toBe(isAtOnce);
});

test("an operation takes all of its requests or none: what cannot begin in time is refused before it asks for anything", async () => {
  const { budget, clock } = await knowing(0);
  const [error] = await clock.run([{ afterMs: 0, work: async () => begins(budget, "read", 4) }]);
  expect(error).toMatchObject({ code: "management_rate_limited" });
  expect(clock.nowMs()).toBe(START_MS);
});

test("what an operation did not need is there for the next", async () => {
  const { budget, clock } = await knowing(4);
  const all = async () => begins(budget, "ending", 4);
  expect(await clock.run([1, 2, 3].map((afterMs) => ({ afterMs, work: all })))).toEqual([
    "begun",
    "begun",
    "begun",
  ]);
  expect(clock.nowMs()).toBe(START_MS + 3);
});

test("two operations at once do not both take the last requests", async () => {
  const { budget, clock } = await knowing(4);
  const lasting = async () =>
    budget.run("ending", 4, async () => {
      const beganMs = clock.nowMs() - START_MS;
      await clock.sleep(500);
      return beganMs;
    });
  const [first, second] = await clock.run([0, 0].map((afterMs) => ({ afterMs, work: lasting })));
  expect(first).toBe(0);
  expect(second).toBeGreaterThanOrEqual(500);
});

test("who ends a key goes before those who came earlier to read or change", async () => {
  const { budget, clock } = await knowing(0);
  const order: string[] = [];
  const come = (priority: Priority, requests: number, afterMs: number) => ({
    afterMs,
    work: async () =>
      budget
        .run(priority, requests, async () => {
          order.push(priority);
          await budget.send("users", async () => Promise.resolve(limited(6)));
        })
        .catch(() => order.push(`${priority} refused`)),
  });
  await clock.run([come("change", 4, 0), come("ending", 4, 10)]);
  expect(order).toEqual(["ending", "change"]);
});

test.each<[Priority, number, Priority, number]>([
  ["ending", 4, "change", 0],
  ["change", 4, "read", 4],
  ["ending", 6, "read", 4],
])("%s of %i requests goes before a %s that came earlier and would have room sooner", async (...row) => {
  const [first, requests, later, left] = row;
  const { budget, clock } = await knowing(left);
  const order: string[] = [];
  const come = (priority: Priority, count: number, afterMs: number) => ({
    afterMs,
    work: async () =>
      budget
        .run(priority, count, async () => {
          order.push(priority);
          return Promise.resolve();
        })
        .catch(() => order.push(`${priority} refused`)),
  });
  await clock.run([come(later, 1, 0), come(first, requests, 10)]);
  expect(order).toHaveLength(2);
  expect(order[0]).toBe(first);
});

test("a tenant that sends no headers has no limit", async () => {
  const clock = stoppedClock();
  const budget = budgetOf(clock);
  await budget.send("users", async () => Promise.resolve(new Response(null)));
  expect(await begins(budget, "read", 1_000)).toBe("begun");
});

test.each<[string, Response]>([
  ["an empty limit", limited(0)],
  ["a refusal", limited(0, {}, 429)],
])(
  "a clock that is put back by an hour while %s is waited for: three seconds are enough",
  async (_, first) => {
    let backMs = 0;
    const clock = stoppedClock();
    const startedMs = clock.nowMs();
    const budget = budgetOf({
      nowMs: () => clock.nowMs() - backMs,
      async sleep(ms) {
        backMs = 3_600_000;
        return clock.sleep(ms);
      },
    });
    const answers = [first, limited(9)];
    const send = async () => budget.send("users", async () => Promise.resolve(answers.shift() as Response));
    expect((await send()).status).toBe(200);
    expect(await begins(budget, "ending", 1)).toBe("begun");
    expect(clock.nowMs() - startedMs).toBeLessThanOrEqual(3_000);
  },
);

test("a limit that no tenant has is not believed", async () => {
  const clock = stoppedClock();
  const budget = budgetOf(clock);
  const absurd = { "x-ratelimit-limit": "1000000000" };
  await budget.send("users", async () => Promise.resolve(limited(0, absurd)));
  expect(await begins(budget, "read", 4)).toBe("begun");
});

test("what an answer said of the limit is asked again after a minute: one goes through, and others wait for its answer", async () => {
  const clock = stoppedClock();
  const budget = budgetOf(clock);
  const large = { "x-ratelimit-limit": "10000" };
  await budget.send("users", async () => Promise.resolve(limited(0, large)));
  await clock.sleep(60_000 - MAX_WAIT_MS.read - 1);
  expect(await begins(budget, "read", 1)).toMatchObject({ code: "management_rate_limited" });
  await clock.sleep(MAX_WAIT_MS.read + 1);
  let second: unknown;
  await budget.send("users", async () => {
    second = await begins(budget, "read", 1);
    return limited(9);
  });
  expect(second).toBeInstanceOf(Error);
  expect(await begins(budget, "read", 1)).toBe("begun");
});

test("a limit that refuses every time, and says nothing of itself, is waited for once, and not for ever", async () => {
  const clock = stoppedClock();
  const startedMs = clock.nowMs();
  const budget = budgetOf(clock);
  await budget.send("users", async () => Promise.resolve(new Response(null)));
  let sent = 0;
  const refused = await budget.send("users", async () => {
    sent++;
    return Promise.resolve(sent > 10 ? limited(9) : new Response(null, { status: 429 }));
  });
  expect(refused.status).toBe(429);
  expect(sent).toBeLessThanOrEqual(4);
  expect(clock.nowMs() - startedMs).toBeLessThanOrEqual(MAX_WAIT_MS.change);
});

test("how fast the limit comes back is learned: of 16 a second, four more are there in a quarter of a second", async () => {
  const clock = new EventClock(START_MS);
  const budget = budgetOf(clock);
  const answer = async (remaining: number) =>
    budget.send("users", async () => Promise.resolve(limited(remaining, { "x-ratelimit-limit": "50" })));
  await clock.run(
    Array.from({ length: 8 }, (_, at) => ({ afterMs: at * 1_000, work: async () => answer(1 + at * 3) })),
  );
  await clock.run([{ afterMs: 0, work: async () => answer(0) }]);
  const startedMs = clock.nowMs();
  await clock.run([{ afterMs: 0, work: async () => begins(budget, "ending", 2) }]);
  // Three more a second than were used, and one was: four a second.
  expect(clock.nowMs() - startedMs).toBeLessThan(700);
});

test("inside a user's lock nothing is waited for beyond the lease: the change is taken back before another may begin", async () => {
  const clock = stoppedClock();
  const s = await stage({ nowMs: clock.nowMs });
  const keys = openKeys(s.config, s.settings, { clock, nowMs: clock.nowMs });
  await initStore(keys);
  const original = globalThis.fetch;
  let refused = 0;
  try {
    const startedMs = clock.nowMs();
    // Within the minute that such a program waits for, and not within the 30 seconds of the lease.
    const reset = String(Math.ceil(startedMs / 1000) + 25);
    globalThis.fetch = async (input, init) => {
      if (init?.method !== "PATCH") return original(input, init);
      refused++;
      return limited(0, { "x-ratelimit-reset": reset }, 429);
    };
    const create = createKey(keys, ADA, { name: "refused" });
    await expect(create).rejects.toMatchObject({ code: "management_rate_limited" });
    expect([refused, clock.nowMs() - startedMs]).toEqual([1, 0]);
    globalThis.fetch = original;
    expect((await keys.users.read(ADA)).keys).toEqual([]);
    expect(await keys.records.hasRecords()).toBe(false);
  } finally {
    globalThis.fetch = original;
    await s.stop();
  }
});
