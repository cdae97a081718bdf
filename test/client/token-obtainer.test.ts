import { beforeEach, expect, test, vi } from "vitest";

import { GuardedCache } from "../../src/client/guarded-cache.ts";
import type { CachedToken, CacheSlot, TokenCache } from "../../src/client/token-cache.ts";
import { Refusals } from "../../src/client/refusals.ts";
import { TokenObtainer, type Need } from "../../src/client/token-obtainer.ts";
import { ENDPOINT, FakeClock, FakeEndpoint, KEY, randomSlot, refusal, tokenOf } from "./support.ts";

const TIMEOUT_MS = 10_000;
const FAR_MS = 60_000;
const DOWN = new Error("down");

/** A cache that answers looks as it is told, one after the other, and then finds nothing. */
class ScriptedCache implements TokenCache {
  looks: (CachedToken | Error | undefined)[] = [];
  lock: "free" | "held" | Error = "free";
  readonly besides: (CachedToken | undefined)[] = [];
  readonly leasesMs: number[] = [];
  readonly stored: CachedToken[] = [];
  released = 0;

  async get(_slot: CacheSlot, besides?: CachedToken): Promise<CachedToken | undefined> {
    this.besides.push(besides);
    const found = this.looks.shift();
    if (found instanceof Error) throw found;
    return found;
  }

  async set(_slot: CacheSlot, token: CachedToken): Promise<void> {
    this.stored.push(token);
  }

  async delete(): Promise<void> {
    throw new Error("It is not asked to.");
  }

  async tryLock(_slot: CacheSlot, leaseMs: number): Promise<(() => Promise<void>) | undefined> {
    this.leasesMs.push(leaseMs);
    if (this.lock instanceof Error) throw this.lock;
    return this.lock === "held" ? undefined : async () => void this.released++;
  }
}

let clock: FakeClock;
let endpoint: FakeEndpoint;
let cache: ScriptedCache;
let obtainer: TokenObtainer;
beforeEach(() => {
  clock = new FakeClock();
  endpoint = new FakeEndpoint();
  cache = new ScriptedCache();
  obtainer = new TokenObtainer({
    endpoint: ENDPOINT,
    ...guarded(),
    clock,
    random: () => 0.5,
    timeoutMs: TIMEOUT_MS,
    fetch: endpoint.fetch,
  });
});

function guarded() {
  const own = new GuardedCache(cache, () => undefined);
  return { cache: own, refusals: new Refusals(own, clock, 30_000, 60_000) };
}

function needOf(changes: Partial<Need> = {}): Need {
  const request = { audience: "https://api", scope: "read:things" };
  return {
    slot: randomSlot(),
    key: KEY,
    request,
    jitter: 0.5,
    atHand: undefined,
    isUrgent: true,
    rank: "first",
    refusal: undefined,
    offer: { scope: undefined, forMs: 0, untilMs: 0 },
    ...changes,
  };
}

const nowSeconds = () => clock.nowMs() / 1000;
const fresh = () => tokenOf("theirs", nowSeconds());
// Of 900 usable seconds, 810 is where it is to be refreshed.
const due = () => tokenOf("theirs", nowSeconds() - 850);

/** What an attempt ends with, and what it took: exchanges, locks taken, locks given back. */
async function attempt(need: Need, mayBeBlind = false) {
  const outcome = await obtainer.attempt(need, clock.nowMs() + FAR_MS, mayBeBlind);
  const token = outcome.kind === "token" ? outcome.token.access_token : undefined;
  const { length: exchanges } = endpoint.requests;
  return [outcome.kind, token, exchanges, cache.leasesMs.length, cache.released];
}

test.each<
  [string, boolean, "free" | "held" | Error, () => (CachedToken | Error | undefined)[], readonly unknown[]]
