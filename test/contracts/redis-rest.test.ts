import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import { CHANGE_SCRIPT, KEY_LOCKING_HEADER, RELEASE_SCRIPT } from "../../src/core/redis-scripts.ts";
import { listen, type Listening } from "../../src/local/listen.ts";
import type { RedisEngine } from "../../src/local/redis-rest/engine.ts";
import { memoryEngine } from "../../src/local/redis-rest/memory-engine.ts";
import { redisRestApp } from "../../src/local/redis-rest/redis-rest-app.ts";
import { connectRedis, spawnRedisServer } from "../../src/local/redis-rest/redis-server-engine.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";

const tokens = { token: "standard-token", readOnlyToken: "read-only-token" };
const hasRedisServer = spawnSync("redis-server", ["--version"]).status === 0;
const engines: readonly [string, () => Promise<RedisEngine>][] = [
  ["in memory", async () => memoryEngine(Date.now)],
  ...(hasRedisServer ? realEngines() : []),
];

function realEngines(): readonly [string, () => Promise<RedisEngine>][] {
  return [
    ["redis-server", spawnRedisServer],
    ["redis://", connectToOne],
  ];
}

/** A Redis server that runs already, reached by its address. */
async function connectToOne(): Promise<RedisEngine> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  const server = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], {
    stdio: "ignore",
  });
  const engine = await connectRedis(`redis://127.0.0.1:${port}`);
  return {
    ...engine,
    async close() {
      await engine.close();
      server.kill();
      await once(server, "exit");
    },
  };
}

test("the real engine is part of this run wherever redis-server is installed", () => {
  expect(engines.map(([name]) => name)).toEqual(
    hasRedisServer ? ["in memory", "redis-server", "redis://"] : ["in memory"],
  );
});

