import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { deriveSlot, slotText } from "../../src/client/cache-slot.ts";
import { defaultCacheFolder, fileTokenCache } from "../../src/client/file-token-cache.ts";
import { GuardedCache } from "../../src/client/guarded-cache.ts";
import { layeredTokenCache } from "../../src/client/layered-token-cache.ts";
import { memoryTokenCache } from "../../src/client/memory-token-cache.ts";
import { redisClientPort, upstashRedis, type RedisPort } from "../../src/client/redis-port.ts";
import { redisTokenCache } from "../../src/client/redis-token-cache.ts";
import { sealToken } from "../../src/client/sealed-token.ts";
import { listen, type Listening } from "../../src/local/listen.ts";
import type { RedisEngine } from "../../src/local/redis-rest/engine.ts";
import { memoryEngine } from "../../src/local/redis-rest/memory-engine.ts";
import { redisRestApp } from "../../src/local/redis-rest/redis-rest-app.ts";
import { spawnRedisServer } from "../../src/local/redis-rest/redis-server-engine.ts";
import { ENDPOINT, KEY, OTHER_KEY, randomSlot, tokenOf } from "./support.ts";
import { tokenCacheContract, type CacheUnderTest } from "./token-cache.contract.ts";

let offsetMs = 0;
const nowMs = () => Date.now() + offsetMs;
const moved = (cache: CacheUnderTest["cache"]): CacheUnderTest => ({
  cache,
  nowMs,
  passMs: async (ms) => void (offsetMs += ms),
});
const waiting = (cache: CacheUnderTest["cache"]): CacheUnderTest => ({
  cache,
  nowMs: Date.now,
  passMs: async (ms) => sleep(ms),
});

let folder: string;
let server: RedisEngine;
let rest: Listening;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "token-cache-test-"));
  server = await spawnRedisServer();
  const tokens = { token: "writer", readOnlyToken: "reader" };
  rest = await listen(redisRestApp(memoryEngine(Date.now), tokens), 0);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rest.close();
  await server.close();
});

const viaClient = (): RedisPort =>
  redisClientPort({ sendCommand: async (words: string[]) => server.execute(words) });
const viaRest = (): RedisPort => upstashRedis({ url: rest.url, token: "writer" });

// No test here is about a store that is new: redis-store-watch.test.ts.
const SETTLED = { settleMs: 0 };

describe("memory", () => {
  const cache = memoryTokenCache({ nowMs });
  tokenCacheContract(() => moved(cache));

  test("it is bounded: what was not used for longest goes first", async () => {
    const small = memoryTokenCache();
    let evicted = 0;
    small.limit?.(2, () => void evicted++);
    const [a, b, c] = [randomSlot(), randomSlot(), randomSlot()];
    const token = tokenOf("t", Date.now() / 1000);
    await small.set(a, token);
    await small.set(b, token);
    await small.get(a);
    await small.set(c, token);
    expect(await small.get(b)).toBeUndefined();
    expect(await small.get(a)).toBeDefined();
    expect(await small.get(c)).toBeDefined();
    expect(evicted).toBe(1);
  });
});

