import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, test, vi } from "vitest";

import { keyEntriesOf } from "../support/entries.ts";
import { runKeys } from "../../src/cli/keys/keys-program.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import { mistype, otherSecret, unknownKey } from "../support/guesses.ts";
import { putRecord } from "../support/records.ts";
import { ADA, environmentOf, GRACE, stage, type Stage } from "../support/stage.ts";

const START = Date.UTC(2026, 10, 22, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let s: Stage;
let env: Record<string, string>;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  s = await stage();
  env = environmentOf(s);
});
afterAll(async () => {
  await s.stop();
  vi.useRealTimers();
});

const keys = async (argv: readonly string[], stdin?: string): Promise<Run> => runKeysCli(argv, env, stdin);
const json = (run: Run) => JSON.parse(run.out) as Record<string, unknown>;
const answerTo = async (key: string) => {
  const { status, body } = await s.exchange(key);
  return status === 200 ? "granted" : String(body["error_description"]);
};
const rotate = async (id: string, ...more: string[]) => keys(["rotate", id, "--user", ADA, ...more]);
const entryOf = async (id: string) =>
  keyEntriesOf((await s.keys.users.read(ADA)).appMetadata).find((one) => one.id === id);

describe("rotate", () => {
  it("gives a new secret with the same id, and lets the old one work until the overlap ends, to the second", async () => {
    const { key: old, id } = await s.create(ADA, { scope: "read:things", name: "rotated" });
    const run = await rotate(id, "--overlap", "24h");
    const fresh = run.out.trim();
    expect([run.code, fresh.slice(10, 22)]).toEqual([0, id]);
    expect(run.err).not.toContain(fresh.slice(-38));
    expect([await answerTo(old), await answerTo(fresh)]).toEqual(["granted", "granted"]);
    expect(s.logs.slice(-2).join()).toMatch(/granted_previous_secret.*"granted"/s);
    vi.setSystemTime(START + DAY - 1_000);
    expect(await answerTo(old)).toBe("granted");
    vi.setSystemTime(START + DAY);
    expect(await answerTo(old)).toBe(
      "This API key was rotated, and its previous secret expired at 2026-11-23T12:00:00Z.",
    );
    expect(await answerTo(fresh)).toBe("granted");
    expect(await entryOf(id)).toMatchObject({ name: "rotated", scope: "read:things" });
  });

  it("has one overlap at a time, which can be ended or withdrawn", async () => {
    const { key: old, id } = await s.create(ADA);
    const first = (await rotate(id)).out.trim();
    const second = await rotate(id);
    expect([second.code, second.err]).toEqual([1, expect.stringContaining("--cancel")]);
    expect((await rotate(id, "--cancel")).code).toBe(0);
    expect([await answerTo(old), await answerTo(first)]).toEqual(["granted", "Invalid API key."]);
    expect((await rotate(id, "--cancel")).code).toBe(1);
    const third = (await rotate(id)).out.trim();
    expect((await rotate(id, "--now")).code).toBe(0);
    expect([await answerTo(old), await answerTo(third)]).toEqual([
      expect.stringContaining("was rotated"),
      "granted",
    ]);
    expect((await rotate(id, "--now")).code).toBe(1);
  });

  it("without an overlap the old secret ends at once", async () => {
    const { key, id } = await s.create(ADA);
    expect((await rotate(id, "--overlap", "0")).code).toBe(0);
    expect(await answerTo(key)).toContain("was rotated");
  });

  it("never shortens a key by itself, and does when asked to", async () => {
    const { id } = await s.create(ADA, { lifetimeDays: 300 });
    const before = (await entryOf(id))?.exp;
    await rotate(id, "--overlap", "0");
    expect((await entryOf(id))?.exp).toBe(before);
    await rotate(id, "--overlap", "0", "--expires-in-days", "7");
    expect((await entryOf(id))?.exp).toBe(Math.floor(Date.now() / 1000) + 7 * 86_400);
    await rotate(id, "--overlap", "0");
    expect((await entryOf(id))?.exp).toBe(Math.floor(Date.now() / 1000) + 90 * 86_400);
  });

  it.each([
    [["--overlap", "8d"], 1, "0 to 7d"],
    [["--expires-in-days", "367"], 1, "the policy allows 366"],
    [["--no-expiry"], 1, "never expire"],
    [["--overlap", "soon"], 2, "duration"],
    [["--cancel", "--now"], 2, "cannot be used"],
    [["--expires-in-days", "5", "--no-expiry"], 2, "cannot be used"],
  ])("%j is refused with %d", async (argv, code, message) => {
    const { key, id } = await s.create(ADA);
    const run = await rotate(id, ...argv);
    expect([run.code, run.err]).toEqual([code, expect.stringContaining(message)]);
    expect(await answerTo(key)).toBe("granted");
    await keys(["revoke", id, "--user", ADA]);
  });

  it("a dead key stays dead", async () => {
    const { id } = await s.create(ADA);
    await keys(["revoke", id, "--user", ADA]);
    for (const argv of [
      ["rotate", id],
      ["enable", id],
      ["disable", id],
    ]) {
      const run = await keys([...argv, "--user", ADA]);
      expect([run.code, run.err]).toEqual([1, expect.stringContaining("is dead since")]);
    }
  });
});

