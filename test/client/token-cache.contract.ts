import { expect, test } from "vitest";

import type { CachedToken, TokenCache } from "../../src/client/token-cache.ts";
import { randomSlot, tokenOf } from "./support.ts";

/** A cache under test. `nowMs` and what it is moved by hold for the cache as well. */
export interface CacheUnderTest {
  readonly cache: TokenCache;
  readonly nowMs: () => number;
  readonly passMs: (ms: number) => Promise<void>;
}

/** What every token cache keeps to. `open` gives an empty or a used one: slots are random. */
export function tokenCacheContract(open: () => CacheUnderTest): void {
  const token = (text: string, lifetimeSeconds = 1_000): CachedToken =>
    tokenOf(text, Math.floor(open().nowMs() / 1000), lifetimeSeconds);

  test("gives what was set, as it was set", async () => {
    const { cache } = open();
    const [slot, kept] = [randomSlot(), token("kept")];
    expect(await cache.get(slot)).toBeUndefined();
    await cache.set(slot, kept);
    expect(await cache.get(slot)).toEqual(kept);
  });

  test("the last one set counts", async () => {
    const { cache } = open();
    const slot = randomSlot();
    await cache.set(slot, token("one"));
    await cache.set(slot, token("two"));
    expect((await cache.get(slot))?.access_token).toBe("two");
  });

  test("does not give the token that the caller has already", async () => {
    const { cache } = open();
    const [slot, kept] = [randomSlot(), token("kept")];
    await cache.set(slot, kept);
    expect(await cache.get(slot, kept)).toBeUndefined();
    expect(await cache.get(slot, token("older"))).toEqual(kept);
  });

  test("a slot is its own: neither another name nor, where tokens are sealed, another key opens it", async () => {
    const { cache } = open();
    const slot = randomSlot();
    await cache.set(slot, token("kept"));
    expect(await cache.get(randomSlot())).toBeUndefined();
    expect(await cache.get({ ...randomSlot(), encryptionKey: slot.encryptionKey })).toBeUndefined();
  });

  test("what is deleted is gone, and may be deleted again", async () => {
    const { cache } = open();
    const slot = randomSlot();
    await cache.set(slot, token("kept"));
    await cache.delete(slot);
    await cache.delete(slot);
    expect(await cache.get(slot)).toBeUndefined();
  });

  test("an expired token is not given", async () => {
    const { cache, nowMs, passMs } = open();
    const slot = randomSlot();
    const kept = token("kept", 2);
    await cache.set(slot, kept);
    expect(await cache.get(slot)).toEqual(kept);
    await passMs(kept.expiresAtSeconds * 1000 - nowMs());
    expect(await cache.get(slot)).toBeUndefined();
  });

  test("of many who want a lock at once one gets it, and the next once it is released", async () => {
    const { cache } = open();
    const slot = randomSlot();
    const all = await Promise.all(Array.from({ length: 10 }, async () => cache.tryLock(slot, 10_000)));
    const taken = all.filter((release) => release !== undefined);
    expect(taken).toHaveLength(1);
    expect(await cache.tryLock(slot, 10_000)).toBeUndefined();
    await taken[0]?.();
    expect(await cache.tryLock(slot, 10_000)).toBeDefined();
  });

  test("a lock is of one slot, and says nothing of what is kept", async () => {
    const { cache } = open();
    const slot = randomSlot();
    expect(await cache.tryLock(slot, 10_000)).toBeDefined();
    expect(await cache.tryLock(randomSlot(), 10_000)).toBeDefined();
    await cache.set(slot, token("kept"));
    expect(await cache.get(slot)).toBeDefined();
  });

  test("a lock whose holder is gone ends with its lease", async () => {
    const { cache, passMs } = open();
    const slot = randomSlot();
    expect(await cache.tryLock(slot, 100)).toBeDefined();
    await passMs(150);
    const second = (await cache.tryLock(slot, 10_000)) ?? (await cache.tryLock(slot, 10_000));
    expect(second).toBeDefined();
  });
}
