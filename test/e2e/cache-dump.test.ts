import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { fileTokenCache } from "../../src/client/file-token-cache.ts";
import { upstashRedis } from "../../src/client/redis-port.ts";
import { redisTokenCache } from "../../src/client/redis-token-cache.ts";
import type { TokenCache } from "../../src/client/token-cache.ts";
import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { searchDump, tokensIn } from "../support/search-dump.ts";
import { ADA, AUDIENCE, GRACE, stage, type Stage } from "../support/stage.ts";

const SCOPE = "read:things";

let s: Stage;
let folder: string;
const keys: string[] = [];
let revoked: string;
beforeAll(async () => {
  s = await stage({ config: { policy: { allowNoExpiry: true, maxKeysPerUser: 50 } } });
  folder = await mkdtemp(join(tmpdir(), "cache-dump-test-"));
  const ended = await s.create(ADA, { scope: SCOPE });
  revoked = ended.key;
  await revokeKey(s.keys, ADA, ended.id, "leaked");
  for (let at = 0; at < 30; at++) keys.push((await s.create(at % 2 ? ADA : GRACE, { scope: SCOPE })).key);
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
});

/** Has a token for every key through a cache, twice. Gives the tokens, as the token endpoint answered them. */
async function use(cache: TokenCache): Promise<readonly string[]> {
  const answers: string[] = [];
  const { token_endpoint, client_id, subject_token_type } = s.local.description;
  const source = new ApiKeyTokenSource({
    token_endpoint,
    client_id,
    subject_token_type,
    cache,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      answers.push(await response.clone().text());
      return response;
    },
  });
  for (let times = 0; times < 2; times++)
    await Promise.all(
      keys.map(async (apiKey) => source.getToken({ apiKey, audience: AUDIENCE, scope: SCOPE })),
    );
  // One that is refused leaves a note.
  const refused = source.getToken({ apiKey: revoked, audience: AUDIENCE, scope: SCOPE });
  await expect(refused).rejects.toMatchObject({ code: "invalid_request" });
  const tokens = tokensIn(answers);
  expect(new Set(tokens).size).toBe(keys.length);
  return tokens;
}

/** Every file's name and bytes. */
async function dumpOfFiles(): Promise<Buffer> {
  const names = await readdir(folder, { recursive: true });
  const files = await Promise.all(names.map(async (name) => readFile(join(folder, name))));
  return Buffer.concat([Buffer.from(names.join("\n")), ...files]);
}

/** Every key of Redis and its value, with the records of the keys left out: those name key ids, as they must. */
async function dumpOfRedis(): Promise<Buffer> {
  const [, names] = (await s.local.redis.execute([
    "SCAN",
    "0",
    "MATCH",
    "apikey-token:*",
    "COUNT",
    "1000",
  ])) as [string, string[]];
  const values = await Promise.all(names.map(async (name) => s.local.redis.execute(["GET", name])));
  return Buffer.from([...names, ...values].join("\n"));
}

test("a dump of the cache folder, searched for every key and token in use, their parts and encodings: none", async () => {
  const tokens = await use(fileTokenCache({ folder }));
  expect(await readdir(folder)).toHaveLength(keys.length);
  expect(searchDump(await dumpOfFiles(), keys, tokens)).toEqual([]);
});

test("a dump of the Redis cache, searched for the same: none", async () => {
  const { redis_rest_url: url, redis_rest_token: token } = s.local.description;
  const tokens = await use(redisTokenCache(upstashRedis({ url, token }), { settleMs: 0 }));
  const dump = await dumpOfRedis();
  expect(dump.toString().match(/^apikey-token:[A-Za-z0-9_-]{43}$/gm)).toHaveLength(keys.length);
  expect(dump.toString().match(/^apikey-token:note:[A-Za-z0-9_-]{43}$/gm)).toHaveLength(1);
  expect(searchDump(dump, [...keys, revoked], tokens)).toEqual([]);
});

test.each<[string, (key: string, token: string) => string]>([
  ["a token", (_, token) => `x${token}x`],
  ["a token", (_, token) => Buffer.from(`12${token}`).toString("base64")],
  [
    "part 1 of a token, decoded",
    (_, token) => Buffer.from(token.split(".")[1] ?? "", "base64url").toString(),
  ],
  ["part 2 of a token", (_, token) => token.split(".")[2] ?? ""],
  [
    "part 2 of a token, decoded",
    (_, token) => Buffer.from(token.split(".")[2] ?? "", "base64url").toString("hex"),
  ],
  ["a key", (key) => `"${key}"`],
  ["a secret", (key) => Buffer.from(`1${key.slice(-38, -6)}`).toString("base64url")],
  ["half a secret", (key) => key.slice(-38, -20)],
])("the search itself finds %s", async (found, plant) => {
  const [key = ""] = keys;
  const token = String((await s.exchange(key)).body["access_token"]);
  const search = (text: string) =>
    searchDump(Buffer.from(`${"#".repeat(99)}${text}${"#".repeat(99)}`), [key], [token]);
  expect(search(plant(key, token)).map((name) => name.split(":")[0])).toContain(found);
  expect(search("")).toEqual([]);
});