describe("file", () => {
  tokenCacheContract(() => moved(fileTokenCache({ folder: join(folder, "own"), nowMs })));

  test("the folder is 0700, the files 0600, and no passing file stays", async () => {
    const own = join(folder, "modes");
    const slot = randomSlot();
    await fileTokenCache({ folder: own }).set(slot, tokenOf("t", Date.now() / 1000));
    expect((await stat(own)).mode & 0o777).toBe(0o700);
    expect((await stat(join(own, `${slot.name}.jwe`))).mode & 0o777).toBe(0o600);
    expect(await readdir(own)).toEqual([`${slot.name}.jwe`]);
  });

  test("a folder that is a symbolic link is refused, to read and to write", async () => {
    const link = join(folder, "link");
    await symlink(join(folder, "own"), link);
    const cache = fileTokenCache({ folder: link });
    await expect(cache.set(randomSlot(), tokenOf("t", 0))).rejects.toThrow("no symbolic link");
    await expect(cache.get(randomSlot())).rejects.toThrow("no symbolic link");
    await expect(cache.tryLock(randomSlot(), 1_000)).rejects.toThrow("no symbolic link");
  });

  test("a folder or file that others may open is refused", async () => {
    const own = join(folder, "open");
    const [slot, cache] = [randomSlot(), fileTokenCache({ folder: own })];
    await cache.set(slot, tokenOf("t", Date.now() / 1000));
    await chmod(join(own, `${slot.name}.jwe`), 0o640);
    await expect(cache.get(slot)).rejects.toThrow("must not be open to others");
    await chmod(own, 0o750);
    await expect(cache.set(slot, tokenOf("t", 0))).rejects.toThrow("must not be open to others");
  });

  test("a file that is a symbolic link is refused", async () => {
    const own = join(folder, "planted");
    const [slot, cache] = [randomSlot(), fileTokenCache({ folder: own })];
    await cache.set(randomSlot(), tokenOf("t", Date.now() / 1000));
    const target = join(folder, "target");
    await writeFile(target, await sealToken(slot, tokenOf("planted", Date.now() / 1000)), { mode: 0o600 });
    await symlink(target, join(own, `${slot.name}.jwe`));
    await expect(cache.get(slot)).rejects.toThrow("ELOOP");
  });

  test("what a program that crashed left behind neither opens nor blocks", async () => {
    const own = join(folder, "torn");
    const [slot, cache] = [randomSlot(), fileTokenCache({ folder: own })];
    await cache.set(slot, tokenOf("t", Date.now() / 1000));
    const file = join(own, `${slot.name}.jwe`);
    await writeFile(file, (await readFile(file, "utf8")).slice(0, 40));
    expect(await cache.get(slot)).toBeUndefined();
    await writeFile(join(own, `${slot.name}.lock`), "", { mode: 0o600 });
    expect(await cache.tryLock(slot, 5_000)).toBeUndefined();
    expect(await cache.tryLock(slot, 5_000)).toBeDefined();
  });

  test.each([
    ["a year ahead", () => String(Date.now() + 365 * 86_400_000)],
    ["no time at all", () => "garbage"],
    ["empty", () => ""],
    ["without an end", () => "Infinity"],
  ])("a lock whose time cannot be believed is broken, and not waited for: %s", async (_, content) => {
    const own = join(folder, "unbelievable");
    const [slot, cache] = [randomSlot(), fileTokenCache({ folder: own })];
    await cache.set(slot, tokenOf("t", Date.now() / 1000));
    await writeFile(join(own, `${slot.name}.lock`), content(), { mode: 0o600 });
    expect(await cache.tryLock(slot, 5_000)).toBeUndefined();
    expect(await cache.tryLock(slot, 5_000)).toBeDefined();
  });

  test("a lock of a process with longer leases, or with a clock a minute ahead, is believed", async () => {
    const own = join(folder, "longer");
    const [slot, cache] = [randomSlot(), fileTokenCache({ folder: own })];
    const ahead = fileTokenCache({ folder: own, nowMs: () => Date.now() + 60_000 });
    expect(await ahead.tryLock(slot, 10_000)).toBeDefined();
    for (let attempt = 0; attempt < 2; attempt++) expect(await cache.tryLock(slot, 5_000)).toBeUndefined();
  });

  test.each([
    [{ XDG_CACHE_HOME: "/caches", HOME: "/home/ada" }, "/caches/auth0-api-keys"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/home/ada" }, "/home/ada/.cache/auth0-api-keys"],
    [{ HOME: "/home/ada" }, "/home/ada/.cache/auth0-api-keys"],
  ])("where it is: %j", (env, expected) => {
    expect(defaultCacheFolder(env)).toBe(expected);
  });
});

describe("Redis through a client of redis-server", () => {
  tokenCacheContract(() => waiting(redisTokenCache(viaClient(), SETTLED)));

  test("Redis itself forgets a token at its end", async () => {
    const slot = randomSlot();
    await redisTokenCache(viaClient()).set(slot, tokenOf("t", Math.floor(Date.now() / 1000), 100));
    const ttlMs = Number(await server.execute(["PTTL", `apikey-token:${slot.name}`]));
    expect(ttlMs).toBeGreaterThan(98_000);
    expect(ttlMs).toBeLessThanOrEqual(100_000);
  });

  test("a client that waits for a lost server does not make callers wait", async () => {
    const never = { sendCommand: async () => new Promise<never>(() => undefined) };
    await expect(redisTokenCache(redisClientPort(never, 20)).get(randomSlot())).rejects.toThrow("in time");
  });

  test.each([
    ["without an end", []],
    ["that ends in a year", ["PX", String(365 * 86_400_000)]],
  ])("a lock %s is broken, and not waited for", async (_, options) => {
    const [slot, cache] = [randomSlot(), redisTokenCache(viaClient(), SETTLED)];
    await server.execute(["SET", `apikey-token:lock:${slot.name}`, "nobody", ...options]);
    expect(await cache.tryLock(slot, 10_000)).toBeUndefined();
    expect(await cache.tryLock(slot, 10_000)).toBeDefined();
  });

  test("a store that is said to be settling for ever is not waited for", async () => {
    const prefix = `${randomSlot().name}:`;
    const cache = redisTokenCache(viaClient(), { keyPrefix: prefix });
    await server.execute(["SET", `${prefix}store`, "marker"]);
    await server.execute(["SET", `${prefix}settling`, "1"]);
    expect(await cache.tryLock(randomSlot(), 10_000)).toBeDefined();
  });

  test("a note lies sealed beside the token, for its time, and opens for no other slot", async () => {
    const cache = new GuardedCache(redisTokenCache(viaClient(), SETTLED), (error) => {
      throw error;
    });
    const slot = randomSlot();
    expect(await cache.getNote(slot)).toBeUndefined();
    await cache.setNote(slot, { code: "invalid_request" }, 5_000);
    expect(await cache.getNote(slot)).toEqual({ code: "invalid_request" });
    const key = `apikey-token:note:${slot.name}`;
    const sealed = String(await server.execute(["GET", key]));
    expect(sealed).not.toContain("invalid_request");
    expect(Number(await server.execute(["PTTL", key]))).toBeLessThanOrEqual(5_000);
    // Not as a token of the same key either.
    await server.execute(["SET", `apikey-token:${slot.name}`, sealed]);
    expect(await cache.get(slot)).toBeUndefined();
  });

  test("after its lease a holder no longer releases what another may hold", async () => {
    let monotonicMs = 0;
    const cache = redisTokenCache(viaClient(), { ...SETTLED, monotonicMs: () => monotonicMs });
    const slot = randomSlot();
    const late = await cache.tryLock(slot, 50);
    monotonicMs = 50;
    await sleep(60);
    expect(await cache.tryLock(slot, 10_000)).toBeDefined();
    await late?.();
    expect(await cache.tryLock(slot, 10_000)).toBeUndefined();
  });
});

test.each([["QUEUED"], ["OK "], [1], ["ok"], [[]]])(
  "where Redis answers %j to what it is to keep, nothing is locked or kept",
  async (reply) => {
    const port: RedisPort = {
      command: async (command, key = "") =>
        command === "SET" && /^apikey-token:(lock:|[\w-]{43}$)/.test(key)
          ? reply
          : command === "PTTL"
            ? -2
            : "there",
    };
    const [cache, slot] = [redisTokenCache(port, SETTLED), randomSlot()];
    await expect(cache.tryLock(slot, 1_000)).rejects.toThrow("neither OK nor nothing");
    await expect(cache.set(slot, tokenOf("t", Date.now() / 1000))).rejects.toThrow("did not keep");
  },
);

describe("Redis over Upstash's REST", () => {
  tokenCacheContract(() => waiting(redisTokenCache(viaRest(), SETTLED)));

  test("a refused command rejects, and its error quotes nothing", async () => {
    const cache = redisTokenCache(upstashRedis({ url: rest.url, token: "reader" }));
    await expect(cache.delete(randomSlot())).rejects.toThrow(/^Redis refused a command\.$/);
  });
});

describe("memory before files", () => {
  const near = memoryTokenCache({ nowMs });
  tokenCacheContract(() =>
    moved(layeredTokenCache(near, fileTokenCache({ folder: join(folder, "far"), nowMs }))),
  );

  test("a token that another process put into the far cache is found, and then near", async () => {
    const [near, far] = [memoryTokenCache(), memoryTokenCache()];
    const [slot, theirs] = [randomSlot(), tokenOf("theirs", Date.now() / 1000)];
    await far.set(slot, theirs);
    expect(await layeredTokenCache(near, far).get(slot)).toEqual(theirs);
    expect(await near.get(slot)).toEqual(theirs);
  });

  test("a hit near by lets the far cache find out whether it was lost", async () => {
    let touched = 0;
    const far = { ...memoryTokenCache(), touch: () => void touched++ };
    const [cache, slot] = [layeredTokenCache(memoryTokenCache(), far), randomSlot()];
    await cache.get(slot);
    expect(touched).toBe(0);
    await cache.set(slot, tokenOf("own", Date.now() / 1000));
    await cache.get(slot);
    expect(touched).toBe(1);
  });
});

describe("what lies in a cache", () => {
  const parameters = { audience: "https://api", scope: "read:things" };

  test("the slot's name is derived from the key and the request, and the same in every process", async () => {
    const text = slotText(ENDPOINT, parameters);
    const [one, again, other] = await Promise.all([
      deriveSlot(KEY, text),
      deriveSlot(KEY, text),
      deriveSlot(OTHER_KEY, text),
    ]);
    expect(one).toEqual(again);
    expect(one.name).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(one.name).not.toBe(other.name);
    expect(one.encryptionKey).not.toEqual(other.encryptionKey);
    expect(one.name).not.toBe((await deriveSlot(KEY, slotText(ENDPOINT, { audience: "https://b" }))).name);
  });

  test("a wrong key decrypts nothing, even at the right place; nor does the right one at a wrong place", async () => {
    const text = slotText(ENDPOINT, parameters);
    const [slot, other] = await Promise.all([deriveSlot(KEY, text), deriveSlot(OTHER_KEY, text)]);
    const cache = redisTokenCache(viaClient());
    await cache.set(slot, tokenOf("kept", Date.now() / 1000));
    expect(await cache.get({ name: slot.name, encryptionKey: other.encryptionKey })).toBeUndefined();
    const sealed = String(await server.execute(["GET", `apikey-token:${slot.name}`]));
    await server.execute(["SET", `apikey-token:${other.name}`, sealed]);
    expect(await cache.get({ name: other.name, encryptionKey: slot.encryptionKey })).toBeUndefined();
  });

  test("a sealed token is a JWE, dir with A256GCM, that shows neither token nor key", async () => {
    const sealed = await sealToken(randomSlot(), tokenOf("eyJ-a-token", 0));
    const [header, encryptedKey] = sealed.split(".");
    expect(JSON.parse(Buffer.from(header ?? "", "base64url").toString())).toEqual({
      alg: "dir",
      enc: "A256GCM",
    });
    expect(encryptedKey).toBe("");
    expect(Buffer.from(sealed.split(".")[3] ?? "", "base64url").toString()).not.toContain("eyJ-a-token");
  });
});
