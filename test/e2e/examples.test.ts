import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { buildElement, buildProgram } from "../../src/cli/build-package.ts";
import { logIn, SELF_SERVICE } from "../support/log-in.ts";
import { ADA, pepperOf, stage, type Stage } from "../support/stage.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);
const hasNginx = spawnSync("nginx", ["-v"]).status === 0;

let s: Stage;
let folder: string;
let key: string;
let env: Record<string, string>;
const children: ChildProcess[] = [];

// The examples import the package by its name: it is built as it ships.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "examples-test-"));
  const program = join(folder, "auth0-api-keys");
  const typescript = join(ROOT, "node_modules/typescript/bin/tsc");
  [s] = await Promise.all([
    stage({ selfService: SELF_SERVICE }),
    run(process.execPath, [typescript, "-p", "tsconfig.build.json"], { cwd: ROOT }),
    buildElement(join(ROOT, "dist/element/index.js")),
    buildProgram(`${program}.cjs`).then(async () => symlink(`${program}.cjs`, program)),
  ]);
  const { issuer, client_id, subject_token_type, audience, api_url } = s.local.description;
  ({ key } = await s.create(ADA, { scope: "read:things" }));
  env = {
    PATH: `${folder}:${process.env["PATH"] ?? ""}`,
    XDG_CACHE_HOME: join(folder, "cache"),
    API_KEY: key,
    API_URL: api_url,
    ISSUER: issuer,
    CLIENT_ID: client_id,
    SUBJECT_TOKEN_TYPE: subject_token_type,
    AUTH0_DOMAIN: issuer,
    API_KEY_CLIENT_ID: client_id,
    API_KEY_SUBJECT_TOKEN_TYPE: subject_token_type,
    API_KEY_AUDIENCE: audience,
    API_KEY_SCOPE: "read:things",
    LOCAL_TENANT: join(folder, "tenant.json"),
  };
  await writeFile(
    join(folder, "tenant.json"),
    JSON.stringify({ ...s.local.description, api_key_pepper: `1:${pepperOf("one")}` }),
  );
});
afterAll(async () => {
  for (const child of children) {
    const ended = once(child, "exit");
    if (child.kill("SIGTERM")) await ended;
  }
  await s.stop();
  await rm(folder, { recursive: true });
});

