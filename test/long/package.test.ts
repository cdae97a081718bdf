import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { writeLocalFile } from "../../src/cli/local-file.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  stage,
  SUBJECT_TOKEN_TYPE,
  type Stage,
} from "../support/stage.ts";

const run = promisify(execFile);

let s: Stage;
let folder: string;
let files: readonly string[];
/** The environment in which the installed program finds the stage, and keeps its caches for itself. */
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  s = await stage();
  folder = await mkdtemp(join(tmpdir(), "package-"));
  await run("npm", ["run", "build"]);
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder]);
  const [packed] = JSON.parse(stdout) as readonly { filename: string; files: readonly { path: string }[] }[];
  files = packed?.files.map(({ path }) => path) ?? [];
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const argv = ["install", "--no-audit", "--no-fund", `./${packed?.filename}`];
  await run("npm", argv, { cwd: folder });
  await writeLocalFile({ LOCAL_TENANT_DIR: folder }, { ...s.local.description, api_key_pepper: "1:unused" });
  env = { ...process.env, LOCAL_TENANT_DIR: folder, XDG_CACHE_HOME: join(folder, "caches") };
}, 240_000);
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
});

test("the package holds what is built, the licence and the README, and nothing else", () => {
  expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist/auth0-api-keys.cjs"]));
  expect(files.filter((file) => !/^(dist\/|package\.json$|LICENSE$|README\.md$)/.test(file))).toEqual([]);
  expect(files.filter((file) => /\.map$|test|\.local|pepper\b/.test(file))).toEqual([]);
});

test("npx auth0-api-keys token, from the package in an empty folder, prints a token", async () => {
  const { key } = await s.create(ADA, { scope: "read:things" });
  const argv = ["auth0-api-keys", "token", "--local", "--scope", "read:things"];
  const { stdout } = await run("npx", argv, { cwd: folder, env: { ...env, API_KEY: key } });
  expect(claimsOf(stdout.trim())).toMatchObject({ sub: ADA, scope: "read:things" });
});

test("the library is imported, with its types, and exchanges a key", async () => {
  const { key } = await s.create(ADA, { scope: "read:things" });
  const endpoint = {
    token_endpoint: s.local.description.token_endpoint,
    client_id: CLIENT_ID,
    subject_token_type: SUBJECT_TOKEN_TYPE,
  };
  const program = (types: string) => `import { ApiKeyTokenSource } from "auth0-api-keys/client";
const source = new ApiKeyTokenSource(${JSON.stringify(endpoint)});
const token${types} = await source.getToken({ apiKey: process.env["API_KEY"] ?? "", audience: ${JSON.stringify(AUDIENCE)} });
console.log(token.access_token);
`;
  await writeFile(join(folder, "program.mjs"), program(""));
  await writeFile(
    join(folder, "program.ts"),
    `import type { CachedToken } from "auth0-api-keys/client";\ndeclare const process: { env: Record<string, string | undefined> };\n${program(": CachedToken")}export {};\n`,
  );
  const { stdout } = await run(process.execPath, ["program.mjs"], {
    cwd: folder,
    env: { ...env, API_KEY: key },
  });
  expect(claimsOf(stdout.trim())).toMatchObject({ sub: ADA });
  const tsc = join(process.cwd(), "node_modules/.bin/tsc");
  const argv = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--types",
    "",
    "program.ts",
  ];
  await expect(run(tsc, argv, { cwd: folder })).resolves.toMatchObject({ stdout: "" });
});
