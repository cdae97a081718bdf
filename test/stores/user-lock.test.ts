import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { createRedis } from "../../src/stores/key-record-reader.ts";
import { userLock, type Clock } from "../../src/stores/user-lock.ts";
import { stage, type Stage } from "../support/stage.ts";

let now = 0;
const clock: Clock = {
  monotonicMs: () => now,
  sleep: async (ms) => {
    now += ms;
  },
};
const randomBytes = (size: number): Uint8Array => new Uint8Array(size);
const timing = { clock, randomBytes, leaseMs: 30_000, waitMs: 35_000, requestTimeoutMs: 5_000 };

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
  await s.local.redis.execute(["SET", "apikey-lock:auth0|ada", "alive"]);
  await expect(lock("auth0|ada", async () => "done")).rejects.toMatchObject({ code: "user_locked" });
});

test("a lease with less left than needed stops the work, at the millisecond", async () => {
  await lock("auth0|ada", async (lease) => {
    now += 20_000;
    expect(() => lease.require(10_000)).not.toThrow();
    now += 1;
    expect(() => lease.require(10_000)).toThrow(expect.objectContaining({ code: "lease_too_short" }));
  });
});

test("a lock that may be another's by now is left to run out", async () => {
  await lock("auth0|ada", async () => {
    now += 30_001;
    // The lease has ended, and another has taken the lock.
    await s.local.redis.execute(["SET", "apikey-lock:auth0|ada", "another"]);
  });
  expect(await held()).toBe(1);
});