test("a tombstone always wins: nothing brings back a key whose entry does not say yet that it was revoked", async () => {
  const { key, id } = await s.create(ADA);
  const record = await s.keys.records.read(id);
  if (!record) throw new Error("The key has no record.");
  // As a revocation leaves it whose second write failed.
  await putRecord(s.keys, { ...record, revoked_at: s.keys.nowSeconds(), revoked_reason: "leaked" });
  for (const argv of [
    ["rotate", id],
    ["enable", id],
    ["disable", id],
  ]) {
    const run = await keys([...argv, "--user", ADA]);
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("is dead since")]);
    expect(await answerTo(key)).toContain("was revoked");
  }
  expect((await keys(["revoke", id, "--user", ADA, "--reason", "again"])).code).toBe(0);
  expect(await entryOf(id)).toMatchObject({ revoked_reason: "leaked" });
});

test("a disabled key is refused until it is enabled, and counts towards the limit", async () => {
  const { key, id } = await s.create(ADA);
  expect((await keys(["disable", id, "--user", ADA])).out).toBe(`Key ${id} is disabled.\n`);
  expect(await answerTo(key)).toMatch(/^This API key is disabled since /);
  expect(json(await keys(["show", id, "--user", ADA, "--json"]))).toMatchObject({ status: "disabled" });
  expect((await keys(["enable", id, "--user", ADA])).out).toBe(`Key ${id} is active.\n`);
  expect(await answerTo(key)).toBe("granted");
});

test("list --expiring-within tells what ends soon", async () => {
  await s.keys.users.write(GRACE, []);
  const soon = await s.create(GRACE, { lifetimeDays: 14 });
  await s.create(GRACE, { lifetimeDays: 15 });
  const listed = JSON.parse(
    (await keys(["list", "--user", GRACE, "--expiring-within", "14d", "--json"])).out,
  ) as { id: string }[];
  expect(listed.map(({ id }) => id)).toEqual([soon.id]);
});

describe("revoke", () => {
  it("--stdin revokes every whole key in a leak report, says what it did, and never repeats one", async () => {
    const [ada, grace, dead] = [await s.create(ADA), await s.create(GRACE), await s.create(ADA)];
    await keys(["revoke", dead.id, "--user", ADA]);
    const [guess, unknown] = [otherSecret(ada.key), unknownKey()];
    const report = `config.yml:3: token: "${ada.key}"\nexport API_KEY=${grace.key} # ${ada.key}\n${dead.key},${mistype(dead.key)}\n${guess} ${unknown}`;
    const run = await keys(["revoke", "--stdin", "--reason", "leaked"], report);
    expect(run.code).toBe(0);
    const rows = run.out
      .split("\n")
      .slice(1, -1)
      .map((row) => row.split(/ {2,}/));
    expect(rows).toEqual([
      [`acme_live_${ada.id}…`, "revoked", ADA],
      [`acme_live_${grace.id}…`, "revoked", GRACE],
      [`acme_live_${dead.id}…`, "was revoked already", ADA],
      [`acme_live_${ada.id}…`, "no key that is known"],
      [`acme_live_${unknown.slice(10, 22)}…`, "no key that is known"],
      [`acme_live_${dead.id}…`, "no key: mistyped or cut"],
    ]);
    for (const { key } of [ada, grace, dead]) {
      expect(await answerTo(key)).toContain("was revoked");
      expect(run.out + run.err).not.toContain(key.slice(-38));
    }
  });

  it.each<[string, (key: string) => string]>([
    ["escaped in a link", (key) => key.replaceAll("_", "%5F")],
    ["escaped in JSON", (key) => `{"key":"${key.replaceAll("_", "\\u005f")}"}`],
    ["as UTF-16", (key) => Buffer.from(`\uFEFFkey=${key}\r\n`, "utf16le").toString("utf8")],
  ])("--stdin finds a key %s", async (_, text) => {
    const { key } = await s.create(ADA);
    expect((await keys(["revoke", "--stdin"], text(key))).code).toBe(0);
    expect(await answerTo(key)).toContain("was revoked");
  });

  it("--reason may have 128 characters, as people count them", async () => {
    const { id } = await s.create(ADA);
    const revoke = async (reason: string) => keys(["revoke", id, "--user", ADA, "--reason", reason]);
    expect((await revoke("😀".repeat(129))).code).toBe(1);
    expect((await revoke("😀".repeat(128))).code).toBe(0);
  });

  it.each([
    [false, "granted"],
    [true, "was revoked"],
  ])("--all asks on a terminal first: answered %j, the key then is: %s", async (isConfirmed, expected) => {
    const { key } = await s.create(GRACE);
    const asked: string[] = [];
    const confirm = async (question: string) => {
      asked.push(question);
      return Promise.resolve(isConfirmed);
    };
    const io = { env, stdout: () => undefined, stderr: () => undefined, readStdin: async () => "", confirm };
    expect(await runKeys(["revoke", "--user", GRACE, "--all"], io)).toBe(0);
    expect(asked).toEqual([`Revoke every key of ${GRACE}?`]);
    expect(await answerTo(key)).toContain(expected);
    expect(await runKeys(["revoke", "--user", GRACE, "--all", "--yes"], io)).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it("--stdin does nothing for who has an id alone", async () => {
    const { key, id } = await s.create(ADA);
    const run = await keys(["revoke", "--stdin"], otherSecret(key));
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("none in it was revoked")]);
    expect(await answerTo(key)).toBe("granted");
    await keys(["revoke", id, "--user", ADA]);
  });

  it("--stdin ends the key of a user who is gone", async () => {
    const { users } = s.local.tenant;
    const grace = users.get(GRACE);
    const { key } = await s.create(GRACE);
    users.delete(GRACE);
    expect(json(await keys(["revoke", "--stdin", "--json"], key))).toMatchObject([
      { outcome: "revoked", user_id: GRACE },
    ]);
    if (grace) users.set(GRACE, grace);
    expect(await answerTo(key)).toContain("was revoked");
  });

  it("--all ends every key of a user", async () => {
    const made = [await s.create(GRACE), await s.create(GRACE)];
    expect((await keys(["revoke", "--user", GRACE, "--all", "--reason", "offboarded"])).code).toBe(0);
    for (const { key } of made) expect(await answerTo(key)).toContain("was revoked");
    expect((await keys(["revoke", "--user", GRACE, "--all"])).out).toBe("There was no key to revoke.\n");
  });

  it.each([
    [["--stdin", "--user", ADA]],
    [["--all"]],
    [["4fJ2kQ9xZb1T"]],
    [["4fJ2kQ9xZb1T", "--user", ADA, "--all"]],
  ])("%j is wrong usage", async (argv) => {
    expect((await keys(["revoke", ...argv])).code).toBe(2);
  });
});

