import { beforeEach, expect, test } from "vitest";

import { deriveSlot, slotText } from "../../src/client/cache-slot.ts";
import type { CachedToken, TokenCache } from "../../src/client/token-cache.ts";
import { ApiKeyTokenSource, type TokenSourceOptions } from "../../src/client/token-source.ts";
import { layeredTokenCache } from "../../src/client/layered-token-cache.ts";
import { memoryTokenCache } from "../../src/client/memory-token-cache.ts";
import {
  ENDPOINT,
  FakeClock,
  FakeEndpoint,
  KEY,
  OTHER_KEY,
  refusal,
  settle,
  sourceOptions,
  tokenOf,
} from "./support.ts";

const REQUEST = { apiKey: KEY, audience: "https://api", scope: "read:things" };

let clock: FakeClock;
let endpoint: FakeEndpoint;
beforeEach(() => {
  clock = new FakeClock();
  endpoint = new FakeEndpoint();
});

function sourceOf(changes: Partial<TokenSourceOptions> = {}): ApiKeyTokenSource {
  return new ApiKeyTokenSource({ ...sourceOptions(endpoint, clock), ...changes });
}

/** What is waited for until it is opened. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test("a hundred callers at once and a hundred afterwards share one exchange", async () => {
  const source = sourceOf();
  const first = await Promise.all(Array.from({ length: 100 }, async () => source.getToken(REQUEST)));
  const then = await Promise.all(Array.from({ length: 100 }, async () => source.getToken(REQUEST)));
  expect(new Set([...first, ...then].map((token) => token.access_token))).toEqual(new Set(["token-1"]));
  expect(endpoint.requests).toHaveLength(1);
});

test.each([
  ["another key", 2, { apiKey: OTHER_KEY }],
  ["another audience", 2, { audience: "https://other" }],
  ["another scope", 2, { scope: "write:things" }],
  ["another organization", 2, { organization: "org_1" }],
  ["another address", 2, { forwardedFor: "203.0.113.7" }],
  ["the same scope, written otherwise", 1, { scope: " read:things read:things" }],
  ["the same key as text", 1, { apiKey: KEY.reveal() }],
])("a request with %s: %i exchanges in all", async (_, exchanges, change) => {
  const source = sourceOf();
  await Promise.all([source.getToken(REQUEST), source.getToken({ ...REQUEST, ...change })]);
  expect(endpoint.requests).toHaveLength(exchanges);
});

test("a mistyped key is refused before any request", async () => {
  const wrong = `${KEY.reveal().slice(0, -1)}${KEY.reveal().endsWith("0") ? "1" : "0"}`;
  await expect(sourceOf().getToken({ ...REQUEST, apiKey: wrong })).rejects.toMatchObject({
    code: "malformed_key",
  });
  expect(endpoint.requests).toHaveLength(0);
});

test("a token is refreshed ahead, in the background, once", async () => {
  const source = sourceOf();
  await source.getToken(REQUEST);
  clock.passSeconds(809);
  await source.getToken(REQUEST);
  await settle();
  expect(endpoint.requests).toHaveLength(1);
  clock.passSeconds(1);
  const meanwhile = await Promise.all(Array.from({ length: 50 }, async () => source.getToken(REQUEST)));
  expect(new Set(meanwhile.map((token) => token.access_token))).toEqual(new Set(["token-1"]));
  await settle();
  expect((await source.getToken(REQUEST)).access_token).toBe("token-2");
  expect(endpoint.requests).toHaveLength(2);
});

test("who comes when the token has ended while its refresh is under way has the new one of that refresh", async () => {
  const [answered, looked] = [gate(), gate()];
  const endedAtMs = clock.nowMs() + 900_000;
  // The first request is answered at once.
  const slow: typeof fetch = async (input, init) => {
    if (endpoint.requests.length > 0) await answered.opened;
    return endpoint.fetch(input, init);
  };
  const memory = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const cache: TokenCache = {
    ...memory,
    get: async (slot, besides) => {
      const token = await memory.get(slot, besides);
      // The refresh looks for another token than the one at hand; whoever comes late, for any.
      if (besides === undefined && endpoint.requests.length > 0 && clock.nowMs() > endedAtMs) looked.open();
      return token;
    },
    // Only the first token is kept: a second exchange for the new one would be seen.
    set: async (slot, token) => (token.access_token === "token-1" ? memory.set(slot, token) : undefined),
  };
  const source = sourceOf({ fetch: slow, cache });
  await source.getToken(REQUEST);
  clock.passSeconds(810);
  await source.getToken(REQUEST);
  clock.passSeconds(200);
  const late = source.getToken(REQUEST);
  await looked.opened;
  await settle();
  answered.open();
  expect((await late).access_token).toBe("token-2");
  expect(endpoint.requests).toHaveLength(2);
});

test("where the caller waits for a refresh it has the new token, or learns that its key was refused", async () => {
  const source = sourceOf({ refresh: "inline" });
  await source.getToken(REQUEST);
  clock.passSeconds(810);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-2");
  clock.passSeconds(810);
  endpoint.behaviours = [refusal(400, "invalid_request")];
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
});

test("a host that would end a process with its answer is told what is under way, and it never fails", async () => {
  const works: Promise<void>[] = [];
  const source = sourceOf({ waitUntil: (work) => void works.push(work) });
  await source.getToken(REQUEST);
  expect(works).toHaveLength(0);
  clock.passSeconds(810);
  await source.getToken(REQUEST);
  expect(works).toHaveLength(1);
  await works[0];
  expect((await source.getToken(REQUEST)).access_token).toBe("token-2");
  clock.passSeconds(810);
  endpoint.behaviours = [refusal(400, "invalid_request")];
  await source.getToken(REQUEST);
  await expect(works[1]).resolves.toBeUndefined();
});

test("a lock that nobody gives back is waited for as long as a call may wait, and no longer", async () => {
  const memory = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const source = sourceOf({ cache: { ...memory, tryLock: async () => undefined } });
  const startedMs = clock.nowMs();
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "timeout", retryable: true });
  expect(clock.nowMs() - startedMs).toBe(20_000);
  expect(endpoint.requests).toHaveLength(0);
});

test("a caller that ends afterwards waits for its refresh, and has the old token if there is none", async () => {
  const source = sourceOf({ refresh: "inline" });
  await source.getToken(REQUEST);
  clock.passSeconds(810);
  endpoint.behaviours = [refusal(500, "server_error")];
  expect((await source.getToken({ ...REQUEST })).access_token).toBe("token-1");
  // Not at every call: the tenant is given a pause.
  const asked = endpoint.requests.length;
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  expect(endpoint.requests).toHaveLength(asked);
});

test("a stale token is never given: one that could not be refreshed ends with its time", async () => {
  const source = sourceOf({ waitBudgetMs: 0 });
  await source.getToken(REQUEST);
  endpoint.behaviours = [refusal(500, "server_error")];
  clock.passSeconds(899);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  await settle();
  clock.passSeconds(1);
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "server_error", retryable: true });
});

test("a limit is waited for, no shorter than asked, and the call succeeds", async () => {
  endpoint.behaviours = [refusal(429, "too_many_requests", { "retry-after": "2" }), { expires_in: 1_000 }];
  const startMs = clock.atMs;
  expect((await sourceOf().getToken(REQUEST)).access_token).toBe("token-2");
  expect(clock.atMs - startMs).toBeGreaterThanOrEqual(2_000);
  expect(clock.atMs - startMs).toBeLessThanOrEqual(2_250);
});

test("a limit beyond the budget is an error that says when, and no other key is tried until then", async () => {
  endpoint.behaviours = [refusal(429, "too_many_requests", { "retry-after": "30" }), { expires_in: 1_000 }];
  const source = sourceOf();
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({
    code: "too_many_requests",
    retryAfterMs: 30_000,
  });
  clock.passSeconds(9);
  const other = source.getToken({ ...REQUEST, apiKey: OTHER_KEY });
  await expect(other).rejects.toMatchObject({ code: "too_many_requests", retryAfterMs: 21_000 });
  expect(endpoint.requests).toHaveLength(1);
  clock.passSeconds(21);
  await expect(source.getToken({ ...REQUEST, apiKey: OTHER_KEY })).resolves.toBeDefined();
});

test("a refresh makes room at the limit: one that is refused is put off, and no other is tried meanwhile", async () => {
  const source = sourceOf();
  const other = { ...REQUEST, apiKey: OTHER_KEY };
  await source.getToken(REQUEST);
  await source.getToken(other);
  endpoint.behaviours = [refusal(429, "too_many_requests", { "retry-after": "2" }), { expires_in: 1_000 }];
  clock.passSeconds(810);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  await settle();
  clock.passSeconds(1);
  expect((await source.getToken(other)).access_token).toBe("token-2");
  await settle();
  expect(endpoint.requests).toHaveLength(3);
  // A refresh that was put off is tried again half a minute later.
  clock.passSeconds(30);
  await source.getToken(REQUEST);
  await source.getToken(other);
  await settle();
  expect(endpoint.requests).toHaveLength(5);
});

test("a refresh that is refused asks once, even if the tenant asks for no pause at all", async () => {
  const source = sourceOf({ random: () => 0 });
  await source.getToken(REQUEST);
  endpoint.behaviours = [refusal(429, "too_many_requests", { "retry-after": "0" }), { expires_in: 1_000 }];
  clock.passSeconds(800);
  await source.getToken(REQUEST);
  await settle();
  expect(endpoint.requests).toHaveLength(2);
});

test("an address that Auth0 blocks is blocked here too; others are not", async () => {
  endpoint.behaviours = [refusal(429, "too_many_attempts"), { expires_in: 1_000 }];
  const source = sourceOf();
  const from = (forwardedFor: string, apiKey = KEY) => source.getToken({ ...REQUEST, apiKey, forwardedFor });
  await expect(from("203.0.113.7")).rejects.toMatchObject({ code: "too_many_attempts", retryable: true });
  await expect(from("203.0.113.7", OTHER_KEY)).rejects.toMatchObject({ code: "too_many_attempts" });
  expect(endpoint.requests).toHaveLength(1);
  await expect(from("203.0.113.8")).resolves.toBeDefined();
});

test.each([
  ["a server error", refusal(500, "server_error")],
  ["a broken connection", { fails: new TypeError("fetch failed") }],
  ["an answer that does not come", { fails: new DOMException("late", "TimeoutError") }],
])("%s is tried again within the budget", async (_, behaviour) => {
  endpoint.behaviours = [behaviour, behaviour, { expires_in: 1_000 }];
  expect((await sourceOf().getToken(REQUEST)).access_token).toBe("token-3");
});

test("a refusal is remembered for half a minute, for this key alone", async () => {
  endpoint.behaviours = [refusal(400, "invalid_request"), { expires_in: 1_000 }];
  const source = sourceOf();
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
  clock.passSeconds(29);
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
  expect(endpoint.requests).toHaveLength(1);
  await expect(source.getToken({ ...REQUEST, apiKey: OTHER_KEY })).resolves.toBeDefined();
  clock.passSeconds(1);
  await expect(source.getToken(REQUEST)).resolves.toBeDefined();
});

test("a key that is refused at its refresh takes its token with it", async () => {
  const source = sourceOf();
  await source.getToken(REQUEST);
  endpoint.behaviours = [refusal(400, "invalid_request")];
  clock.passSeconds(810);
  await source.getToken(REQUEST);
  await settle();
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
  expect(endpoint.requests).toHaveLength(2);
});

test("a dropped token is not given again", async () => {
  const source = sourceOf();
  await source.getToken(REQUEST);
  await source.drop(REQUEST);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-2");
});

test("two sources over one cache make one exchange, and one refresh", async () => {
  const cache = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const [one, other] = [sourceOf({ cache }), sourceOf({ cache })];
  await Promise.all([one.getToken(REQUEST), other.getToken(REQUEST)]);
  expect(endpoint.requests).toHaveLength(1);
  clock.passSeconds(810);
  await Promise.all([one.getToken(REQUEST), other.getToken(REQUEST)]);
  await settle();
  expect((await one.getToken(REQUEST)).access_token).toBe((await other.getToken(REQUEST)).access_token);
  expect(endpoint.requests).toHaveLength(2);
});

test("a cache that is out of order is reported and gone without", async () => {
  const broken = async () => Promise.reject(new Error("down"));
  const errors: unknown[] = [];
  const cache = { get: broken, set: broken, delete: broken, tryLock: broken };
  const source = sourceOf({ cache, onCacheError: (error) => void errors.push(error) });
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  expect(errors.length).toBeGreaterThan(0);
});

test("while a shared cache cannot lock, a refresh is put off until the token has ended", async () => {
  const memory = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const cache = { ...memory, tryLock: async () => Promise.reject(new Error("down")) };
  const source = sourceOf({ cache });
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  clock.passSeconds(860);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  await settle();
  expect(endpoint.requests).toHaveLength(1);
  clock.passSeconds(40);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-2");
});

test("a token at its end in memory does not hide a new one that another process has put behind it", async () => {
  const far = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const layered = () => layeredTokenCache(memoryTokenCache({ nowMs: () => clock.nowMs() }), far);
  const [one, other] = [sourceOf({ cache: layered() }), sourceOf({ cache: layered() })];
  await Promise.all([one.getToken(REQUEST), other.getToken(REQUEST)]);
  clock.passSeconds(860);
  await one.getToken(REQUEST);
  await settle();
  clock.passSeconds(45);
  expect((await other.getToken(REQUEST)).access_token).toBe("token-2");
  expect(endpoint.requests).toHaveLength(2);
});

test("after a time in which each process had to exchange on its own, a refresh is one exchange again", async () => {
  const far = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const down = async () => Promise.reject(new Error("down"));
  const isDown = { get: down, set: down, delete: down, tryLock: down };
  let now: TokenCache = isDown;
  const switched: TokenCache = {
    get: async (slot, besides) => now.get(slot, besides),
    set: async (slot, token) => now.set(slot, token),
    delete: async (slot) => now.delete(slot),
    tryLock: async (slot, leaseMs) => now.tryLock(slot, leaseMs),
  };
  const near = () => memoryTokenCache({ nowMs: () => clock.nowMs() });
  const sources = [1, 2, 3].map(() => sourceOf({ cache: layeredTokenCache(near(), switched) }));
  const all = async () => Promise.all(sources.map(async (source) => source.getToken(REQUEST)));
  // In turn: the endpoint numbers its tokens by the requests that it has had.
  const alone: CachedToken[] = [];
  for (const source of sources) {
    alone.push(await source.getToken(REQUEST));
    clock.passSeconds(1);
  }
  expect(alone.map((token) => token.access_token)).toEqual(["token-1", "token-2", "token-3"]);
  now = far;
  clock.passSeconds(100);
  // One that a process has put there, as Redis gets them back: the others still have theirs.
  await far.set(await slotOf(), { ...alone[2]! });
  clock.passSeconds(760);
  await all();
  await settle();
  clock.passSeconds(1);
  await all();
  await settle();
  expect(new Set((await all()).map((token) => token.access_token))).toEqual(new Set(["token-4"]));
  expect(endpoint.requests).toHaveLength(4);
});

async function slotOf() {
  return deriveSlot(KEY, slotText(ENDPOINT, REQUEST));
}

test("a shared cache that goes away under the lock is waited for; one that can never be read is gone without", async () => {
  const memory = memoryTokenCache({ nowMs: () => clock.nowMs() });
  const theirs: CachedToken = tokenOf("theirs", clock.nowMs() / 1000);
  let looks = 0;
  const fails = async () => Promise.reject(new Error("down"));
  const goesAway: TokenCache = {
    ...memory,
    // The third look is the one under the lock. Meanwhile another process has exchanged.
    get: async (slot) => {
      if (++looks !== 3) return looks < 3 ? undefined : memory.get(slot);
      await memory.set(slot, theirs);
      return fails();
    },
  };
  expect(await sourceOf({ cache: goesAway }).getToken(REQUEST)).toEqual(theirs);
  expect(endpoint.requests).toHaveLength(0);
  const unread = { ...memory, get: fails };
  expect((await sourceOf({ cache: unread }).getToken(REQUEST)).access_token).toBe("token-1");
});
