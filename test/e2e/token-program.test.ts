import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { Hono } from "hono";
import { buildProgram } from "../../src/cli/build-package.ts";
import type { Io } from "../../src/cli/io.ts";
import { writeLocalFile } from "../../src/cli/local-file.ts";
import { runToken } from "../../src/cli/token-program.ts";
import { listen } from "../../src/local/listen.ts";
import { ADA, claimsOf, GRACE, setMetadata, stage, type Stage } from "../support/stage.ts";

const run = promisify(execFile);

let s: Stage;
let folder: string;
let program: string;
let env: Record<string, string>;
let key: string;

beforeAll(async () => {
  // Each test has a key of its own.
  s = await stage({ config: { policy: { allowNoExpiry: true, maxKeysPerUser: 40 } } });
  folder = await mkdtemp(join(tmpdir(), "token-program-test-"));
  program = join(folder, "auth0-api-keys.cjs");
  await buildProgram(program);
  await writeLocalFile({ LOCAL_TENANT_DIR: folder }, { ...s.local.description, api_key_pepper: "1:unused" });
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  setMetadata(s, ADA, {});
  ({ key } = await s.create(ADA, { scope: "read:things" }));
  const caches = await mkdtemp(join(folder, "caches-"));
  env = {
    PATH: process.env["PATH"] ?? "",
    LOCAL_TENANT_DIR: folder,
    XDG_CACHE_HOME: caches,
    API_KEY: key,
    API_KEY_SCOPE: "read:things",
  };
});

async function inProcess(argv: readonly string[], changes: Io["env"] = {}, stdin = "") {
  let [stdout, stderr] = ["", ""];
  const io: Io = {
    env: { ...env, ...changes },
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    readStdin: async () => stdin,
  };
  return { code: await runToken(argv, io), stdout, stderr };
}

const exchanges = () => s.local.tenant.logs.filter(({ type }) => type === "secte").length;

test("a token is printed, of the key's user and scope, and the second call takes it from the cache", async () => {
  const before = exchanges();
  const first = await inProcess(["token", "--local"]);
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(claimsOf(first.stdout)).toMatchObject({ sub: ADA, scope: "read:things" });
  expect(await inProcess(["token", "--local"])).toEqual(first);
  expect(exchanges() - before).toBe(1);
  await inProcess(["token", "--local", "--no-cache"]);
  expect(exchanges() - before).toBe(2);
});

