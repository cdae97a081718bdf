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

/** What proves each row of the security table: the file, and the beginning of the test's title as it stands there. */
const PROOFS: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  "a guess": [
    ["test/e2e/guessing.test.ts", "${RUNS} guesses: no throw, no grant"],
    [
      "test/e2e/decision-table.test.ts",
      "an unknown id and a right id with a wrong secret are answered with the same",
    ],
    ["test/e2e/decision-table.test.ts", "ten guesses throttle an address, others go on"],
  ],
  "a copy of Redis, or of `app_metadata`": [
    ["test/e2e/attacker.test.ts", "a copy of the stores leads to an imported key that is one of a series"],
  ],
  "write access to Redis": [
    [
      "test/e2e/older-records.test.ts",
      "an older record, put back at any moment of ${LIVES} lives, gives nothing beyond",
    ],
    [
      "test/core/key-entry.test.ts",
      "with a member that is not known is altered where its seal does not hold",
    ],
    ["test/e2e/attacker.test.ts", "who can write to Redis lets a revoked key's outstanding tokens pass"],
  ],
  "a token of a key, at an API": [
    ["test/e2e/passed-on.test.ts", "a key that is $kind, after $hops hops, to $next: $outcome"],
    ["test/self-service/attacks.test.ts", "a token that came from an API key is refused"],
  ],
  "the Action's secrets": [
    [
      "test/self-service/idempotency.test.ts",
      "a guessed Idempotency-Key, the Action's secrets and a look into Redis",
    ],
    [
      "test/e2e/last-used.test.ts",
      "with lastUsed off, an exchange is one request, notes nothing, and the Action could not",
    ],
    ["test/contracts/redis-rest.test.ts", "lets the read-only token read, and nothing more"],
  ],
  "an API key": [
    [
      "test/e2e/exchange.test.ts",
      "a key is exchanged for an access token of its user, and no longer once it is revoked",
    ],
    ["test/e2e/revocation.test.ts", "how long a revoked key lives on"],
  ],
};

test("every row of the security table has its proof, and no proof is without a row", () => {
  const [, table = ""] = README.split("## Security model");
  const rows = [...(table.split("\n## ")[0]?.matchAll(/^\| (.+?) +\| .+\|$/gm) ?? [])].map(
    ([, has = ""]) => has,
  );
  expect(rows.filter((has) => !/^-+$/.test(has)).slice(1)).toEqual(Object.keys(PROOFS));
});

it.each(Object.entries(PROOFS).flatMap(([row, proofs]) => proofs.map((proof) => [row, ...proof] as const)))(
  "%s: %s proves it: %s",
  (_, file, title) => {
    const titles = [
      ...readFileSync(file, "utf8").matchAll(/\b(?:test|it)(?:\(|\)\(|\S*\(\w+\)\()\s*["`](.+?)["`],/g),
    ];
    expect(titles.filter(([, one = ""]) => one.startsWith(title))).toHaveLength(1);
  },
);

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