/** Starts a server of the examples on a free port; gives its URL, which it prints. */
async function serve(file: string): Promise<string> {
  const child = spawn(process.execPath, [file], {
    cwd: ROOT,
    env: { ...env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const chunk of child.stdout) return String(chunk).trim();
  throw new Error(`${file} ended`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const exchanges = () => s.local.tenant.logs.filter(({ type }) => type === "secte").length;

test("a CI job with curl: two calls, one exchange", async () => {
  const before = exchanges();
  const { stdout } = await run("bash", ["examples/ci-job.sh"], { cwd: ROOT, env });
  const [me, things] = stdout.trim().split("\n");
  expect(JSON.parse(me ?? "")).toMatchObject({ sub: ADA });
  expect(JSON.parse(things ?? "")).toEqual({ things: ["anvil", "rocket skates"] });
  expect(exchanges() - before).toBe(1);
});

test("a command-line program, after the CI job: the token is in the cache already", async () => {
  const before = exchanges();
  const call = async () => run(process.execPath, ["examples/command-line.mjs"], { cwd: ROOT, env });
  expect(JSON.parse((await call()).stdout)).toEqual({ things: ["anvil", "rocket skates"] });
  expect(exchanges() - before).toBe(0);
});

test("a command-line program explains what is wrong with a key", async () => {
  const mistyped = { ...env, API_KEY: key.slice(0, -1) };
  const failed = run(process.execPath, ["examples/command-line.mjs"], { cwd: ROOT, env: mistyped });
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stderr: "This is no API key: it was mistyped or cut. Copy the whole key again.\n",
  });
});

test("an Express API behind the gateway, called by a plugin that knows a key and a URL", async () => {
  const url = await serve("examples/express-gateway.mjs");
  const plugin = async (apiKey: string) => {
    const { stdout } = await run(process.execPath, ["examples/shop-plugin.mjs"], {
      env: { ...env, API_URL: url, API_KEY: apiKey },
      cwd: ROOT,
    });
    return stdout;
  };
  expect(await plugin(key)).toBe(`200 {"owner":"${ADA}","things":["anvil"]}\n`);
  expect(await plugin("acme_live_wrong")).toMatch(/^401 .*mistyped or cut/);
  const post = await fetch(`${url}/things`, { method: "POST", headers: { "x-api-key": key } });
  expect(post.status).toBe(403);
  expect(post.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
});

/** Starts nginx as in the example, in front of an API; gives its URL. */
async function serveNginx(api: string): Promise<string> {
  const authServer = await serve("examples/nginx/auth-server.mjs");
  const port = await freePort();
  const example = await readFile(join(ROOT, "examples/nginx/nginx.conf"), "utf8");
  const configuration = example
    .replace("@LISTEN@", `127.0.0.1:${port}`)
    .replace("@API@", api)
    .replace("@AUTH_SERVER@", authServer);
  const own = await mkdtemp(join(folder, "nginx-"));
  await writeFile(join(own, "nginx.conf"), configuration);
  // Its worker may run as another user, who must be able to pass through.
  for (const one of [folder, own]) await chmod(one, 0o755);
  const nginx = spawn("nginx", ["-p", own, "-c", "nginx.conf"], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(nginx);
  const url = `http://127.0.0.1:${port}`;
  const status = async () =>
    fetch(url).then(
      (answer) => answer.status,
      () => 0,
    );
  await expect.poll(status, { timeout: 5_000 }).not.toBe(0);
  return url;
}

test.runIf(hasNginx)(
  "nginx with auth_request: key in, token out; refusals with their challenge",
  async () => {
    const url = await serveNginx(s.local.description.api_url);
    const me = await fetch(`${url}/me`, { headers: { "x-api-key": key } });
    expect(await me.json()).toMatchObject({ sub: ADA });
    const { stdout } = await run("auth0-api-keys", ["token"], { env });
    const withToken = await fetch(`${url}/me`, { headers: { authorization: `Bearer ${stdout.trim()}` } });
    expect(await withToken.json()).toMatchObject({ sub: ADA });
    const refused = await fetch(`${url}/me`, { headers: { authorization: "Bearer acme_live_wrong" } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toContain('error="invalid_token"');
  },
);

test.runIf(hasNginx)(
  "nginx: what a caller writes into the headers of the example reaches neither the API nor the gateway",
  async () => {
    const echo = createHttpServer((request, response) => {
      response.end(JSON.stringify({ method: request.method, headers: request.headers }));
    }).listen(0, "127.0.0.1");
    await once(echo, "listening");
    const url = await serveNginx(`http://127.0.0.1:${(echo.address() as AddressInfo).port}`);
    const send = async (method: string, headers: Record<string, string>) => {
      const answer = await fetch(url, {
        method,
        headers: { "x-authorization": "Bearer forged", ...headers },
      });
      const body = (await answer.json().catch(() => ({}))) as { readonly headers?: Record<string, string> };
      return { status: answer.status, ...body };
    };
    const none = await send("GET", {});
    expect(none).toMatchObject({ status: 200, method: "GET" });
    expect(JSON.stringify(none)).not.toContain("forged");
    const withKey = await send("GET", { "x-api-key": key });
    expect(withKey.headers?.["authorization"]).toMatch(/^Bearer ey/);
    expect(JSON.stringify(withKey)).not.toMatch(new RegExp(`forged|${key.slice(-20)}`));
    // The subrequest is GET for all of them: what is asked for is the scope of the request itself.
    expect(await send("HEAD", { "x-api-key": key })).toMatchObject({ status: 200 });
    const { key: writer } = await s.create(ADA, { scope: "write:things" });
    expect(await send("POST", { "x-api-key": writer })).toMatchObject({ status: 200, method: "POST" });
    for (const forged of ["GET", "HEAD"]) {
      const headers = { "x-api-key": key, "x-original-method": forged };
      expect(await send("POST", headers)).toMatchObject({ status: 403 });
    }
    echo.close();
  },
);

test("self-service in Express: the API, the page and what the page loads", async () => {
  const url = await serve("examples/self-service/express.mjs");
  const authorization = `Bearer ${String((await logIn(s, ADA)).body["access_token"])}`;
  const made = await fetch(`${url}/self-service/api-keys`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ name: "from Express", scopes: ["read:things"] }),
  });
  expect(made.status).toBe(201);
  const { key: shown } = (await made.json()) as { readonly key: string };
  expect((await s.exchange(shown)).status).toBe(200);
  expect((await fetch(`${url}/self-service/api-keys`)).status).toBe(401);
  for (const path of ["/", "/main.js", "/element.js", "/auth0-spa-js.js", "/config.json"]) {
    const answer = await fetch(url + path);
    expect([path, answer.status]).toEqual([path, 200]);
    expect(answer.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
  }
});

test("self-service as a route handler of Next.js", async () => {
  const route = "examples/self-service/nextjs/app/api/self-service/[...path]/route.mjs";
  // As Next.js calls it: a Request with the whole path in, a Response out.
  const script = `const { GET } = await import(process.argv[1]);
    const headers = { authorization: process.env.AUTHORIZATION };
    const answer = await GET(new Request("http://app.example/api/self-service/scopes", { headers }));
    console.log(answer.status, (await answer.json()).scopes.map(({ value }) => value).join());`;
  const authorization = `Bearer ${String((await logIn(s, ADA)).body["access_token"])}`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script, join(ROOT, route)], {
    cwd: ROOT,
    env: { ...env, AUTHORIZATION: authorization },
  });
  expect(stdout).toBe("200 read:things,write:things\n");
});
