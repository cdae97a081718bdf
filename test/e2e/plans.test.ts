import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { writeLocalFile } from "../../src/cli/local-file.ts";
import type { Plan } from "../../src/local/plans.ts";
import { createApiKeysHandler, openStores } from "../../src/self-service/index.ts";
import { runKeysCli } from "../support/cli.ts";
import { newClock } from "../support/clock.ts";
import { deployInProcess } from "../support/deploy-in-process.ts";
import { PEPPER } from "../support/deploying.ts";
import { logIn, SELF_SERVICE } from "../support/log-in.ts";
import { ADA, CONFIG, GRACE, stage, type Stage } from "../support/stage.ts";

const PLANS: readonly Plan[] = ["professional", "enterprise-nonproduction"];
const KINDS = ["users", "resource-servers", "actions", "connections", "organizations"];

describe.each(PLANS)("on the plan %s", (plan) => {
  // Whoever waits leaps, and nothing really waits.
  const clock = newClock();
  let s: Stage;
  let folder: string;
  let env: { readonly LOCAL_TENANT_DIR: string };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "plans-"));
    env = { LOCAL_TENANT_DIR: folder };
    s = await stage({ plan, deployed: false, nowMs: clock.nowMs, selfService: SELF_SERVICE });
    await writeLocalFile(env, { ...s.local.description, api_key_pepper: PEPPER });
  });
  afterAll(async () => {
    await s.stop();
    await rm(folder, { recursive: true });
  });
  // Others have used up the limit when a program begins.
  beforeEach(() => {
    for (const kind of KINDS) while (s.local.tenant.managementRate(kind)?.take("tenant"));
  });

  const deploy = async (...argv: readonly string[]) => {
    const { code, stderr } = await deployInProcess(
      [...argv, "--journal", join(folder, "journal.jsonl")],
      env,
      clock,
    );
    return code === 0 ? 0 : stderr;
  };
  const keys = async (...argv: readonly string[]) => {
    const run = await runKeysCli([...argv, "--local"], env, "", clock);
    return { ...run, code: run.code === 0 ? 0 : run.err };
  };
  const create = async (user: string) =>
    JSON.parse((await keys("create", "--user", user, "--name", `n${Math.random()}`, "--json")).out) as {
      readonly id: string;
    };

  test("apply, plan, verify and doctor wait for the limit, and end with 0", async () => {
    expect(await deploy("apply", "--yes")).toBe(0);
    expect(await deploy("verify")).toBe(0);
    expect(await deploy("plan")).toBe(0);
    expect(await deploy("doctor")).toBe(0);
    expect(await deploy("drift")).toBe(0);
    expect(await deploy("apply", "--yes", "--prune")).toBe(0);
  });

  test("verify waits for the exchanges a second, too", async () => {
    while (s.local.tenant.exchangeRate?.take("tenant"));
    expect(await deploy("verify")).toBe(0);
  });

  test("every verb of keys waits for the limit, and ends with 0", async () => {
    const { id } = await create(ADA);
    const ofAda = ["--user", ADA];
    for (const argv of [
      ["list", ...ofAda],
      ["list", "--all-users"],
      ["show", id, ...ofAda],
      ["rotate", id, ...ofAda],
      ["rotate", id, ...ofAda, "--now"],
      ["rotate", id, ...ofAda],
      ["rotate", id, ...ofAda, "--cancel"],
      ["disable", id, ...ofAda],
      ["enable", id, ...ofAda],
      ["revoke", id, ...ofAda],
      ["prune", ...ofAda],
      ["init"],
      ["pepper", "status"],
      ["reconcile", "--fix", "--restore-entries", "--yes"],
    ]) {
      expect([argv.join(" "), (await keys(...argv)).code]).toEqual([argv.join(" "), 0]);
    }
  });

  test("keys that were made elsewhere are imported within the limit", async () => {
    const config = join(folder, "deploy.config.ts");
    const accepting = JSON.stringify({ ...CONFIG, policy: { acceptForeignKeys: true } });
    const from = JSON.stringify(resolve("src/deploy/config.ts"));
    await writeFile(
      config,
      `import { defineConfig } from ${from};\nexport default defineConfig(${accepting});\n`,
    );
    const file = join(folder, "import.jsonl");
    const lines = [ADA, GRACE].map((user_id) =>
      JSON.stringify({ key: user_id.repeat(5), user_id, name: "i" }),
    );
    await writeFile(file, `${lines.join("\n")}\n`);
    expect((await keys("import", file, "--write", "--config", config)).code).toBe(0);
  });

  test("a leaked key is revoked, and the keys of a linked user are transferred, within the limit", async () => {
    const made = await keys("create", "--user", GRACE, "--name", "leaked", "--json");
    const { key } = JSON.parse(made.out) as { readonly key: string };
    const revoke = await runKeysCli(["revoke", "--stdin", "--local"], env, `found: ${key}`, clock);
    expect([revoke.code, revoke.out]).toEqual([0, expect.stringContaining("revoked")]);
    await create(GRACE);
    const { users } = s.local.tenant;
    const [ada, grace] = [users.get(ADA), users.get(GRACE)];
    const identities = [ada, grace].flatMap((user) => user?.["identities"] as object[]);
    users.set(ADA, { ...ada, user_id: ADA, identities });
    users.delete(GRACE);
    expect((await keys("transfer", "--from", GRACE, "--to", ADA)).code).toBe(0);
    users.set(ADA, { ...users.get(ADA), user_id: ADA, identities: ada?.["identities"] });
    users.set(GRACE, { ...grace, user_id: GRACE, app_metadata: {} });
  });

  test("20 keys are made one after the other, and reconciled, though the limit is of 10 at once", async () => {
    for (let at = 0; at < 10; at++) for (const user of [ADA, GRACE]) await create(user);
    expect((await keys("reconcile")).code).toBe(0);
    expect((await keys("reconcile", "--fix")).code).toBe(0);
    expect((await keys("revoke", "--user", ADA, "--all")).code).toBe(0);
  });

  test("self-service lists, makes, rotates and revokes, for who comes back when told to; revoking at once", async () => {
    const { description } = s.local;
    const token = String((await logIn(s, GRACE)).body["access_token"]);
    const stores = openStores(
      s.config,
      {
        origin: s.settings.origin,
        managementApi: s.settings.managementApi,
        clientId: s.settings.clientId,
        clientSecret: s.settings.clientSecret,
        redisUrl: s.settings.redisUrl,
        redisToken: s.settings.redisToken,
        pepper: PEPPER,
      },
      { clock, nowMs: clock.nowMs },
    );
    const handler = createApiKeysHandler({
      stores,
      issuer: description.issuer,
      audience: SELF_SERVICE.audience,
    });
    const waited: string[] = [];
    const call = async (
      method: string,
      path: string,
      body?: object,
    ): Promise<readonly [number, string | undefined]> => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const text = body && JSON.stringify(body);
      const answer = await handler(
        new Request(`https://self-service.example${path}`, { method, headers, ...(text && { body: text }) }),
      );
      if (answer.status === 503 && waited.length < 20) {
        waited.push(method);
        await clock.sleep(Number(answer.headers.get("retry-after")) * 1000);
        return call(method, path, body);
      }
      const { api_key } = (await answer.json().catch(() => ({}))) as { api_key?: { readonly id: string } };
      return [answer.status, api_key?.id];
    };
    expect(await call("GET", "/scopes")).toEqual([200, undefined]);
    expect(await call("GET", "/api-keys")).toEqual([200, undefined]);
    const [made, id] = await call("POST", "/api-keys", { name: "self", scopes: [] });
    expect([made, await call("POST", `/api-keys/${id}/rotate`)]).toEqual([201, [200, id]]);
    while (s.local.tenant.managementRate("users")?.take("tenant"));
    expect(await call("DELETE", `/api-keys/${id}`)).toEqual([204, undefined]);
    // Who reads or makes a key may be told to come back, and who ends one never.
    expect(waited).not.toContain("DELETE");
    expect(waited.length).toBeLessThan(20);
  });

  test("rollback goes back, and ends with 0", async () => {
    expect(await deploy("rollback", "--yes")).toBe(0);
    expect(await deploy("apply", "--yes")).toBe(0);
  });

  test("destroy --keys ends every key, and ends with 0", async () => {
    expect(await deploy("destroy", "--yes", "--keys", "--tenant", "localhost")).toBe(0);
    expect(s.local.tenant.users.get(ADA)).not.toHaveProperty("app_metadata");
  });
});
