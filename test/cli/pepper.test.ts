import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { writeLocalFile } from "../../src/cli/local-file.ts";
import { addPepper, dropPepper, parsePeppers } from "../../src/core/peppers.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import { newClock } from "../support/clock.ts";
import { deployInProcess } from "../support/deploy-in-process.ts";
import { snapshot } from "../support/deploying.ts";
import { ADA, environmentOf, GRACE, pepperOf, setMetadata, stage, type Stage } from "../support/stage.ts";

const clock = newClock();
let s: Stage;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pepper-"));
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  await writeLocalFile(
    { LOCAL_TENANT_DIR: folder },
    { ...s.local.description, api_key_pepper: pepperOf("one") },
  );
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
});

const keys = async (...argv: readonly string[]): Promise<Run> =>
  runKeysCli([...argv, "--local"], { LOCAL_TENANT_DIR: folder });
const apply = async () => {
  const argv = ["apply", "--yes", "--journal", join(folder, "journal.jsonl")];
  const { code, stderr } = await deployInProcess(argv, { LOCAL_TENANT_DIR: folder }, clock);
  if (code !== 0) throw new Error(stderr);
  return stderr;
};
const create = async (user: string) => keys("create", "--user", user, "--name", `n${Math.random()}`);
const heldPepper = async () =>
  (JSON.parse(await readFile(join(folder, "tenant.json"), "utf8")) as { readonly api_key_pepper: string })
    .api_key_pepper;
const answerTo = async (key: string) => {
  const { status, body } = await s.exchange(key);
  return status === 200 ? "granted" : `${status} ${String(body["error_description"])}`;
};
const status = async () => JSON.parse((await keys("pepper", "status", "--json")).out) as unknown;
const row = (
  version: number,
  role: string,
  living_keys: number,
  dead_keys: number,
  sealed_records: number,
) => ({
  version,
  role,
  living_keys,
  dead_keys,
  sealed_records,
});

test("a pepper is added, deployed, and the old one retired: no living key is ever refused", async () => {
  await apply();
  const [old, dead, paused] = [await create(ADA), await create(GRACE), await create(GRACE)].map(({ out }) =>
    out.trim(),
  ) as [string, string, string];
  await keys("revoke", dead.slice(10, 22), "--user", GRACE);

  const turning = (await create(GRACE)).out.trim();
  const turned = (await keys("rotate", turning.slice(10, 22), "--user", GRACE, "--overlap", "7d")).out.trim();

  const added = await keys("pepper", "add");
  expect([added.code, added.out]).toEqual([
    0,
    expect.stringContaining("Pepper 2 is the current one. Next: npm run deploy -- apply --local"),
  ]);
  const both = await heldPepper();
  expect(both).toBe(`${both.split(" ")[0]} 1:${pepperOf("one")}`);
  expect(await readFile(join(folder, "pepper"), "utf8")).toBe(`${both}\n`);
  // The Actions do not know it yet.
  const early = await create(ADA);
  expect([early.code, early.err]).toEqual([
    1,
    expect.stringContaining("The Actions do not know pepper 2 yet"),
  ]);
  expect((await keys("reconcile", "--fix")).err).toContain("npm run deploy -- apply");
  // It ends a secret, and seals the record of the other one.
  const ended = await keys("rotate", turning.slice(10, 22), "--user", GRACE, "--now");
  expect([ended.code, await answerTo(turning), await answerTo(turned)]).toEqual([1, "granted", "granted"]);
  await keys("revoke", turning.slice(10, 22), "--user", GRACE);
  expect((await keys("disable", paused.slice(10, 22), "--user", GRACE)).code).toBe(0);
  expect((await keys("enable", paused.slice(10, 22), "--user", GRACE)).code).toBe(1);
  expect([await answerTo(old), (await answerTo(paused)).slice(0, 3)]).toEqual(["granted", "500"]);

  expect(await apply()).toContain("Keys can be made with the new pepper.");
  const fresh = (await create(ADA)).out.trim();
  expect([await answerTo(old), await answerTo(fresh)]).toEqual(["granted", "granted"]);
  expect(await answerTo(paused)).toContain("disabled");
  expect((await keys("enable", paused.slice(10, 22), "--user", GRACE)).code).toBe(0);
  expect(await status()).toEqual({
    current_is_deployed: true,
    peppers: [row(2, "current", 1, 0, 3), row(1, "older", 2, 2, 2)],
  });

  const refused = await keys("pepper", "retire", "1");
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("2 living keys need it")]);
  const needing = (await keys("list", "--all-users", "--pepper", "1")).out.trim().split("\n");
  expect(needing.map((line) => (JSON.parse(line) as { readonly id: string }).id)).toEqual(
    [old, paused].map((key) => key.slice(10, 22)),
  );
  const rotated = (await keys("rotate", old.slice(10, 22), "--user", ADA, "--overlap", "7d")).out.trim();
  await keys("revoke", paused.slice(10, 22), "--user", GRACE);
  expect((await keys("pepper", "retire", "1")).err).toContain("1 living key needs it");
  await keys("rotate", old.slice(10, 22), "--user", ADA, "--now");

  const retired = await keys("pepper", "retire", "1");
  expect([retired.code, retired.out]).toEqual([
    0,
    expect.stringContaining("Nothing depends on pepper 1 any more; 1 records"),
  ]);
  expect(retired.err).toContain('"operation":"retire_pepper"');
  expect(await heldPepper()).toBe(both.split(" ")[0]);
  const living = async () => [await answerTo(rotated), await answerTo(fresh)];
  expect([await living(), await answerTo(dead)]).toEqual([
    ["granted", "granted"],
    expect.stringContaining("was revoked"),
  ]);
  await apply();
  expect(await living()).toEqual(["granted", "granted"]);
  // Its hash cannot be checked any more: nobody learns what it was, and nobody's address is throttled for it.
  expect(await answerTo(dead)).toBe("400 Invalid API key.");
  expect(await status()).toEqual({
    current_is_deployed: true,
    peppers: [row(2, "current", 2, 0, 5), row(1, "missing", 0, 3, 0)],
  });
  expect(await keys("reconcile")).toMatchObject({ code: 0 });
});