test.each([
  ["0", 1, /^error: The tenant's rate limit is reached\./],
  ["5", 0, /^$/],
])("--wait %s at the tenant's limit ends with %i", async (seconds, code, stderr) => {
  let asked = 0;
  const app = new Hono().post("/oauth/token", (c) =>
    asked++ === 0
      ? c.json({ error: "too_many_requests" }, 429, { "retry-after": "0" })
      : c.json({ access_token: "given-later", token_type: "Bearer", expires_in: 60 }),
  );
  const limited = await listen(app, 0);
  const local = await mkdtemp(join(folder, "limited-"));
  const tenant = { ...s.local.description, token_endpoint: `${limited.url}/oauth/token` };
  await writeLocalFile({ LOCAL_TENANT_DIR: local }, { ...tenant, api_key_pepper: "1:unused" });
  const result = await inProcess(["token", "--local", "--wait", seconds], { LOCAL_TENANT_DIR: local });
  expect(result.code).toBe(code);
  expect(result.stderr).toMatch(stderr);
  expect(result.stdout).toBe(code === 0 ? "given-later\n" : "");
  await limited.close();
});

test("where the tenant wants scopes named: a caller that names none gets all of the key, one that does is refused", async () => {
  const scopes: unknown[] = [];
  const app = new Hono().post("/oauth/token", async (c) => {
    const { scope = null } = await c.req.parseBody();
    scopes.push(scope);
    const error_description = "Name scopes. [scope: read:things write:things]";
    return scope === "read:things write:things"
      ? c.json({ access_token: "scoped", token_type: "Bearer", expires_in: 60 })
      : c.json({ error: "invalid_scope", error_description }, 400);
  });
  const stub = await listen(app, 0);
  const local = await mkdtemp(join(folder, "scoped-"));
  const tenant = { ...s.local.description, token_endpoint: `${stub.url}/oauth/token` };
  await writeLocalFile({ LOCAL_TENANT_DIR: local }, { ...tenant, api_key_pepper: "1:unused" });
  const token = async (API_KEY_SCOPE: string | undefined, ...flags: string[]) => {
    scopes.length = 0;
    const changes = { LOCAL_TENANT_DIR: local, API_KEY_SCOPE };
    const { code, stdout } = await inProcess(["token", "--local", "--no-cache", ...flags], changes);
    return [code, stdout, ...scopes];
  };
  expect(await token(undefined)).toEqual([0, "scoped\n", null, "read:things write:things"]);
  expect(await token(" ")).toEqual([0, "scoped\n", null, "read:things write:things"]);
  expect(await token("read:things")).toEqual([1, "", "read:things"]);
  expect(await token(undefined, "--scope", "read:things")).toEqual([1, "", "read:things"]);
  await stub.close();
});

test.each(["read:things", "write:things", "read:things write:things"])(
  "without --scope a key with the scopes %s gets them all: from the tenant's own Actions",
  async (scope) => {
    const { key } = await s.create(GRACE, { scope });
    const changes = { API_KEY: key, API_KEY_SCOPE: undefined };
    const { code, stdout, stderr } = await inProcess(["token", "--local", "--json"], changes);
    expect([code, stderr]).toEqual([0, ""]);
    const { access_token, ...rest } = JSON.parse(stdout) as Record<string, unknown>;
    expect(rest).toMatchObject({ scope });
    expect(claimsOf(access_token)).toMatchObject({ sub: GRACE, scope });
    const before = exchanges();
    await inProcess(["token", "--local"], changes);
    expect(exchanges()).toBe(before);
  },
);

test.each(["-1", "3601", "soon"])("--wait %s is wrong usage, and nothing is sent", async (seconds) => {
  const before = exchanges();
  expect(await inProcess(["token", "--local", `--wait=${seconds}`])).toMatchObject({ code: 2, stdout: "" });
  expect(exchanges()).toBe(before);
});

test("the key comes from standard input where API_KEY is not set, with its line break", async () => {
  const { code, stdout } = await inProcess(["token", "--local"], { API_KEY: undefined }, `${key}\n`);
  expect(code).toBe(0);
  expect(claimsOf(stdout)["sub"]).toBe(ADA);
});

test("--header, --curl, --json and --exec-credential give the same token in their form", async () => {
  const token = (await inProcess(["token", "--local"])).stdout.trim();
  const inForm = async (form: string) => (await inProcess(["token", "--local", form])).stdout;
  expect(await inForm("--header")).toBe(`Authorization: Bearer ${token}\n`);
  expect(await inForm("--curl")).toBe(`header = "Authorization: Bearer ${token}"\n`);
  const expires = new Date(Number(claimsOf(token)["exp"]) * 1000).getTime();
  const json = JSON.parse(await inForm("--json")) as { expires_at: string };
  expect(json).toMatchObject({ access_token: token, token_type: "Bearer", scope: "read:things" });
  // Counted from before the request, so at most a second earlier than the token says.
  expect(expires - Date.parse(json.expires_at)).toBeLessThanOrEqual(1_000);
  expect(expires - Date.parse(json.expires_at)).toBeGreaterThanOrEqual(0);
  expect(JSON.parse(await inForm("--exec-credential"))).toEqual({
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token, expirationTimestamp: json.expires_at },
  });
});