describe.each(engines)("the Upstash REST endpoint over an engine: %s", (_, start) => {
  let engine: RedisEngine;
  let server: Listening;
  let redis: Redis;
  beforeAll(async () => {
    engine = await start();
    server = await listen(redisRestApp(engine, tokens), 0);
    redis = createRedis({ url: server.url, token: tokens.token, timeoutMs: 2_000 });
  });
  afterAll(async () => {
    await server.close();
    await engine.close();
  });

  const send = async (
    body: unknown,
    init: { path?: string; token?: string; headers?: Record<string, string>; method?: string } = {},
  ) => {
    const response = await fetch(server.url + (init.path ?? "/"), {
      method: init.method ?? "POST",
      headers: { authorization: `Bearer ${init.token ?? tokens.token}`, ...init.headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };

  it.each<[string, readonly unknown[], unknown]>([
    ["SET", ["SET", "a", "1"], "OK"],
    ["GET", ["GET", "a"], "1"],
    ["GET of nothing", ["GET", "nothing"], null],
    ["a number as argument", ["SET", "n", 12], "OK"],
    ["SET NX of what exists", ["SET", "a", "2", "NX"], null],
    ["SET NX PX", ["SET", "lock", "t", "NX", "PX", "60000"], "OK"],
    ["SET XX of nothing", ["SET", "none", "2", "XX"], null],
    ["SET with the empty string", ["SET", "empty", ""], "OK"],
    ["GET of the empty string", ["GET", "empty"], ""],
    ["MGET", ["MGET", "a", "nothing", "empty"], ["1", null, ""]],
    ["EXISTS", ["EXISTS", "a", "a", "nothing"], 2],
    ["TTL without one", ["TTL", "a"], -1],
    ["TTL of nothing", ["TTL", "nothing"], -2],
    ["TTL", ["TTL", "lock"], 60],
    ["a value that has ended", ["SET", "gone", "x", "PXAT", "1000"], "OK"],
    ["GET of what has ended", ["GET", "gone"], null],
    ["DEL", ["DEL", "lock", "nothing"], 1],
    ["ECHO of any text", ["ECHO", 'ünïcode \u0000 "quoted" \n'], 'ünïcode \u0000 "quoted" \n'],
    ["PING", ["PING"], "PONG"],
    ["lower case", ["get", "a"], "1"],
    ["HGETALL of nothing", ["HGETALL", "hash"], []],
    ["HSET", ["HSET", "hash", "at", 12, "ip", ""], 2],
    ["HSET of one old and one new field", ["HSET", "hash", "at", "13", "more", "x"], 1],
    ["HINCRBY of a new field", ["HINCRBY", "hash", "count", "1"], 1],
    ["HINCRBY", ["HINCRBY", "hash", "count", "41"], 42],
    ["HGETALL", ["HGETALL", "hash"], ["at", "13", "ip", "", "more", "x", "count", "42"]],
    ["EXPIRE", ["EXPIRE", "hash", "60"], 1],
    ["HSET keeps what is left of the time", ["HSET", "hash", "at", "14"], 0],
    ["TTL of a hash", ["TTL", "hash"], 60],
    ["EXPIRE of nothing", ["EXPIRE", "nothing", "60"], 0],
    ["MGET of a hash", ["MGET", "hash", "a"], [null, "1"]],
    ["DEL of a hash", ["DEL", "hash"], 1],
    ["HSET that is to end at once", ["HSET", "ended", "a", "1"], 1],
    ["EXPIRE at once", ["EXPIRE", "ended", "0"], 1],
    ["HGETALL of what has ended", ["HGETALL", "ended"], []],
  ])("%s", async (_name, command, result) => {
    expect(await send(command)).toEqual({ status: 200, body: { result } });
  });

  it.each<[string, unknown]>([
    ["an unknown command", ["FLY", "away"]],
    ["too few arguments", ["GET"]],
    ["a syntax error", ["SET", "a", "1", "SOMETIMES"]],
    ["an expiry that is none", ["SET", "a", "1", "EX", "soon"]],
    ["an expiry of nothing", ["SET", "a", "1", "EX", "0"]],
    ["a field without a value", ["HSET", "h", "at"]],
    ["fields without a value", ["HSET", "h", "at", "1", "ip"]],
    ["a hash's command for a string", ["HSET", "a", "at", "1"]],
    ["HGETALL of a string", ["HGETALL", "a"]],
    ["an increment that is no number", ["HINCRBY", "h", "count", "much"]],
    ["an empty command", []],
    ["no command", { get: "a" }],
    ["no JSON", "{"],
    ["a blocking command", ["BLPOP", "a", "0"]],
  ])("answers 400 to %s", async (_name, body) => {
    const answer = await send(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: expect.stringMatching(/^[A-Z]+ /) });
  });

  it("scans the keys that match", async () => {
    for (const key of ["scan:1", "scan:2", "scam"]) await redis.set(key, "x");
    const found: string[] = [];
    let cursor = "0";
    do {
      const [next, keys] = await redis.scan(cursor, { match: "scan:*", count: 100 });
      found.push(...keys);
      cursor = next;
    } while (cursor !== "0");
    expect(found.toSorted()).toEqual(["scan:1", "scan:2"]);
  });

  it("runs a pipeline to its end although an item fails", async () => {
    const answer = await send([["SET", "p", "1"], ["FLY"], ["GET", "p"]], { path: "/pipeline" });
    expect(answer).toEqual({
      status: 200,
      body: [{ result: "OK" }, { error: expect.any(String) }, { result: "1" }],
    });
  });

  it("runs a transaction whole, or not at all", async () => {
    await send(["SET", "t", "0"]);
    expect(
      await send(
        [
          ["SET", "t", "1"],
          ["GET", "t"],
        ],
        { path: "/multi-exec" },
      ),
    ).toEqual({
      status: 200,
      body: [{ result: "OK" }, { result: "1" }],
    });
    expect((await send([["SET", "t", "2"], ["FLY"]], { path: "/multi-exec" })).status).toBe(400);
    expect(await send(["GET", "t"])).toEqual({ status: 200, body: { result: "1" } });
  });

  it("takes a command in the path", async () => {
    expect(await send(undefined, { path: "/set/with%20space/1" })).toEqual({
      status: 200,
      body: { result: "OK" },
    });
    expect(await send(undefined, { path: "/get/with%20space", method: "GET" })).toEqual({
      status: 200,
      body: { result: "1" },
    });
  });

  it("encodes every string but a top-level OK as base64 if asked to", async () => {
    await send(["SET", "ok", "OK"]);
    const headers = { "upstash-encoding": "base64" };
    expect((await send(["SET", "b", "text"], { headers })).body).toEqual({ result: "OK" });
    expect((await send(["MGET", "b", "ok", "nothing"], { headers })).body).toEqual({
      result: [btoa("text"), btoa("OK"), null],
    });
  });

  it.each([
    ["no token", ""],
    ["a wrong one", "wrong"],
    ["a part of one", tokens.token.slice(0, -1)],
  ])("answers 401 to %s", async (_name, token) => {
    expect((await send(["GET", "a"], { token })).status).toBe(401);
  });

  it("answers 405 to another method", async () => {
    expect((await send(undefined, { method: "DELETE" })).status).toBe(405);
  });

  it("lets the read-only token read, and nothing more", async () => {
    const { readOnlyToken: token } = tokens;
    expect((await send(["MGET", "a"], { token })).status).toBe(200);
    for (const command of [
      ["SET", "a", "9"],
      ["DEL", "a"],
      ["SCAN", "0"],
      ["HSET", "h", "a", "1"],
      ["FLUSHALL"],
      ["CONFIG", "GET", "maxmemory-policy"],
      ["FLY"],
    ]) {
      expect((await send(command, { token })).status).toBe(400);
      const [item] = (await send([command], { token, path: "/pipeline" })).body as [object];
      expect(item).toHaveProperty("error");
    }
    expect((await send(["GET", "a"])).body).toEqual({ result: "1" });
  });

  describe("scripts", () => {
    const change = async (
      fence: string,
      ...texts: readonly (readonly [string, string, string, string?, string?])[]
    ) =>
      send([
        "EVAL",
        CHANGE_SCRIPT,
        texts.length + 1,
        "script-lock",
        ...texts.map(([key]) => key),
        fence,
        ...texts.flatMap(([, expected, text, expiry = "none", second = ""]) => [
          expected,
          text,
          expiry,
          second,
        ]),
      ]);
    const get = async (key: string) => (await send(["GET", key])).body;

    it("write what still is what was read, all at one moment, and nothing else", async () => {
      await send(["SET", "one", "1"]);
      expect((await change("any", ["one", "1", "2"], ["two", "", "x"], ["one-more", "0", "1"])).body).toEqual(
        {
          result: [1, 1, 0],
        },
      );
      expect([await get("one"), await get("two"), await get("one-more")]).toEqual([
        { result: "2" },
        { result: "x" },
        { result: null },
      ]);
      // What is there already was written by us, and its answer was lost.
      expect((await change("any", ["one", "1", "2"], ["two", "x", ""])).body).toEqual({ result: [1, 1] });
      expect(await get("two")).toEqual({ result: null });
      expect((await change("any", ["two", "x", ""])).body).toEqual({ result: [1] });
    });

    it("write nothing once the fence is gone", async () => {
      await send(["SET", "script-lock", "token"]);
      await send(["SET", "fenced", "1"]);
      expect((await change("is:token", ["fenced", "1", "2"])).body).toEqual({ result: [1] });
      expect((await change("is:another", ["fenced", "2", "3"])).body).toEqual({ result: -1 });
      expect((await change("is:", ["fenced", "2", "3"])).body).toEqual({ result: -1 });
      await send(["DEL", "script-lock"]);
      expect((await change("is:", ["fenced", "2", "3"])).body).toEqual({ result: [1] });
    });

    it("set, keep and cap the time that a text has", async () => {
      const inAnHour = String(Math.floor(Date.now() / 1_000) + 3_600);
      const ttl = async () => (await send(["TTL", "timed"])).body as { readonly result: number };
      await change("any", ["timed", "", "1", "at", inAnHour]);
      expect((await ttl()).result).toBeGreaterThan(3_500);
      await change("any", ["timed", "1", "2", "keep"]);
      await change("any", ["timed", "2", "3", "cap", "60"]);
      expect((await ttl()).result).toBeGreaterThan(3_500);
      await change("any", ["timed", "3", "4"]);
      expect(await ttl()).toEqual({ result: -1 });
      await change("any", ["timed", "4", "4", "cap", "60"]);
      expect(await ttl()).toEqual({ result: 60 });
    });

    it("take what is no text for nothing", async () => {
      await send(["HSET", "hash-text", "a", "1"]);
      expect((await change("any", ["hash-text", "", "1"])).body).toEqual({ result: [1] });
      expect(await get("hash-text")).toEqual({ result: "1" });
    });

    it("release a lock that is ours, and no other", async () => {
      await send(["SET", "held", "mine"]);
      const release = async (token: string) => (await send(["EVAL", RELEASE_SCRIPT, 1, "held", token])).body;
      expect([await release("another's"), await release("mine"), await release("mine")]).toEqual([
        { result: 0 },
        { result: 1 },
        { result: 0 },
      ]);
    });

    it.each<[string, readonly unknown[], string]>([
      [
        "Upstash's flag",
        [KEY_LOCKING_HEADER + RELEASE_SCRIPT, 1, "a", "b"],
        "Unexpected flag in script shebang",
      ],
      [
        "more keys than there are",
        [RELEASE_SCRIPT, 3, "a"],
        "Number of keys can't be greater than number of args",
      ],
      ["fewer than none", [RELEASE_SCRIPT, -1], "Number of keys can't be negative"],
      ["a number that is none", [RELEASE_SCRIPT, "x"], "value is not an integer or out of range"],
      ["what is no script", ["retur 1", 0], "Error compiling script"],
    ])("refuses %s", async (_name, args, said) => {
      const answer = await send(["EVAL", ...args]);
      expect([answer.status, answer.body]).toEqual([400, { error: expect.stringContaining(said) }]);
    });

    it("are not for the read-only token", async () => {
      const { readOnlyToken: token } = tokens;
      expect((await send(["EVAL", RELEASE_SCRIPT, 1, "held", "x"], { token })).status).toBe(400);
    });
  });

  it("says which keys it evicts when memory is short", async () => {
    const policy = async () => (await send(["CONFIG", "GET", "maxmemory-policy"])).body;
    expect(await policy()).toEqual({ result: ["maxmemory-policy", "noeviction"] });
    await send(["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    expect(await policy()).toEqual({ result: ["maxmemory-policy", "allkeys-random"] });
    await send(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    expect((await send(["CONFIG", "GET", "no-such-setting"])).body).toEqual({ result: [] });
  });

  it("gives the SDK raw strings: no text is taken for a number or a boolean", async () => {
    for (const text of ["1e3", "true", "null", "12345678901234567890", '{"a":1}', "OK"]) {
      await redis.set("raw", text);
      expect(await redis.get("raw")).toBe(text);
    }
  });
});