>([
  ["nothing: one exchange under the lock", true, "free", () => [], ["token", "token-1", 1, 1, 1]],
  ["a token: no lock is taken", true, "free", () => [fresh()], ["token", "theirs", 0, 0, 0]],
  [
    "a token only under the lock: no exchange",
    true,
    "free",
    () => [undefined, fresh()],
    ["token", "theirs", 0, 1, 1],
  ],
  ["one that is due: good enough for a caller", true, "free", () => [due()], ["token", "theirs", 0, 0, 0]],
  [
    "one that is due, where that is to be refreshed",
    false,
    "free",
    () => [due(), due()],
    ["token", "token-1", 1, 1, 1],
  ],
  ["nothing, another has the lock", true, "held", () => [], ["busy", undefined, 0, 1, 0]],
  ["nothing, another refreshes", false, "held", () => [], ["busy", undefined, 0, 1, 0]],
  ["nothing, and no lock can be had", true, DOWN, () => [DOWN, DOWN], ["token", "token-1", 1, 1, 0]],
  ["no lock can be had for a refresh", false, DOWN, () => [DOWN, DOWN], ["put_off", undefined, 0, 1, 0]],
  ["it goes away under the lock", true, "free", () => [undefined, DOWN], ["blind", undefined, 0, 1, 1]],
  [
    "it goes away under the lock of a refresh",
    false,
    "free",
    () => [undefined, DOWN],
    ["put_off", undefined, 0, 1, 1],
  ],
])("what a cache has: %s", async (_, isUrgent, lock, looks, expected) => {
  cache.lock = lock;
  cache.looks = looks();
  expect(await attempt(needOf({ isUrgent }))).toEqual(expected);
});

test("who was blind once may exchange without having seen", async () => {
  cache.looks = [undefined, DOWN];
  expect(await attempt(needOf(), true)).toEqual(["token", "token-1", 1, 1, 1]);
});

test("the lock outlasts the exchange, which has a time of its own; and the token at hand is not asked for", async () => {
  const timeout = vi.spyOn(AbortSignal, "timeout");
  const atHand = due();
  await attempt(needOf({ atHand, isUrgent: false }));
  expect(timeout.mock.calls).toEqual([[TIMEOUT_MS]]);
  timeout.mockRestore();
  expect(cache.leasesMs).toEqual([TIMEOUT_MS + 5_000]);
  expect(cache.besides).toEqual([atHand, atHand]);
});

test("a token is as old as its request, and has the scopes that were asked for unless the answer says others", async () => {
  const askedAtSeconds = nowSeconds();
  const slow: typeof fetch = async (input, init) => {
    clock.passSeconds(30);
    return endpoint.fetch(input, init);
  };
  const origin = { endpoint: ENDPOINT, clock, random: () => 0.5, timeoutMs: TIMEOUT_MS, fetch: slow };
  const slowObtainer = new TokenObtainer({ ...origin, ...guarded() });
  const outcome = await slowObtainer.attempt(needOf(), clock.nowMs() + FAR_MS, false);
  expect(outcome).toMatchObject({
    kind: "token",
    isNew: true,
    token: {
      scope: "read:things",
      obtainedAtSeconds: askedAtSeconds,
      expiresAtSeconds: askedAtSeconds + 1_000,
    },
  });
  expect(cache.stored).toEqual([outcome.kind === "token" && outcome.token]);
});

test("a lock is given back after a failure as well", async () => {
  endpoint.behaviours = [refusal(500, "server_error")];
  expect(await attempt(needOf())).toEqual(["failed", undefined, 1, 1, 1]);
});

/** How long ten that come together after a refusal wait for their turns, in milliseconds. */
async function tenAfterRefusal(): Promise<number> {
  endpoint.behaviours = [refusal(429, "too_many_requests", { "retry-after": "1" }), { expires_in: 1_000 }];
  await attempt(needOf());
  const startedMs = clock.nowMs();
  await Promise.all(Array.from({ length: 10 }, async () => attempt(needOf())));
  return clock.nowMs() - startedMs;
}

test("only what the tenant grants makes the pace faster: not what another process has put into the cache", async () => {
  const firstMs = await tenAfterRefusal();
  for (let found = 0; found < 100; found++) {
    cache.looks = [undefined, fresh()];
    await attempt(needOf());
  }
  // The ten themselves were granted, which is a little.
  expect(await tenAfterRefusal()).toBeGreaterThan(firstMs * 0.9);
});