test("prune drops keys that are dead for longer than the retention, which makes room in the profile", async () => {
  await s.keys.users.write(GRACE, []);
  const { key, id } = await s.create(GRACE, { lifetimeDays: 1 });
  const living = await s.create(GRACE, { lifetimeDays: 300 });
  vi.setSystemTime(Date.now() + 31 * DAY - 1_000);
  expect((await keys(["prune", "--user", GRACE])).out).toBe("There was nothing to drop.\n");
  expect(await answerTo(key)).toContain("expired");
  vi.setSystemTime(Date.now() + 2_000);
  expect((await keys(["prune", "--user", GRACE])).out).toContain(id);
  expect([await answerTo(key), await answerTo(living.key)]).toEqual(["Invalid API key.", "granted"]);
});

test("every change, done or failed, is a line of the audit log, without a secret or a hash", async () => {
  const folder = mkdtempSync(join(tmpdir(), "audit-"));
  const log = ["--audit-log", join(folder, "audit.jsonl")];
  const made = await keys(["create", "--user", ADA, "--name", "audited", "--json", ...log]);
  const { id, key } = json(made) as { id: string; key: string };
  const rotated = await keys(["rotate", id, "--user", ADA, ...log]);
  await keys(["rotate", id, "--user", ADA, ...log]);
  await keys(["disable", id, "--user", ADA, ...log]);
  await keys(["revoke", id, "--user", ADA, ...log]);
  await keys(["create", "--user", "auth0|nobody", "--name", "n", ...log]);
  const text = readFileSync(join(folder, "audit.jsonl"), "utf8");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ operation, outcome, key_id }) => [operation, outcome, key_id])).toEqual([
    ["create", "done", id],
    ["rotate", "done", id],
    ["rotate", "rotation_under_way", id],
    ["disable", "done", id],
    ["revoke", "done", id],
    ["create", "user_not_found", null],
  ]);
  expect(lines[1]).toMatchObject({
    user_id: ADA,
    changes: ["secret", "previous_secret"],
    actor: "cli:unknown",
  });
  expect(lines[4]).toMatchObject({ changes: ["revoked_at", "revoked_reason"] });
  const { hash = "", previous } = (await entryOf(id)) ?? {};
  for (const secret of [hash, previous?.hash ?? "", key.slice(-38), rotated.out.trim().slice(-38)]) {
    expect(secret).toMatch(/./);
    expect(text).not.toContain(secret);
  }
  expect(statSync(join(folder, "audit.jsonl")).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
  const unwritable = await keys(["create", "--user", ADA, "--name", "unseen", ...log]);
  expect([unwritable.code, unwritable.err]).toEqual([1, expect.stringContaining("Nothing was changed")]);
  const { err } = await keys(["create", "--user", "auth0|nobody", "--name", "n"]);
  expect(err.split("\n")[1]).toContain('"operation":"create"');
});
