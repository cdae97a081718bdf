import { afterAll, beforeEach, beforeAll, expect, it } from "vitest";

import { runKeys } from "../../src/cli/keys/keys-program.ts";
import { dropRecord } from "../support/records.ts";
import { ADA, pepperOf, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
beforeEach(async () => {
  await s.local.redis.execute(["FLUSHALL"]);
  await s.keys.records.mark();
  await s.keys.users.write(ADA, []);
});
afterAll(async () => s.stop());

async function keys(argv: readonly string[], isTerminal = false) {
  let [out, err] = ["", ""];
  const code = await runKeys(argv, {
    env: {
      AUTH0_DOMAIN: new URL(s.settings.origin).host,
      AUTH0_CLIENT_ID: s.settings.clientId,
      AUTH0_CLIENT_SECRET: s.settings.clientSecret,
      UPSTASH_REDIS_REST_URL: s.settings.redisUrl,
      UPSTASH_REDIS_REST_TOKEN: s.settings.redisToken,
      API_KEY_PEPPER: pepperOf("one"),
    },
    isTerminal,
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    readStdin: async () => "",
  });
  return { code, out, err };
}

it("prints each difference by kind, exits 1 while one is left, and 0 once it is mended", async () => {
  const { id } = await s.create(ADA);
  await dropRecord(s.keys, id);
  const found = await keys(["reconcile"]);
  expect(found.out).toBe(
    `missing record     ${id}  ${ADA}\n2 users, 1 entries, 0 records. 0 differences mended, 1 left.\n`,
  );
  expect([found.code, found.err]).toEqual([1, expect.stringContaining("npm run keys -- reconcile --fix")]);
  const mended = await keys(["reconcile", "--fix"]);
  expect(mended).toEqual({
    code: 0,
    out: `missing record     ${id}  ${ADA}  mended\n2 users, 1 entries, 1 records. 1 differences mended, 0 left. The store is whole.\n`,
    err: expect.stringMatching(/^tenant localhost, deployment api-keys, store 127\.0\.0\.1:\d+\n$/) as string,
  });
});

it("--json prints one value with counts and differences, and no hash", async () => {
  const { id } = await s.create(ADA);
  await s.keys.users.write(ADA, []);
  const { code, out } = await keys(["reconcile", "--fix", "--json"]);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({
    users: 2,
    entries: 0,
    records: 1,
    marked: true,
    counts: { orphan_record: 1 },
    mended: 0,
    remaining: 1,
    differences: [{ kind: "orphan_record", user_id: ADA, key_id: id, mended: false }],
  });
});

it("a flushed store takes no new keys, says why, and is whole after reconcile --fix", async () => {
  await s.create(ADA);
  await s.local.redis.execute(["FLUSHALL"]);
  const refused = await keys(["create", "--user", ADA, "--name", "n"]);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("reconcile --fix")]);
  expect((await keys(["reconcile", "--fix"])).code).toBe(0);
  expect((await keys(["create", "--user", ADA, "--name", "n"])).code).toBe(0);
});

it("lost entries come back with --restore-entries, disabled, many of them only with --yes", async () => {
  const { key, id } = await s.create(ADA);
  await s.keys.users.write(ADA, []);
  const unconfirmed = await keys(["reconcile", "--fix", "--restore-entries"]);
  expect([unconfirmed.code, unconfirmed.err]).toEqual([1, expect.stringContaining("add --yes")]);
  expect((await keys(["reconcile", "--fix", "--restore-entries", "--user", ADA])).code).toBe(0);
  // Who can write to Redis can put back the record of a key that was dropped: it is for people to switch it on.
  expect((await s.exchange(key)).text).toContain("disabled");
  expect((await keys(["enable", id, "--user", ADA])).code).toBe(0);
  expect((await s.exchange(key)).status).toBe(200);
  await s.keys.users.write(ADA, []);
  expect((await keys(["reconcile", "--fix", "--restore-entries", "--yes"])).code).toBe(0);
});

it("--restore-entries without --fix is wrong usage", async () => {
  expect((await keys(["reconcile", "--restore-entries"])).code).toBe(2);
});

it("shows progress on a terminal alone", async () => {
  await s.create(ADA);
  expect((await keys(["reconcile"], true)).err).toContain("2 users, 1 entries, 0 records");
  expect((await keys(["reconcile"])).err).toBe("");
});
