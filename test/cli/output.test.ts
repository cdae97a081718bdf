import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import { runKeysCli } from "../support/cli.ts";
import { ADA, environmentOf, setMetadata, stage, type Stage } from "../support/stage.ts";

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
});

test("a list whose reader has seen enough ends quietly", async () => {
  const { err } = await run(["list", "--user", ADA], "closed");
  expect(err).toBe("");
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
    expect(out).toContain("x\\u{1b}[2J\\u{202e}evil");
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
