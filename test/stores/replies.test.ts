import { randomBytes } from "node:crypto";

import { afterAll, afterEach, beforeAll, expect, it, test } from "vitest";

import { createRedis } from "../../src/stores/key-record-reader.ts";
import { redisRequests, type RedisRequests } from "../../src/stores/redis-requests.ts";
import { textCipher } from "../../src/stores/text-cipher.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";

const original = globalThis.fetch;
let s: Stage;
let requests: RedisRequests;
beforeAll(async () => {
  s = await stage();
  const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
  requests = redisRequests(redis, textCipher("secret", "test", randomBytes));
});
afterEach(() => {
  globalThis.fetch = original;
});
afterAll(async () => s.stop());

/** Lets a proxy before Redis make up the answer to a command. */
function answer(command: string, result: unknown): void {
  globalThis.fetch = async (input, init) => {
    const [name] = JSON.parse(init?.body as string) as (string | [string])[];
    if (Array.isArray(name)) return Response.json([{ result }, { result: 1 }]);
    return name === command ? Response.json({ result }) : original(input, init);
  };
}

const ID = "4fJ2kQ9xZb1T";
const NO_TEXTS = [[], "", "QUEUED", null, "OK", [null, null], [1], [["x"]], {}];
const NO_TEXT = [[], 1, {}, [null]];
const NO_PAGE = [[], "", "QUEUED", null, ["0"], ["0", null], ["0", [1]], ["x", []]];
const ids = async () => {
  for await (const page of s.keys.records.ids()) return page;
  return [];
};

it.each<[string, string, readonly unknown[], () => Promise<unknown>]>([
  ["the records of keys", "mget", NO_TEXTS, async () => s.keys.records.readMany([ID])],
  ["the peppers of records", "mget", NO_TEXTS, async () => s.keys.records.sealVersions([ID])],
  ["a record", "get", NO_TEXT, async () => s.keys.records.read(ID)],
  ["the marker", "get", NO_TEXT, async () => s.keys.records.readMarker()],
  ["the trace of a drop", "get", NO_TEXT, async () => s.keys.records.unmarkTrace()],
  ["the ids of all records", "scan", NO_PAGE, ids],
  ["whether there are records", "scan", NO_PAGE, async () => s.keys.records.hasRecords()],
  ["a note of keys that were given", "set", [null, "QUEUED", 1], async () => s.keys.records.noteGiven(GIVEN)],
  ["the end of a marker", "del", [null, "QUEUED", "1", []], async () => s.keys.records.unmark("1.trace")],
  ["a count of requests", "", [null, "QUEUED", "1", 1.5, -1], async () => requests.count("x", 60)],
])("what is made up in place of %s is unavailable, and nothing else", async (_, command, results, work) => {
  for (const result of results) {
    answer(command, result);
    await expect(work(), JSON.stringify(result)).rejects.toMatchObject({ code: "store_unavailable" });
  }
});
const GIVEN = { sub: ADA, ids: [ID], at: 1 };

test("a marker whose trace could not be left stays", async () => {
  answer("set", "QUEUED");
  await expect(s.keys.records.unmark("1.trace")).rejects.toMatchObject({ code: "store_unavailable" });
  globalThis.fetch = original;
  expect(await s.keys.records.readMarker()).toBe("ours");
});

test("a marker that was taken away while another sealed it anew stays away", async () => {
  globalThis.fetch = async (input, init) => {
    const [name] = JSON.parse(init?.body as string) as string[];
    if (name === "eval") {
      globalThis.fetch = original;
      await s.keys.records.unmark("1.trace");
    }
    return original(input, init);
  };
  expect(await s.keys.records.remark()).toBe(false);
  expect([await s.keys.records.readMarker(), await s.keys.records.remark()]).toEqual(["missing", false]);
});