test.each([
  ["two forms", ["token", "--local", "--header", "--json"], {}, 2, "cannot be used with"],
  ["an unknown flag", ["token", "--api-key", "x"], {}, 2, "unknown option"],
  ["no key", ["token", "--local"], { API_KEY: "" }, 1, "There is no API key"],
  ["a mistyped key", ["token", "--local"], { API_KEY: "acme_live_x" }, 1, "mistyped or cut"],
  ["no settings", ["token"], {}, 1, "--domain or AUTH0_DOMAIN; --client-id or API_KEY_CLIENT_ID"],
  ["no local tenant", ["token", "--local"], { LOCAL_TENANT_DIR: "/nowhere" }, 1, "npm start"],
  ["a scope that the key lacks", ["token", "--local", "--scope", "write:things"], {}, 1, "write:things"],
])("%s is explained on stderr, and nothing is on stdout", async (_, argv, changes, code, said) => {
  const result = await inProcess(argv, changes);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).toContain(said);
  expect(result.stderr).not.toContain(key);
});

test("a key on standard input is taken where API_KEY is set to nothing", async () => {
  expect(await inProcess(["token", "--local"], { API_KEY: "" }, `${key}\n`)).toMatchObject({ code: 0 });
});

test.each(["API_KEY_CLIENT_SECRET", "API_KEY_ORGANIZATION", "API_KEY_SCOPE"])(
  "%s that is set to nothing is not set",
  async (name) => {
    const { issuer, client_id, subject_token_type, audience } = s.local.description;
    const { code, stderr } = await inProcess(["token", "--audience", audience], {
      AUTH0_DOMAIN: issuer,
      API_KEY_CLIENT_ID: client_id,
      API_KEY_SUBJECT_TOKEN_TYPE: subject_token_type,
      API_KEY_SCOPE: "read:things",
      [name]: "",
    });
    expect([code, stderr]).toEqual([0, ""]);
  },
);

test("settings come from flags and the environment as well", async () => {
  const { issuer, client_id, subject_token_type, audience } = s.local.description;
  const { code, stdout } = await inProcess(["token", "--audience", audience], {
    AUTH0_DOMAIN: issuer,
    API_KEY_CLIENT_ID: client_id,
    API_KEY_SUBJECT_TOKEN_TYPE: subject_token_type,
  });
  expect(code).toBe(0);
  expect(claimsOf(stdout)["aud"]).toBe(audience);
});

test("a variable that is blank, as one that CI does not know, is one that is not there", async () => {
  const { issuer, client_id, subject_token_type, audience } = s.local.description;
  const of = { AUTH0_DOMAIN: issuer, API_KEY_CLIENT_ID: client_id, API_KEY_AUDIENCE: audience };
  const whole = { ...of, API_KEY_SUBJECT_TOKEN_TYPE: subject_token_type };
  for (const blank of ["", " "]) {
    expect(await inProcess(["token"], { ...whole, API_KEY_CLIENT_SECRET: blank })).toMatchObject({ code: 0 });
    const missing = await inProcess(["token"], { ...whole, API_KEY_AUDIENCE: blank });
    expect([missing.code, missing.stdout]).toEqual([1, ""]);
    expect(missing.stderr).toContain("Missing: --audience or API_KEY_AUDIENCE.");
  }
});

test("the cache on disk holds neither the key nor the token", async () => {
  const { stdout } = await inProcess(["token", "--local"]);
  const cache = join(env["XDG_CACHE_HOME"] ?? "", "auth0-api-keys");
  const names = await readdir(cache);
  expect(names).toHaveLength(1);
  const dump = `${names.join(" ")} ${await readFile(join(cache, names[0] ?? ""), "utf8")}`;
  for (const secret of [key, key.slice(-38), key.slice(10, 22), stdout.trim(), stdout.split(".")[1] ?? ""]) {
    expect(dump).not.toContain(secret);
    expect(dump).not.toContain(Buffer.from(secret).toString("base64url"));
  }
});

test("twenty processes at once make one exchange", async () => {
  const before = exchanges();
  const outputs = await Promise.all(
    Array.from({ length: 20 }, async () => run(process.execPath, [program, "token", "--local"], { env })),
  );
  expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
  expect(exchanges() - before).toBe(1);
});
