import { expect, test } from "vitest";

import { GuardedCache, UNLOCKED, UNSEEN } from "../../src/client/guarded-cache.ts";
import { memoryTokenCache } from "../../src/client/memory-token-cache.ts";
import { randomSlot, tokenOf } from "./support.ts";

const NOW_MS = 1_800_000_000_000;
const SLOT = randomSlot();
const TOKEN = tokenOf("token", NOW_MS / 1000);

test("what a cache says is passed on as it is", async () => {
  const errors: unknown[] = [];
  const cache = new GuardedCache(
    memoryTokenCache({ nowMs: () => NOW_MS }),
    (error) => void errors.push(error),
  );
  expect(await cache.get(SLOT)).toBeUndefined();
  await cache.set(SLOT, TOKEN);
  expect(await cache.get(SLOT)).toEqual(TOKEN);
  const release = await cache.tryLock(SLOT, 1_000);
  expect(release).not.toBe(UNLOCKED);
  expect(await cache.tryLock(SLOT, 1_000)).toBeUndefined();
  await release?.();
  expect(await cache.tryLock(SLOT, 1_000)).toBeTypeOf("function");
  await cache.delete(SLOT);
  expect(await cache.get(SLOT)).toBeUndefined();
  expect(errors).toEqual([]);
});

test("nothing that a cache throws gets through, be it at once or later, but each is told", async () => {
  const errors: string[] = [];
  const fails = (what: string) => async () => Promise.reject(new Error(what));
  const broken = { get: fails("get"), set: fails("set"), delete: fails("delete"), tryLock: fails("lock") };
  const tell = (error: unknown) => void errors.push((error as Error).message);
  const cache = new GuardedCache(broken, tell);
  expect(await cache.get(SLOT)).toBe(UNSEEN);
  await cache.set(SLOT, TOKEN);
  await cache.delete(SLOT);
  const unlocked = await cache.tryLock(SLOT, 1_000);
  expect(unlocked).toBe(UNLOCKED);
  await unlocked?.();
  const atOnce = () => {
    throw new Error("at once");
  };
  expect(await new GuardedCache({ ...broken, get: atOnce }, tell).get(SLOT)).toBe(UNSEEN);
  const release = await new GuardedCache({ ...broken, tryLock: async () => fails("release") }, tell).tryLock(
    SLOT,
    1_000,
  );
  await release?.();
  expect(errors).toEqual(["get", "set", "delete", "lock", "at once", "release"]);
});
