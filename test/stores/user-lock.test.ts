import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { createRedis } from "../../src/stores/key-record-reader.ts";
import { userLock, type Clock } from "../../src/stores/user-lock.ts";
import { stage, type Stage } from "../support/stage.ts";

let now = 0;
/** How long a suspended laptop's monotonic clock stood still. */
let suspendedMs = 0;
let onSleep = async (): Promise<unknown> => undefined;
const clock: Clock = {
  monotonicMs: () => now - suspendedMs,
  wallMs: () => now,
  sleep: async (ms) => {
    now += ms;
    await onSleep();
  },
};
const randomBytes = (size: number): Uint8Array => new Uint8Array(size);
const timing = { clock, randomBytes, leaseMs: 30_000, waitMs: 35_000 };

let s: Stage;
let lock: ReturnType<typeof userLock>;
const held = async () => s.local.redis.execute(["EXISTS", "apikey-lock:auth0|ada"]);
beforeAll(async () => {
  s = await stage({ nowMs: () => now });
  lock = userLock(
    createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 }),
    timing,
  );
});
beforeEach(async () => {
  await s.local.redis.execute(["DEL", "apikey-lock:auth0|ada"]);
});
afterAll(async () => s.stop());

test("is held while the work runs, and released after it, even if it throws", async () => {
  expect(await lock("auth0|ada", async () => held())).toBe(1);
  expect(await held()).toBe(0);
  await expect(lock("auth0|ada", async () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await held()).toBe(0);
});

test("locks one user and no other", async () => {
  await lock("auth0|ada", async () => lock("auth0|grace", async () => undefined));
});

test("outwaits a holder that died", async () => {
  await s.local.redis.execute(["SET", "apikey-lock:auth0|ada", "dead", "NX", "PX", "30000"]);
  const startedAt = now;
  expect(await lock("auth0|ada", async () => "done")).toBe("done");
  expect(now - startedAt).toBeGreaterThanOrEqual(30_000);
});

test("gives up on a holder that lives on", async () => {
  onSleep = async () => s.local.redis.execute(["SET", "apikey-lock:auth0|ada", "alive", "PX", "30000"]);
  await onSleep();
  await expect(lock("auth0|ada", async () => "done")).rejects.toMatchObject({ code: "user_locked" });
  onSleep = async () => undefined;
});

test.each([
  ["has no end", []],
  ["ends in a year", ["PX", "31536000000"]],
])("breaks a lock that %s, which is no writer's, after having waited for it", async (_, end) => {
  await s.local.redis.execute(["SET", "apikey-lock:auth0|ada", "somebody", ...end]);
  const startedAt = now;
  expect(await lock("auth0|ada", async () => held())).toBe(1);
  expect(now - startedAt).toBeGreaterThanOrEqual(timing.waitMs);
});

test("a lease with less left than needed stops the work, at the millisecond", async () => {
  await lock("auth0|ada", async (lease) => {
    now += 20_000;
    expect(() => lease.require(10_000)).not.toThrow();
    now += 1;
    expect(() => lease.require(10_000)).toThrow(expect.objectContaining({ code: "lease_too_short" }));
  });
});

test("a lease counts by the wall clock too: a suspended laptop's monotonic clock stood still meanwhile", async () => {
  await lock("auth0|ada", async (lease) => {
    now += 29_000;
    suspendedMs += 29_000;
    expect(() => lease.require(1_001)).toThrow(expect.objectContaining({ code: "lease_too_short" }));
  });
  suspendedMs = 0;
});

test("a lock that is another's by now is left to it; and who wrote a profile is told", async () => {
  const outlive = async (isProfileWritten: boolean) =>
    lock("auth0|ada", async (lease) => {
      if (isProfileWritten) lease.noteProfileWrite(new Map());
      now += 30_001;
      // The lease has ended, and another has taken the lock.
      await s.local.redis.execute(["SET", "apikey-lock:auth0|ada", "another"]);
      return "done";
    });
  expect(await outlive(false)).toBe("done");
  expect(await held()).toBe(1);
  await s.local.redis.execute(["DEL", "apikey-lock:auth0|ada"]);
  await expect(outlive(true)).rejects.toMatchObject({ code: "update_lost", wasPaused: true });
  expect(await held()).toBe(1);
});

test("a lock that was taken away is noticed although no time has passed", async () => {
  const robbed = lock("auth0|ada", async (lease) => {
    lease.noteProfileWrite(new Map());
    await s.local.redis.execute(["DEL", "apikey-lock:auth0|ada"]);
  });
  await expect(robbed).rejects.toMatchObject({ code: "update_lost", wasPaused: false });
});
