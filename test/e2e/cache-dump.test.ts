import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { ApiKeyTokenSource, redisTokenCache, type TokenCache } from "../../src/client/index.ts";
import { fileTokenCache } from "../../src/client/file-token-cache.ts";
import { ADA, AUDIENCE, CLIENT_ID, GRACE, stage, SUBJECT_TOKEN_TYPE, type Stage } from "../support/stage.ts";

const KEYS = 16;

/** What must not be found: each key, its secret and its id; each token, its parts, and what they say. */
async function fill(s: Stage, cache: TokenCache): Promise<readonly string[]> {
  const { token_endpoint } = s.local.description;
  const source = new ApiKeyTokenSource({
    token_endpoint,
    client_id: CLIENT_ID,
    subject_token_type: SUBJECT_TOKEN_TYPE,
    cache,
  });
  const secrets: string[] = [];
  for (let at = 0; at < KEYS; at++) {
    const { key } = await s.create(at % 2 ? GRACE : ADA, { scope: "read:things" });
    const { access_token } = await source.getToken({ apiKey: key, audience: AUDIENCE });
    const [header = "", payload = "", signature = ""] = access_token.split(".");
    const said = Buffer.from(payload, "base64url").toString();
    secrets.push(key, key.slice(22), key.slice(10, 22), access_token, payload, signature, said);
    // The header alone is the same for all tokens, and no secret; but no token begins without it.
    secrets.push(`${header}.`);
  }
  return secrets;
}

/** The dump as it is, and with every base64url and base64 run in it decoded. */
function forms(dump: string): string {
  const runs = dump.match(/[A-Za-z0-9+/_-]{16,}/g) ?? [];
  return [dump, ...runs.map((run) => Buffer.from(run, "base64url").toString("latin1"))].join("\n");
}

test("the cache's files hold no key and no token, of all that are in use", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cache-dump-"));
  const s = await stage({ config: { policy: { maxKeysPerUser: 50 } } });
  const secrets = await fill(s, fileTokenCache({ folder: join(folder, "own") }));
  const names = await readdir(join(folder, "own"));
  const contents = await Promise.all(names.map(async (name) => readFile(join(folder, "own", name), "utf8")));
  await s.stop();
  await rm(folder, { recursive: true });
  expect(names.filter((name) => name.endsWith(".jwe"))).toHaveLength(KEYS);
  const dump = forms([...names, ...contents].join("\n"));
  expect(secrets.filter((secret) => dump.includes(secret))).toEqual([]);
});

test("nor does the cache in Redis", async () => {
  const s = await stage({ config: { policy: { maxKeysPerUser: 50 } } });
  const command = async (...words: readonly string[]) => s.local.redis.execute(words);
  const secrets = await fill(s, redisTokenCache({ command }));
  const [, all] = (await command("SCAN", "0", "COUNT", "10000")) as readonly [string, readonly string[]];
  const names = all.filter((name) => name.startsWith("apikey-token:"));
  const contents = (await command("MGET", ...names)) as readonly (string | null)[];
  await s.stop();
  expect(names.length).toBeGreaterThanOrEqual(KEYS);
  const dump = forms([...names, ...contents].join("\n"));
  expect(secrets.filter((secret) => dump.includes(secret))).toEqual([]);
});
