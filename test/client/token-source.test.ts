import { beforeEach, describe, expect, test } from "vitest";

import { deriveSlot, slotText } from "../../src/client/cache-slot.ts";
import type { CachedToken, TokenCache } from "../../src/client/token-cache.ts";
import { ApiKeyTokenSource, type TokenSourceOptions } from "../../src/client/token-source.ts";
import { layeredTokenCache } from "../../src/client/layered-token-cache.ts";
import { memoryTokenCache } from "../../src/client/memory-token-cache.ts";
import { withPromptCrypto } from "../../src/simulate/prompt-crypto.ts";
import {
  ENDPOINT,
  FakeClock,
  FakeEndpoint,
  KEY,
  OTHER_KEY,
  refusal,
  settle,
  sourceOptions,
  success,
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

test("a clock that is put back makes no call wait for longer", async () => {
  const memory = memoryTokenCache({ nowMs: () => clock.nowMs() });
  let asked = 0;
  const tryLock = async () => {
    if (++asked === 2) clock.passSeconds(-3_600);
    return undefined;
  };
  await expect(sourceOf({ cache: { ...memory, tryLock } }).getToken(REQUEST)).rejects.toMatchObject({
    code: "timeout",
  });
  expect(asked).toBe(2);
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

test("a clock that is put back blocks no address for longer than it was", async () => {
  endpoint.behaviours = [refusal(429, "too_many_attempts"), { expires_in: 1_000 }];
  const source = sourceOf();
  await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "too_many_attempts" });
  clock.passSeconds(-365 * 86_400);
  await expect(source.getToken({ ...REQUEST, apiKey: OTHER_KEY })).resolves.toBeDefined();
});

test("a clock that is put back puts off no refresh for longer than its pause", async () => {
  const source = sourceOf({ refresh: "inline" });
  await source.getToken(REQUEST);
  endpoint.behaviours = [refusal(500, "server_error")];
  clock.passSeconds(860);
  expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
  clock.passSeconds(-45);
  endpoint.behaviours = [{ expires_in: 1_000 }];
  expect((await source.getToken(REQUEST)).access_token).not.toBe("token-1");
});

test("the pace after a refusal is that which the tenant names in its answer", async () => {
  const waitedMs = async (headers: Record<string, string>) => {
    endpoint.behaviours = [
      refusal(429, "too_many_requests", { "retry-after": "1", ...headers }),
      { expires_in: 1_000 },
    ];
    const source = sourceOf();
    const startedMs = clock.nowMs();
    const audiences = Array.from({ length: 40 }, (_, at) => `https://api/${at}`);
    await source.getToken(REQUEST);
    await Promise.all(audiences.map(async (audience) => source.getToken({ ...REQUEST, audience })));
    return clock.nowMs() - startedMs;
  };
  // A second of pause; then 40 at 100 a second.
  expect(await waitedMs({ "x-ratelimit-limit": "100" })).toBeLessThan(2_000);
  expect(await waitedMs({})).toBeGreaterThan(5_000);
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

describe("a key that has ended goes on being used", () => {
  const refused = refusal(400, "invalid_request");

  /** Uses a key every five seconds for as long, and gives the seconds at which that took an exchange. */
  async function exchangesOf(source: ApiKeyTokenSource, seconds: number): Promise<number[]> {
    const at: number[] = [];
    for (let second = 0; second < seconds; second += 5) {
      const before = endpoint.requests.length;
      await source.getToken(REQUEST).catch(() => undefined);
      if (endpoint.requests.length > before) at.push(second);
      clock.passSeconds(5);
    }
    return at;
  }

  test("its refusal is remembered twice as long each time, for an hour at most", async () => {
    endpoint.behaviours = [refused];
    const minutes = (await exchangesOf(sourceOf(), 6 * 3_600)).map((second) => second / 60);
    // 0.5, 1, 2, 4, 8, 16, 32 minutes, then an hour each time.
    expect(minutes).toEqual([0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5, 123.5, 183.5, 243.5, 303.5]);
  });

  test("what is the client's own fault is asked again every half minute", async () => {
    endpoint.behaviours = [refusal(401, "invalid_client")];
    expect(await exchangesOf(sourceOf(), 120)).toEqual([0, 30, 60, 90]);
  });

  test("once it is good again, the next refusal is the first", async () => {
    endpoint.behaviours = [refused, refused, { expires_in: 100 }, refused];
    expect(await exchangesOf(sourceOf(), 300)).toEqual([0, 30, 90, 180, 210, 270]);
  });

  test("a clock that is put back makes no refusal longer", async () => {
    endpoint.behaviours = [refused, { expires_in: 1_000 }];
    const source = sourceOf();
    await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
    clock.passSeconds(-86_400);
    await expect(source.getToken(REQUEST)).resolves.toBeDefined();
  });

  /** A cache whose notes several processes share, and what lies there. */
  function sharedCache() {
    const notes = new Map<string, string>();
    const cache: TokenCache = {
      ...memoryTokenCache({ nowMs: () => clock.nowMs() }),
      notes: {
        get: async ({ name }) => notes.get(name),
        set: async ({ name }, sealed) => void notes.set(name, sealed),
      },
    };
    return { cache, notes };
  }

  test("of a fleet one process asks: the others share its refusal, and how often it was repeated", async () =>
    // Real WebCrypto takes turns, in which those who wait would let a whole budget pass.
    withPromptCrypto(async () => {
      endpoint.behaviours = [refused];
      const { cache } = sharedCache();
      const fleet = Array.from({ length: 8 }, () => sourceOf({ cache }));
      const all = async () => Promise.allSettled(fleet.map(async (source) => source.getToken(REQUEST)));
      expect(await all()).toMatchObject(fleet.map(() => ({ reason: { code: "invalid_request" } })));
      expect(endpoint.requests).toHaveLength(1);
      clock.passSeconds(30);
      await all();
      expect(endpoint.requests).toHaveLength(2);
      clock.passSeconds(59);
      await all();
      // A process that starts knows how often it was.
      await expect(sourceOf({ cache }).getToken(REQUEST)).rejects.toMatchObject({
        code: "invalid_request",
        error_description: "because of invalid_request",
      });
      expect(endpoint.requests).toHaveLength(2);
      clock.passSeconds(1);
      await all();
      expect(endpoint.requests).toHaveLength(3);
    }));

  test("they share it through the far one of two layers", async () => {
    endpoint.behaviours = [refused];
    const { cache } = sharedCache();
    const near = () => memoryTokenCache({ nowMs: () => clock.nowMs() });
    for (let at = 0; at < 3; at++) {
      const source = sourceOf({ cache: layeredTokenCache(near(), cache) });
      await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
    }
    expect(endpoint.requests).toHaveLength(1);
  });

  test("at the limit it is told what is known of it, and not that it may come again", async () => {
    endpoint.behaviours = [refused, refusal(429, "too_many_requests", { "retry-after": "60" })];
    const source = sourceOf();
    await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
    clock.passSeconds(30);
    const other = { ...REQUEST, apiKey: OTHER_KEY };
    await expect(source.getToken(other)).rejects.toMatchObject({ code: "too_many_requests" });
    await expect(source.getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_request" });
    expect(endpoint.requests).toHaveLength(2);
  });

  test("what is shared holds neither the key nor who was refused, and is under the slot's name alone", async () => {
    endpoint.behaviours = [refused];
    const { cache, notes } = sharedCache();
    await sourceOf({ cache })
      .getToken(REQUEST)
      .catch(() => undefined);
    const [[name, sealed] = ["", ""]] = [...notes];
    const slot = await deriveSlot(KEY, slotText(ENDPOINT, REQUEST));
    expect(name).toBe(slot.name);
    expect(sealed).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(name + sealed).not.toContain(KEY.id);
  });

  test("a failure that says nothing of the key is not shared", async () => {
    endpoint.behaviours = [refusal(401, "invalid_client")];
    const { cache, notes } = sharedCache();
    await sourceOf({ cache })
      .getToken(REQUEST)
      .catch(() => undefined);
    expect(notes.size).toBe(0);
  });

  test("where it is known that it has ended, no exchange is made, and it is good again at once", async () => {
    const source = sourceOf();
    let hasEnded = true;
    const asked: string[] = [];
    const request = {
      ...REQUEST,
      hasEnded: async (keyId: string) => {
        asked.push(keyId);
        return hasEnded;
      },
    };
    await expect(source.getToken(request)).rejects.toMatchObject({ code: "invalid_request" });
    expect([asked, endpoint.requests.length]).toEqual([[KEY.id], 0]);
    hasEnded = false;
    await expect(source.getToken(request)).resolves.toBeDefined();
    await source.getToken(request);
    // Not for a token that is at hand.
    expect(asked).toHaveLength(2);
  });
});

describe("a caller that asks for no scope, of a key that has some", () => {
  const { scope: _, ...NONE } = REQUEST;
  const offer = (scope: string) => ({
    status: 400,
    body: { error: "invalid_scope", error_description: `Name scopes. [scope: ${scope}]` },
  });
  const scopes = () => endpoint.requests.map(({ body }) => body.get("scope"));

  test("gets all that the key has, with a second exchange; its refresh needs one", async () => {
    endpoint.behaviours = [offer("read:things write:things"), { expires_in: 1_000 }];
    const source = sourceOf();
    expect(await source.getToken(NONE)).toMatchObject({ scope: "read:things write:things" });
    clock.passSeconds(810);
    await source.getToken(NONE);
    await settle();
    expect(scopes()).toEqual([null, ...Array.from({ length: 2 }, () => "read:things write:things")]);
  });

  test("gets what the key has now, when its scopes have changed since", async () => {
    endpoint.behaviours = [offer("a b"), { expires_in: 1_000 }, offer("a"), { expires_in: 1_000 }];
    const source = sourceOf();
    await source.getToken(NONE);
    clock.passSeconds(810);
    await source.getToken(NONE);
    await settle();
    expect((await source.getToken(NONE)).scope).toBe("a");
    // After the token's end it is asked anew: the key may have been given more.
    clock.passSeconds(2_000);
    await source.getToken(NONE);
    expect(scopes()).toEqual([null, "a b", "a b", "a", null]);
  });

  test("is refused where that does not help: it is repeated once, with what was answered", async () => {
    endpoint.behaviours = [offer("a"), offer("a")];
    await expect(sourceOf().getToken(NONE)).rejects.toMatchObject({ code: "invalid_scope" });
    expect(scopes()).toEqual([null, "a"]);
  });

  test("is refused, without a second one, where what is remembered is answered again", async () => {
    endpoint.behaviours = [offer("a"), { expires_in: 1_000 }, offer("a")];
    const source = sourceOf({ refresh: "inline" });
    await source.getToken(NONE);
    clock.passSeconds(810);
    await expect(source.getToken(NONE)).rejects.toMatchObject({ code: "invalid_scope" });
    expect(scopes()).toEqual([null, "a", "a"]);
  });

  test("is refused where the answer is not in the form", async () => {
    endpoint.behaviours = [offer('a" b')];
    await expect(sourceOf().getToken(NONE)).rejects.toMatchObject({ code: "invalid_scope" });
    expect(endpoint.requests).toHaveLength(1);
  });

  test("a caller that named scopes is refused", async () => {
    endpoint.behaviours = [offer("read:things")];
    await expect(sourceOf().getToken(REQUEST)).rejects.toMatchObject({ code: "invalid_scope" });
    expect(endpoint.requests).toHaveLength(1);
  });

  test("gets, after a clock that was put back, what the key has now", async () => {
    endpoint.behaviours = [offer("a"), { expires_in: 1_000 }, offer("a b"), { expires_in: 1_000 }];
    const source = sourceOf();
    await source.getToken(NONE);
    clock.passSeconds(-86_400);
    expect((await source.getToken(NONE)).scope).toBe("a b");
    expect(scopes()).toEqual([null, "a", null, "a b"]);
  });

  test("is refused where the list was cut: it would get less than the key has, and not know", async () => {
    const error_description = "Name scopes. [among others: a b]";
    endpoint.behaviours = [{ status: 400, body: { error: "invalid_scope", error_description } }];
    await expect(sourceOf().getToken(NONE)).rejects.toMatchObject({
      code: "invalid_scope",
      error_description,
    });
    expect(endpoint.requests).toHaveLength(1);
  });

  test("after a limit between the two, the scopes are known", async () => {
    endpoint.behaviours = [
      offer("a"),
      refusal(429, "too_many_requests", { "retry-after": "1" }),
      { expires_in: 1_000 },
    ];
    await sourceOf().getToken(NONE);
    expect(scopes()).toEqual([null, "a", "a"]);
  });
});

describe("with a maximum age of tokens, of 300 s", () => {
  const maxTokenAgeMs = 300_000;

  test("one that lasts longer is refreshed by it, and not given after it", async () => {
    const cache = memoryTokenCache({ nowMs: () => clock.nowMs() });
    const source = sourceOf({ cache, maxTokenAgeMs });
    const obtainedAtSeconds = clock.nowMs() / 1000;
    const first = await source.getToken(REQUEST);
    expect(first).toMatchObject({ expiresAtSeconds: obtainedAtSeconds + 300 });
    expect(await cache.get(await slotOf())).toEqual(first);
    // Of 270 usable seconds, 243 is where it is refreshed.
    clock.passSeconds(242);
    await source.getToken(REQUEST);
    await settle();
    expect(endpoint.requests).toHaveLength(1);
    clock.passSeconds(1);
    await source.getToken(REQUEST);
    await settle();
    expect(endpoint.requests).toHaveLength(2);
  });

  test("a key that is revoked has no token within it, whether the tenant is there or not", async () => {
    for (const answer of [refusal(400, "invalid_request"), refusal(500, "server_error")]) {
      endpoint.behaviours = [{ expires_in: 86_400 }];
      const source = sourceOf({ maxTokenAgeMs, waitBudgetMs: 0 });
      await source.getToken(REQUEST);
      endpoint.behaviours = [answer];
      clock.passSeconds(269);
      await source.getToken(REQUEST).catch(() => undefined);
      await settle();
      clock.passSeconds(1);
      await expect(source.getToken(REQUEST)).rejects.toBeDefined();
    }
  });

  test("one that another process has put into a shared cache for longer is no older either, and stays one object", async () => {
    const cache = memoryTokenCache({ nowMs: () => clock.nowMs() });
    const obtainedAtSeconds = clock.nowMs() / 1000;
    await cache.set(await slotOf(), tokenOf("theirs", obtainedAtSeconds, 86_400));
    const source = sourceOf({ cache, maxTokenAgeMs });
    const first = await source.getToken(REQUEST);
    expect(first).toMatchObject({ access_token: "theirs", expiresAtSeconds: obtainedAtSeconds + 300 });
    // What was verified is remembered by it.
    expect(await source.getToken(REQUEST)).toBe(first);
    clock.passSeconds(270);
    expect((await source.getToken(REQUEST)).access_token).toBe("token-1");
    expect(endpoint.requests).toHaveLength(1);
  });

  test("one that ends before is left as it is", async () => {
    endpoint.behaviours = [{ expires_in: 299 }];
    const source = sourceOf({ maxTokenAgeMs });
    expect(await source.getToken(REQUEST)).toMatchObject({ expiresAtSeconds: clock.nowMs() / 1000 + 299 });
  });
});

describe("the token's own end", () => {
  const jwt = (exp: number) => `e30.${Buffer.from(JSON.stringify({ exp })).toString("base64url")}.c2ln`;
  const answerUntil = (exp: number) => {
    endpoint.behaviours = [{ status: 200, body: success(jwt(exp), 3_600) }];
  };

  test("counts where the clock was ahead when it was obtained", async () => {
    const trueSeconds = clock.nowMs() / 1000;
    answerUntil(trueSeconds + 3_600);
    const source = sourceOf();
    clock.passSeconds(1_200);
    const { expiresAtSeconds } = await source.getToken(REQUEST);
    expect(expiresAtSeconds).toBe(trueSeconds + 3_600);
  });

  test.each(["soon", null, "Infinity"])("that is no time, %j, is none", async (exp) => {
    answerUntil(exp as unknown as number);
    expect(await sourceOf().getToken(REQUEST)).toMatchObject({
      expiresAtSeconds: clock.nowMs() / 1000 + 3_600,
    });
  });

  test("by a clock by which it has ended already, it is kept for a minute, and not exchanged at each call", async () => {
    answerUntil(clock.nowMs() / 1000 + 3_600);
    const source = sourceOf();
    clock.passSeconds(86_400);
    for (let call = 0; call < 10; call++) await source.getToken(REQUEST);
    expect(endpoint.requests).toHaveLength(1);
    // Put right, the clock shows that this token is of the future, and another is obtained.
    clock.passSeconds(-86_400);
    await source.getToken(REQUEST);
    expect(endpoint.requests).toHaveLength(2);
  });

  test("a clock that is behind does not make it longer than it was said to be", async () => {
    const trueSeconds = clock.nowMs() / 1000;
    answerUntil(trueSeconds + 3_600);
    clock.passSeconds(-1_200);
    const { expiresAtSeconds } = await sourceOf().getToken(REQUEST);
    expect(expiresAtSeconds).toBe(trueSeconds - 1_200 + 3_600);
  });
});

test("one option bounds what a process remembers, and it is told what had to go", async () => {
  const evicted: string[] = [];
  const source = sourceOf({ maxEntries: 2, onEvict: (what) => void evicted.push(what) });
  for (const audience of ["a", "b", "a", "b"]) await source.getToken({ ...REQUEST, audience });
  expect([evicted, endpoint.requests.length]).toEqual([[], 2]);
  await source.getToken({ ...REQUEST, audience: "c" });
  expect(evicted).toEqual(["key", "token"]);
  await source.getToken({ ...REQUEST, audience: "a" });
  expect(endpoint.requests).toHaveLength(4);
});

test("a layered cache is bounded by the same option, in all that it keeps in memory", async () => {
  const limits: number[] = [];
  const far = { ...memoryTokenCache(), limit: (maxEntries: number) => void limits.push(maxEntries) };
  sourceOf({ cache: layeredTokenCache(far, far), maxEntries: 12_345 });
  expect(limits).toEqual([12_345, 12_345]);
});
