import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { buildElement } from "../../src/cli/build-package.ts";
import { SELF_SERVICE } from "../support/log-in.ts";
import { pageStage, violationsOf, type PageStage } from "../support/page-stage.ts";
import { pepperOf } from "../support/stage.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

let stage: PageStage;
let folder: string;
let server: ChildProcess;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "example-page-"));
  const typescript = join(ROOT, "node_modules/typescript/bin/tsc");
  [stage] = await Promise.all([
    pageStage(),
    promisify(execFile)(process.execPath, [typescript, "-p", "tsconfig.build.json"], { cwd: ROOT }),
    buildElement(join(ROOT, "dist/element/index.js")),
  ]);
  const file = join(folder, "tenant.json");
  const tenant = { ...stage.s.local.description, api_key_pepper: `1:${pepperOf("one")}` };
  await writeFile(file, JSON.stringify(tenant));
  server = spawn(process.execPath, ["examples/self-service/express.mjs"], {
    cwd: ROOT,
    env: { ...process.env, PORT: "0", LOCAL_TENANT: file },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const chunk of server.stdout ?? []) {
    url = String(chunk).trim();
    break;
  }
  // The example listens on a free port here: an operator would have told the tenant.
  const { clients } = stage.s.local.tenant;
  const client = clients.get(SELF_SERVICE.clientId);
  if (client) clients.set(client.client_id, { ...client, callbacks: [`${url}/`], web_origins: [url] });
});
afterAll(async () => {
  const ended = once(server, "exit");
  if (server.kill("SIGTERM")) await ended;
  await stage.stop();
  await rm(folder, { recursive: true });
});

test("the example of plain HTML: log in, make a key, under a policy that allows no inline anything", async () => {
  const page = await stage.open({ url });
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Grace Hopper" }).click();
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill("from the example");
  await page.getByRole("checkbox", { name: "read:things" }).check();
  await page.getByRole("button", { name: "Make key" }).click();
  const key = (await page.locator("code.value").textContent()) ?? "";
  expect((await stage.s.exchange(key)).status).toBe(200);
  await page.getByRole("button", { name: "Copy key" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("heading", { name: "from the example" }).waitFor();
  expect(await violationsOf(page)).toEqual([]);
  await page.context().close();
});