test("an Action is not deployed with a pepper that the store does not know", async () => {
  const held = await heldPepper();
  const before = snapshot(s.local.tenant);
  const description = { ...s.local.description };
  await writeLocalFile(
    { LOCAL_TENANT_DIR: folder },
    { ...description, api_key_pepper: `9:${pepperOf("wrong")}` },
  );
  await expect(apply()).rejects.toThrow("marked with a pepper that is not held here");
  await writeLocalFile({ LOCAL_TENANT_DIR: folder }, { ...description, api_key_pepper: held });
  expect(snapshot(s.local.tenant)).toBe(before);
});

test("a record that may be all that is left of a key keeps its pepper, unless it is left behind", async () => {
  const key = (await create(ADA)).out.trim();
  const id = key.slice(10, 22);
  const record = await s.local.redis.execute(["GET", `apikey:${id}`]);
  await keys("pepper", "add");
  await apply();
  setMetadata(s, ADA, undefined);
  const refused = await keys("pepper", "retire", "2");
  expect([refused.code, refused.err]).toEqual([
    1,
    expect.stringMatching(/living records? needs? it, which no entry confirms/),
  ]);
  expect(await s.local.redis.execute(["GET", `apikey:${id}`])).toBe(record);
  expect((await keys("pepper", "retire", "2", "--yes")).code).toBe(0);
});

test.each<[string, readonly string[], number, string]>([
  ["the current pepper", ["retire", "3"], 1, "it is the current one"],
  ["one that is not held", ["retire", "7"], 1, "There is no pepper 7"],
  ["no version", ["retire"], 2, "retire VERSION"],
  ["an unknown verb", ["rotate"], 2, "give add, status"],
])("%s is not retired", async (_, argv, code, message) => {
  const run = await keys("pepper", ...argv);
  expect([run.code, run.out, run.err]).toEqual([code, "", expect.stringContaining(message)]);
});

test("elsewhere the new value goes to standard output, once, and nowhere else", async () => {
  const env = { ...environmentOf(s), API_KEY_PEPPER: `3:${pepperOf("three")}` };
  const { code, out, err } = await runKeysCli(["pepper", "add"], env);
  const [added = "", kept] = out.trim().split(" ");
  expect([code, kept]).toEqual([0, `3:${pepperOf("three")}`]);
  expect(added).toMatch(/^4:[0-9A-Za-z_-]{43}$/);
  expect(err).not.toContain(added.slice(2));
  expect(err).not.toContain(pepperOf("three"));
});

test("peppers as text: a new one comes first, and any may go", () => {
  const random = (size: number) => new Uint8Array(size).fill(7);
  const once = addPepper(`${pepperOf("one")}\n`, random);
  const twice = addPepper(once, random);
  const { current, byVersion } = parsePeppers(twice);
  expect([current.version, [...byVersion.keys()]]).toEqual([3, [3, 2, 1]]);
  expect(twice.endsWith(` 1:${pepperOf("one")}`)).toBe(true);
  expect([...parsePeppers(dropPepper(twice, 2)).byVersion.keys()]).toEqual([3, 1]);
  expect([...parsePeppers(dropPepper(`12:${pepperOf("a")},1:${pepperOf("b")}`, 1)).byVersion.keys()]).toEqual(
    [12],
  );
});
