import { beforeEach, expect, test } from "vitest";

import type { RedisPort } from "../../src/client/redis-port.ts";
import { redisTokenCache } from "../../src/client/redis-token-cache.ts";
import type { TokenCache } from "../../src/client/token-cache.ts";
import type { RedisEngine } from "../../src/local/redis-rest/engine.ts";
import { memoryEngine } from "../../src/local/redis-rest/memory-engine.ts";
import { randomSlot, settle, tokenOf } from "./support.ts";

let atMs: number;
let redis: RedisEngine;
let isAway: boolean;
beforeEach(() => {
  atMs = 1_800_000_000_000;
  isAway = false;
  redis = memoryEngine(() => atMs);
});

const nowMs = () => atMs;
const port: RedisPort = {
  command: async (...words) => {
    if (isAway) throw new Error("away");
    return redis.execute(words);
  },
};

/** One process of a fleet. */
const processOf = (): TokenCache => redisTokenCache(port, { nowMs, monotonicMs: nowMs });

/** A process that has had a lock, in a store that has settled. */
async function settledProcess(): Promise<TokenCache> {
  const cache = processOf();
  await cache.tryLock(randomSlot(), 1);
  atMs += 3_000;
  return cache;
}

/** What requests do that are served from memory. */
async function touch(cache: TokenCache): Promise<void> {
  atMs += 1_000;
  cache.touch?.();
  await settle();
}

function loseRedis(): void {
  redis = memoryEngine(() => atMs);
}

const freshToken = (text: string) => tokenOf(text, atMs / 1000);

test("a store that was lost gets back what a process has, before anybody may exchange for it again", async () => {
  const holder = await settledProcess();
  const [slot, token] = [randomSlot(), freshToken("held")];
  await holder.set(slot, token);
  loseRedis();
  const other = processOf();
  expect(await other.get(slot)).toBeUndefined();
  expect(await other.tryLock(slot, 10_000)).toBeUndefined();
  await touch(holder);
  expect(await other.get(slot)).toEqual(token);
  // Nobody has this one: after a while it may be exchanged for.
  const unknown = randomSlot();
  atMs += 1_999;
  expect(await other.tryLock(unknown, 10_000)).toBeUndefined();
  atMs += 1;
  expect(await other.tryLock(unknown, 10_000)).toBeDefined();
});

test("who has only read a token puts it back as well, even if it never needed a lock", async () => {
  const [slot, token] = [randomSlot(), freshToken("read")];
  await (await settledProcess()).set(slot, token);
  const reader = processOf();
  expect(await reader.get(slot)).toEqual(token);
  loseRedis();
  await touch(reader);
  expect(await processOf().get(slot)).toEqual(token);
});

test("a token that could not be written is written once Redis is back, over an older one", async () => {
  const holder = await settledProcess();
  const slot = randomSlot();
  await holder.set(slot, freshToken("older"));
  isAway = true;
  await expect(holder.set(slot, freshToken("newer"))).rejects.toThrow("away");
  await touch(holder);
  isAway = false;
  await touch(holder);
  expect((await processOf().get(slot))?.access_token).toBe("newer");
});

test("a token that another process has put there since stays", async () => {
  const holder = await settledProcess();
  const slot = randomSlot();
  await holder.set(slot, freshToken("older"));
  loseRedis();
  await processOf().set(slot, freshToken("newer"));
  await touch(holder);
  expect((await processOf().get(slot))?.access_token).toBe("newer");
});

test.each([
  ["in its refresh window", async () => void (atMs += 765_000), false],
  ["just before it", async () => void (atMs += 763_999), true],
  [
    "that was dropped",
    async (cache: TokenCache, slot: ReturnType<typeof randomSlot>) => cache.delete(slot),
    false,
  ],
])("a token %s: put back or not", async (_, change, isPutBack) => {
  const holder = await settledProcess();
  const slot = randomSlot();
  await holder.set(slot, freshToken("held"));
  await change(holder, slot);
  loseRedis();
  // A second later, when it looks.
  await touch(holder);
  expect((await processOf().get(slot)) !== undefined).toBe(isPutBack);
});

test("a store that is whole is left alone, and looked at once a second", async () => {
  const holder = await settledProcess();
  const slot = randomSlot();
  await holder.set(slot, freshToken("held"));
  await touch(holder);
  await redis.execute(["DEL", `apikey-token:${slot.name}`]);
  for (let at = 0; at < 10; at++) holder.touch?.();
  await touch(holder);
  expect(await processOf().get(slot)).toBeUndefined();
});

test("while Redis is away a lock counts as taken, for as long as callers are to wait, and fails then", async () => {
  const cache = await settledProcess();
  isAway = true;
  expect(await cache.tryLock(randomSlot(), 10_000)).toBeUndefined();
  atMs += 2_999;
  expect(await cache.tryLock(randomSlot(), 10_000)).toBeUndefined();
  atMs += 1;
  await expect(cache.tryLock(randomSlot(), 10_000)).rejects.toThrow("away");
  isAway = false;
  expect(await cache.tryLock(randomSlot(), 10_000)).toBeDefined();
  isAway = true;
  expect(await cache.tryLock(randomSlot(), 10_000)).toBeUndefined();
});

test("of what it has it puts back as much as it was told to remember, and tells what had to go", async () => {
  const holder = await settledProcess();
  let evicted = 0;
  holder.limit?.(2, () => void evicted++);
  const slots = [randomSlot(), randomSlot(), randomSlot()];
  for (const slot of slots) await holder.set(slot, freshToken("held"));
  expect(evicted).toBe(1);
  loseRedis();
  await touch(holder);
  const found = await Promise.all(slots.map(async (slot) => processOf().get(slot)));
  expect(found.map((token) => token !== undefined)).toEqual([false, true, true]);
});

test("what could not be written is bounded as well", async () => {
  const holder = await settledProcess();
  holder.limit?.(2);
  const slots = [randomSlot(), randomSlot(), randomSlot()];
  await touch(holder);
  isAway = true;
  for (const slot of slots) await holder.set(slot, freshToken("held")).catch(() => undefined);
  isAway = false;
  await touch(holder);
  const found = await Promise.all(slots.map(async (slot) => processOf().get(slot)));
  expect(found.map((token) => token !== undefined)).toEqual([false, true, true]);
});
