import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { afterAll, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "house-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each<[string, string, boolean]>([
  ["src/core/a.ts", "./errors.ts", true],
  ["src/core/a.ts", "node:crypto", true],
  ["src/core/a.ts", "node:fs", false],
  ["src/core/a.ts", "valibot", false],
  ["src/core/a.ts", "../stores/user-lock.ts", false],
  ["src/stores/a.ts", "../core/errors.ts", true],
  ["src/stores/a.ts", "../keys/create.ts", false],
  ["src/keys/a.ts", "../stores/user-lock.ts", true],
  ["src/keys/a.ts", "../cli/io.ts", false],
  ["src/keys/a.ts", "../deploy/config.ts", false],
  ["src/deploy/a.ts", "../local/start.ts", false],
  ["src/client/a.ts", "../core/api-key.ts", true],
  ["src/client/a.ts", "../stores/user-lock.ts", false],
  ["src/self-service/a.ts", "../keys/create.ts", true],
  ["src/self-service/a.ts", "../cli/io.ts", false],
  ["src/self-service/a.ts", "../client/index.ts", false],
  ["src/element/a.ts", "./dom.ts", true],
  ["src/element/a.ts", "../core/errors.ts", false],
  ["src/element/a.ts", "lit", false],
  ["src/page/browser/a.ts", "../../element/index.ts", true],
  ["src/page/a.ts", "../self-service/index.ts", false],
  ["src/report/a.ts", "./svg.ts", true],
  ["src/report/a.ts", "node:fs/promises", true],
  ["src/report/a.ts", "../bench/measure.ts", false],
  ["src/local/oauth/a.ts", "../../core/base62.ts", true],
  ["src/local/a.ts", "../self-service/index.ts", false],
  ["src/local/oauth/a.ts", "../../stores/user-lock.ts", false],
  ["src/cli/a.ts", "../keys/create.ts", true],
  ["src/cli/a.ts", "../local/start.ts", false],
  ["scripts/a.ts", "../src/local/start.ts", true],
  ["scripts/a.ts", "../actions/post-login.ts", false],
  ["actions/a.ts", "../src/core/decide-login.ts", true],
  ["actions/a.ts", "../src/stores/key-record-reader.ts", true],
  ["actions/a.ts", "../src/stores/key-use-writer.ts", true],
  ["actions/a.ts", "../src/stores/redis-key-store.ts", false],
  ["actions/a.ts", "node:fs", false],
])("the linter lets %s import %s: %s", (file, imported, isAllowed) => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, dirname(file)), { recursive: true });
  cpSync(".oxlintrc.json", join(folder, ".oxlintrc.json"));
  writeFileSync(join(folder, file), `import ${JSON.stringify(imported)};\n`);
  const { status } = spawnSync(process.execPath, [resolve("node_modules/oxlint/bin/oxlint")], {
    cwd: folder,
  });
  expect(status).toBe(isAllowed ? 0 : 1);
});

const sources = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "src", "actions", "scripts"],
  { encoding: "utf8" },
)
  .split("\n")
  .filter((file) => file.endsWith(".ts"));

it("time, randomness and the environment come in at the edges alone", () => {
  // Where keys are opened is the edge for every program and for the library.
  const edges = /^(actions|scripts|src\/(cli|local|bench))\/|^src\/keys\/open-keys\.ts$/;
  const reaching = /Date\.now\(\)|new Date\(\)|Math\.random\(|process\.env|randomBytes.*from "node:crypto"/;
  const offenders = sources.filter((file) => !edges.test(file) && reaching.test(readFileSync(file, "utf8")));
  expect(offenders).toEqual([]);
});

it("executables are of a few lines", () => {
  const lengths = sources
    .filter((file) => file.startsWith("scripts/"))
    .map((file) => readFileSync(file, "utf8").split("\n").length);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(30);
});

it("stores of contexts are made once a process: Node asks each that was ever used at every promise", () => {
  const made = /^[^\n]*new AsyncLocalStorage/gm;
  const inside = sources.filter((file) =>
    (readFileSync(file, "utf8").match(made) ?? []).some((line) => !/^(export )?const /.test(line)),
  );
  expect(inside).toEqual([]);
});
