import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { writeLocalFile } from "../../src/cli/local-file.ts";
import { ADA, claimsOf, stage, type Stage } from "../support/stage.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TIMEOUT_MS = 120_000;

let s: Stage;
let folder: string;
let tarball: string;
let key: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  s = await stage();
  ({ key } = await s.create(ADA, { scope: "read:things" }));
  folder = await mkdtemp(join(tmpdir(), "package-test-"));
  await writeLocalFile({ LOCAL_TENANT_DIR: folder }, { ...s.local.description, api_key_pepper: "1:unused" });
  env = { PATH: process.env["PATH"], HOME: folder, LOCAL_TENANT_DIR: folder, API_KEY: key };
  // npm's own cache, so that what is on this machine already is not fetched again.
  env["npm_config_cache"] = (await run("npm", ["config", "get", "cache"])).stdout.trim();
  // Packing builds first.
  await run("npm", ["pack", "--pack-destination", folder], { cwd: ROOT });
  const name = (await readdir(folder)).find((file) => file.endsWith(".tgz")) ?? "";
  tarball = join(folder, name);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run("npm", ["install", ...flags, tarball], { cwd: folder, env });
}, TIMEOUT_MS);
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true, force: true });
});

test("the package holds the build, its page, README and licence: no sources, tests, source maps or settings", async () => {
  const { stdout } = await run("tar", ["-tzf", tarball]);
  const files = stdout.trim().split("\n");
  expect(files.filter((file) => !/^package\/dist\/.*\.(js|d\.ts)$/.test(file)).sort()).toEqual([
    "package/LICENSE",
    "package/README.md",
    "package/dist/auth0-api-keys.cjs",
    "package/docs/CLIENT.md",
    "package/package.json",
  ]);
  for (const file of ["client/index", "client/node", "self-service/index"])
    expect(files).toEqual(expect.arrayContaining([`package/dist/${file}.js`, `package/dist/${file}.d.ts`]));
  const text = (await run("tar", ["-xzOf", tarball], { maxBuffer: 50_000_000 })).stdout;
  expect(text).not.toContain("sourceMappingURL");
  // Nothing of the machine that it was built on, neither places nor what looks like a whole key.
  expect(text).not.toContain(ROOT);
  expect(text.match(/[a-z][a-z0-9]+_[A-Za-z0-9]{50}(?![A-Za-z0-9])/g) ?? []).toEqual([]);
});

test("npx auth0-api-keys token, from the installed package, gives a token of the key's user", async () => {
  const argv = ["--no-install", "auth0-api-keys", "token", "--local", "--scope", "read:things"];
  const { stdout } = await run("npx", argv, { cwd: folder, env });
  expect(claimsOf(stdout)).toMatchObject({ sub: ADA, scope: "read:things" });
});

test("the installed library can be imported, and exchanges", async () => {
  const program = `
    import { ApiKeyTokenSource, ApiKeyGateway, redactKeys } from "auth0-api-keys/client";
    import { fileTokenCache } from "auth0-api-keys/client/node";
    import "auth0-api-keys/self-service";
    const cache = fileTokenCache({ folder: ${JSON.stringify(join(folder, "cache"))} });
    const { audience, ...endpoint } = JSON.parse(process.env.ENDPOINT);
    const source = new ApiKeyTokenSource({ ...endpoint, cache });
    const { access_token } = await source.getToken({ apiKey: process.env.API_KEY, audience });
    console.log(access_token);`;
  await writeFile(join(folder, "program.mjs"), program);
  const { token_endpoint, client_id, subject_token_type, audience } = s.local.description;
  const ENDPOINT = JSON.stringify({ token_endpoint, client_id, subject_token_type, audience });
  const { stdout } = await run(process.execPath, ["program.mjs"], { cwd: folder, env: { ...env, ENDPOINT } });
  expect(claimsOf(stdout)["sub"]).toBe(ADA);
});

test.each([
  ["is right", "expiresAtSeconds", 0],
  ["is wrong", "expires_at", 1],
])("a program in TypeScript that %s is found so by the package's types", async (_, property, code) => {
  const program = `
    import { ApiKeyTokenSource, layeredTokenCache, memoryTokenCache, type CachedToken } from "auth0-api-keys/client";
    import { defaultCacheFolder, fileTokenCache } from "auth0-api-keys/client/node";
    const cache = layeredTokenCache(memoryTokenCache(), fileTokenCache({ folder: defaultCacheFolder({}) }));
    const source = new ApiKeyTokenSource({ token_endpoint: "", client_id: "", subject_token_type: "", cache });
    const token: CachedToken = await source.getToken({ apiKey: "", audience: "", scope: "" });
    export const at: number = token.${property};`;
  await writeFile(join(folder, "program.ts"), program);
  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,dom"];
  const outcome = await run(tsc, [...flags, "--types", "", "program.ts"], { cwd: folder }).then(
    () => ({ code: 0, stdout: "" }),
    (error: { code: number; stdout: string }) => error,
  );
  expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({
    code,
    stdout: code === 0 ? "" : expect.stringContaining("expires_at"),
  });
});

test("the licence is that of the project", async () => {
  const installed = join(folder, "node_modules", "auth0-api-keys");
  expect(await readFile(join(installed, "LICENSE"), "utf8")).toBe(
    await readFile(join(ROOT, "LICENSE"), "utf8"),
  );
});
