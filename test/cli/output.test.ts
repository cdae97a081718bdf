import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";

import { afterAll, beforeAll, expect, test, vi } from "vitest";

import { processIo } from "../../src/cli/io.ts";
import { REWRITE_LINE } from "../../src/cli/printable.ts";
import { runKeysCli } from "../support/cli.ts";
import { ADA, environmentOf, GRACE, setMetadata, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

/** Runs the program with a standard output that takes nothing. */
async function run(
  argv: readonly string[],
  stdout: "closed" | "full",
): Promise<{ code: number; err: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "scripts/keys.ts", ...argv], {
    env: { PATH: process.env["PATH"], ...environmentOf(s) },
    stdio: ["ignore", stdout === "full" ? openSync("/dev/full", "w") : "pipe", "pipe"],
  });
  child.stdout?.destroy();
  let err = "";
  child.stderr?.on("data", (chunk) => (err += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  return { code, err };
}

test.each(["closed", "full"] as const)(
  "a new key whose standard output is %s is revoked at once, and that is said",
  async (stdout) => {
    const { code, err } = await run(["create", "--user", ADA, "--name", `lost ${stdout}`], stdout);
    expect(err).toContain("could not be printed");
    expect(err).not.toContain("    at ");
    expect(code).toBe(1);
    const { out } = await runKeysCli(["list", "--user", ADA, "--json"], environmentOf(s));
    const keys = JSON.parse(out) as { name: string; status: string }[];
    expect(keys.find(({ name }) => name === `lost ${stdout}`)?.status).toBe("revoked");
  },
);

test("a rotation whose new secret nobody saw is cancelled: the old one goes on", async () => {
  const { id, key } = await s.create(ADA);
  const { code, err } = await run(["rotate", id, "--user", ADA], "closed");
  expect([code, err]).toEqual([1, expect.stringContaining("The rotation was cancelled")]);
  expect((await s.exchange(key)).status).toBe(200);
  const entryNow = async () => (await s.keys.users.read(ADA)).keys.find((one) => one.id === id);
  expect(await entryNow()).not.toHaveProperty("previous");

  const ended = await run(["rotate", id, "--user", ADA, "--overlap", "0"], "closed");
  expect([ended.code, ended.err]).toEqual([1, expect.stringContaining("the old one has ended")]);
  expect((await s.exchange(key)).status).not.toBe(200);
});

test("reconcile --fix whose reader is gone goes on to its end", async () => {
  const { id, key } = await s.create(ADA);
  await s.local.redis.execute(["DEL", `apikey:${id}`]);
  const { err } = await run(["reconcile", "--fix"], "closed");
  expect(err).not.toContain("    at ");
  expect((await s.exchange(key)).status).toBe(200);
});

test("a list whose reader has seen enough ends quietly", async () => {
  for (const whose of [["--user", ADA], ["--all-users"]]) {
    expect(await run(["list", ...whose], "closed")).toEqual({ code: 0, err: "" });
  }
});

test("a list that does not fit on the disk is no success", async () => {
  const { code, err } = await run(["list", "--user", ADA, "--json"], "full");
  expect([code, err]).toEqual([
    1,
    expect.stringContaining("could not be written to standard output: ENOSPC"),
  ]);
});

test("an audit log that is full keeps no key from being ended, and no new key from being shown", async () => {
  const full = ["--audit-log", "/dev/full"];
  const leaked = [await s.create(GRACE), await s.create(GRACE), await s.create(GRACE)];
  const stdin = leaked.map(({ key }) => key).join(" ");
  const revoked = await runKeysCli(["revoke", "--stdin", ...full], environmentOf(s), stdin);
  expect([revoked.code, revoked.err]).toEqual([1, expect.stringContaining("What was done is done")]);
  for (const { key } of leaked) expect((await s.exchange(key)).status).toBe(400);

  const told: string[] = [];
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => told.push(String(text)) > 0);
  const made = await runKeysCli(["create", "--user", GRACE, "--name", "shown", ...full], environmentOf(s));
  spy.mockRestore();
  expect([made.code, (await s.exchange(made.out.trim())).status]).toEqual([1, 200]);
  // The lines that found no room are not lost.
  expect(told.join("")).toContain('"operation":"create"');
});

test("names with escape sequences do not reach an operator's screen as such", async () => {
  const { id } = await s.create(ADA);
  const { keys } = await s.keys.users.read(ADA);
  const entry = keys.find((one) => one.id === id);
  setMetadata(s, ADA, { api_keys: [{ ...entry, name: "x\u001b[2J\u202eevil" }] });
  for (const argv of [
    ["list", "--user", ADA],
    ["show", id, "--user", ADA],
  ]) {
    const { out } = await runKeysCli(argv, environmentOf(s));
    expect(out).toContain("x\\u001b[2J\\u202eevil");
    for (const raw of ["\u001b", "\u202e"]) expect(out).not.toContain(raw);
  }
});

test("a key for an organization that its user is no member of is not made: it would never work", async () => {
  const run = await runKeysCli(
    ["create", "--user", ADA, "--name", "n", "--org", "org_nope"],
    environmentOf(s),
  );
  expect([run.code, run.out, run.err]).toEqual([1, "", expect.stringContaining("is no member of")]);
});

test("an end and none at once is wrong usage", async () => {
  const argv = ["create", "--user", ADA, "--name", "n", "--expires-in-days", "5", "--no-expiry"];
  expect((await runKeysCli(argv, environmentOf(s))).code).toBe(2);
});

test("whatever a program prints commands no terminal, and stays JSON", () => {
  const written: string[] = [];
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((text) => {
      written.push(String(text));
      return true;
    }),
  );
  const io = processIo();
  const name = "x\u001b[2J\u009b2J\u202e\u2066\ufeffé👩‍👩‍👧evil";
  io.stdout(`${JSON.stringify({ name })}\n`);
  io.stderr(`error: ${name}\nfix:   none\n`);
  io.stderr(`${REWRITE_LINE}${name}`);
  for (const spy of spies) spy.mockRestore();
  const raw = ["\u001b", "\u009b", "\u202e", "\u2066", "\ufeff"];
  expect(written.map((text) => raw.filter((one) => text.includes(one)))).toEqual([[], [], ["\u001b"]]);
  expect(JSON.parse(written[0] ?? "")).toEqual({ name });
  expect(written[1]?.split("\n")).toHaveLength(3);
  expect(written[2]?.slice(REWRITE_LINE.length)).not.toContain("\u001b");
});
