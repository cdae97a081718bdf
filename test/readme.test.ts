import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, it, test } from "vitest";

import { INFERRED } from "../src/local/fidelity.ts";
import type { LocalTenantDescription } from "../src/local/start.ts";

const run = promisify(execFile);
const README = readFileSync("README.md", "utf8");
const folder = mkdtempSync(join(tmpdir(), "readme-"));
const env = { ...process.env, LOCAL_TENANT_DIR: folder };

let tenant: ChildProcess;
let description: LocalTenantDescription;
beforeAll(async () => {
  tenant = spawn(process.execPath, ["--import", "tsx", "scripts/dev.ts", "--json", "--port", "0"], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  for await (const chunk of tenant.stdout ?? []) {
    out += String(chunk);
    if (out.includes("\n")) break;
  }
  description = JSON.parse(out) as LocalTenantDescription;
});
afterAll(() => {
  tenant.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

/** The redis-servers that a process has started, where the system tells. */
function redisServersOf(pid: number | undefined): readonly number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ").filter(Boolean) : [];
  return children
    .filter((child) => readFileSync(`/proc/${child}/comm`, "utf8").trim() === "redis-server")
    .map(Number);
}

/** The blocks of a document that a reader is to type in, in order. */
function commandsOf(markdown: string): string {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join("\n");
}

test("npm start -- --json prints one line with everything in it", () => {
  expect(Object.keys(description)).toEqual(
    expect.arrayContaining([
      "issuer",
      "token_endpoint",
      "jwks_uri",
      "management_api",
      "management_client_id",
      "management_client_secret",
      "redis_rest_url",
      "redis_rest_token",
      "subject_token_type",
      "client_id",
      "audience",
      "users",
      "api_url",
      "self_service_url",
    ]),
  );
});

test("the page is at / of the self-service API's origin, and at / of the issuer", async () => {
  const page = await fetch(description.issuer);
  expect(page.url).toBe(new URL("/", description.self_service_url).href);
  expect(await page.text()).toContain("<auth0-api-keys>");
  expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none';.*script-src 'self';/);
  const { status } = await fetch(`${description.self_service_url}/api-keys`);
  expect(status).toBe(401);
});

test("the README's commands do what it says", async () => {
  const script = commandsOf(README)
    .replaceAll("http://127.0.0.1:4400/", description.issuer)
    .replaceAll("http://127.0.0.1:4402", description.api_url)
    // What npm run adds is npm's own; here the same script is run without it.
    .replaceAll("npm run --silent keys --", `"${process.execPath}" --import tsx scripts/keys.ts`);
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], { env });
  expect(stdout).toContain('{"things":["anvil","rocket skates"]}');
  expect(stdout).toMatch(/^[0-9A-Za-z]{12} +laptop +active +read:things/m);
  expect(stdout).toMatch(/^Key [0-9A-Za-z]{12} was revoked at /m);
});

it.each(Object.keys(INFERRED))("docs/FIDELITY.md explains the switch %s", (name) => {
  expect(readFileSync("docs/FIDELITY.md", "utf8")).toContain(`| \`${name}\` `);
});

it.each([...README.matchAll(/`npm (run [a-z]+|start|test)/g)].map(([, command]) => command ?? ""))(
  "npm %s exists",
  (command) => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(scripts).toHaveProperty(command.replace("run ", ""));
  },
);

it.each([...README.matchAll(/\]\(((?!http)[^)]+)\)/g)].map(([, path]) => path ?? ""))(
  "the link to %s leads somewhere",
  (path) => {
    const [file = "", heading] = path.split("#");
    expect(() => readdirSync(file)).not.toThrow(expect.objectContaining({ code: "ENOENT" }));
    if (heading === undefined) return;
    const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title);
    expect(headings.map((title) => title.toLowerCase().replaceAll(" ", "-"))).toContain(heading);
  },
);

test("SIGINT ends it all: it exits with 0, and forgets where it was", async () => {
  const redisServers = redisServersOf(tenant.pid);
  const ended = once(tenant, "exit");
  tenant.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  expect(readdirSync(folder)).toEqual(["pepper"]);
  await expect(fetch(description.issuer)).rejects.toThrow("fetch failed");
  for (const pid of redisServers)
    expect(() => process.kill(pid, 0), "a redis-server lives on").toThrow("ESRCH");
});
