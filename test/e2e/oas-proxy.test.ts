import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createKey } from "../../src/keys/create.ts";
import { openKeys } from "../../src/keys/open-keys.ts";
import { planApply } from "../../src/deploy/apply.ts";
import { gatherFacts } from "../../src/deploy/doctor-facts.ts";
import { findDrift } from "../../src/deploy/drift.ts";
import { planDestroy, planRollback, undo } from "../../src/deploy/undo.ts";
import { dropKeys } from "../../src/keys/drop-keys.ts";
import { listKeys } from "../../src/keys/list.ts";
import { createOrganizationKey } from "../../src/keys/service-user.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { createApiKeysHandler, openStores } from "../../src/self-service/index.ts";
import { examineStore } from "../../src/stores/examine-store.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { userRights } from "../../src/stores/user-rights.ts";
import { deployingTo, planAndApply, strip } from "../support/deploying.ts";
import { manage } from "../support/management.ts";
import { runKeysCli } from "../support/cli.ts";
import { logIn, SELF_SERVICE } from "../support/log-in.ts";
import { ADA, AUDIENCE, environmentOf, pepperOf, stage, type Stage } from "../support/stage.ts";

// A validating proxy over Auth0's OpenAPI document: `$OAS_PROXY <upstream> <port>`. CI sets it where it has one.
const proxyCommand = process.env["OAS_PROXY"];

describe.runIf(proxyCommand !== undefined)(
  "the Management API, held against Auth0's OpenAPI document",
  () => {
    let s: Stage;
    let proxy: ChildProcess;
    let managementApi: string;
    const said: string[] = [];

    beforeAll(async () => {
      s = await stage({ selfService: SELF_SERVICE });
      const port = await freePort();
      managementApi = `http://127.0.0.1:${port}`;
      proxy = spawn(proxyCommand ?? "", [s.settings.managementApi, String(port)], {
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      proxy.stdout?.on("data", (chunk) => void said.push(String(chunk)));
      proxy.stderr?.on("data", (chunk) => void said.push(String(chunk)));
      for (let at = 0; at < 1_000 && !said.join("").includes("is listening on"); at++) await sleep(100);
    }, 120_000);
    afterAll(async () => {
      // The whole group: npx starts a shell, and that the proxy.
      const ended = once(proxy, "exit");
      if (proxy.pid !== undefined) process.kill(-proxy.pid, "SIGTERM");
      await ended;
      await s.stop();
    });

    test("create, list, revoke and drop make no request and get no answer that does not fit", async () => {
      const keys = openKeys(s.config, { ...s.settings, managementApi });
      const { apiKey } = await createKey(keys, ADA, { name: "through the proxy", scope: "read:things" });
      expect(await listKeys(keys, ADA)).toHaveLength(1);
      await revokeKey(keys, ADA, apiKey.id, "leaked");
      expect(await dropKeys(keys)).toMatchObject({ users: 1, entries: 1 });
      await keys.records.mark();
      const text = said.join("");
      expect(text).toMatch(/PATCH|patch/);
      expect(text).not.toMatch(/violation/i);
    });

    test("nor does making a key that an organization owns", async () => {
      const id = "org_4fJ2kQ9xZb1T3hXy";
      const { organizations, connections } = s.local.tenant;
      organizations.set(id, {
        id,
        name: "acme-inc",
        display_name: "Acme",
        members: new Set(),
        enabledConnections: new Set(connections.keys()),
      });
      // Made first: an empty list, a last page, fits two of the document's shapes at once, which it forbids.
      const client = createManagementClient({ ...s.settings, managementApi, timeoutMs: 5_000 });
      const options = { disable_signup: true, disable_self_service_change_password: true };
      await client.connections.create({ name: "api-key-service-users", strategy: "auth0", options });
      const config = { ...s.config, serviceUsers: { connection: "api-key-service-users" } };
      const keys = openKeys(config, { ...s.settings, managementApi });
      for (const name of ["first", "second"]) {
        const { apiKey } = await createOrganizationKey(keys, id, { name });
        expect((await s.exchange(apiKey.reveal())).status).toBe(200);
      }
      expect(said.join("")).not.toMatch(/violation/i);
    });

    test("nor does what self-service reads of a user's rights", async () => {
      const client = createManagementClient({ ...s.settings, managementApi, timeoutMs: 5_000 });
      const rights = userRights(client);
      await rights.rulesOf(AUDIENCE);
      await rights.permissionsOf(ADA, AUDIENCE);
      await rights.organizationsOf(ADA);
      expect(said.join("")).not.toMatch(/violation/i);
    });

    test("nor does any verb of the keys program", async () => {
      const env = { ...environmentOf(s), AUTH0_MANAGEMENT_API: managementApi };
      const run = async (argv: readonly string[], stdin = "") => {
        const done = await runKeysCli(argv, env, stdin);
        expect([argv.join(" "), done.code, done.err]).toEqual([argv.join(" "), 0, expect.anything()]);
        return done.out;
      };
      const ofAda = ["--user", ADA];
      const make = async () =>
        JSON.parse(await run(["create", ...ofAda, "--name", `n${Math.random()}`, "--json"])) as {
          readonly id: string;
          readonly key: string;
        };
      const { id } = await make();
      for (const argv of [
        ["rotate", id, ...ofAda],
        ["rotate", id, ...ofAda, "--cancel"],
        ["disable", id, ...ofAda],
        ["enable", id, ...ofAda],
        ["show", id, ...ofAda],
        ["list", "--all-users"],
        ["reconcile", "--fix"],
        ["pepper", "status"],
        ["revoke", ...ofAda, "--all"],
        ["prune", ...ofAda],
      ]) {
        await run(argv);
      }
      await run(["revoke", "--stdin"], (await make()).key);
      expect(said.join("")).not.toMatch(/violation/i);
    });

    test("nor does self-service", async () => {
      const { origin, clientId, clientSecret, redisUrl, redisToken } = s.settings;
      const settings = { origin, managementApi, clientId, clientSecret, redisUrl, redisToken };
      const handler = createApiKeysHandler({
        stores: openStores(s.config, { ...settings, pepper: `1:${pepperOf("one")}` }),
        issuer: s.local.description.issuer,
        audience: SELF_SERVICE.audience,
      });
      const token = String((await logIn(s, ADA)).body["access_token"]);
      const call = async (method: string, path: string, body?: object) => {
        const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
        const text = body && { body: JSON.stringify(body) };
        const answer = await handler(
          new Request(`https://self-service.example${path}`, { method, headers, ...text }),
        );
        expect([method, path, answer.ok]).toEqual([method, path, true]);
        return (await answer.json().catch(() => ({}))) as { readonly api_key?: { readonly id: string } };
      };
      await call("GET", "/scopes");
      const { api_key } = await call("POST", "/api-keys", { name: "through the proxy", scopes: [] });
      await call("GET", "/api-keys");
      await call("PATCH", `/api-keys/${api_key?.id}`, { name: "renamed" });
      await call("POST", `/api-keys/${api_key?.id}/rotate`);
      await call("DELETE", `/api-keys/${api_key?.id}`);
      expect(said.join("")).not.toMatch(/violation/i);
    });

    test("nor do apply, drift, doctor, rollback and destroy", async () => {
      strip(s.local.tenant);
      const clock = { nowMs: Date.now, sleep: async (ms: number) => sleep(Math.min(ms, 250)) };
      const throughProxy = { ...s, settings: { ...s.settings, managementApi } };
      const config = { ipThrottling: { maxAttempts: 20, regainMs: 60_000 } };
      const deploying = await deployingTo(throughProxy, clock, { config });
      await planAndApply(deploying);
      const again = await deployingTo(throughProxy, clock, { config, redisToken: "another" });
      const second = { ...again, journal: deploying.journal };
      await planAndApply(second);
      expect(await findDrift(second)).toEqual([]);
      const { redisUrl: url, redisToken: token, peppers } = s.settings;
      await gatherFacts({
        ...second,
        config: { ...s.config, verify: { userId: ADA } },
        grant: async () => Promise.resolve({ scopes: [], date: null }),
        plan: async () => planApply(second),
        store: async () => examineStore({ url, token, actionToken: token }, s.config, peppers),
      });
      await undo(second, "rollback", await planRollback(second));
      await undo(second, "destroy", await planDestroy(second));
      expect(s.local.tenant.actionStates.size).toBe(0);
      const text = said.join("");
      expect(text).toMatch(/token-exchange-profiles/);
      expect(text).not.toMatch(/violation/i);
    });

    test("nor do the endpoints that no program of ours calls", async () => {
      const scopes = [
        "roles",
        "organizations",
        "organization_members",
        "client_grants",
        "connections",
        "clients",
      ]
        .flatMap((what) => ["read", "create", "update", "delete"].map((verb) => `${verb}:${what}`))
        .concat("read:logs", "read:tenant_settings", "update:tenant_settings", "read:users", "update:users")
        .concat(
          "read:mfa_policies",
          "update:mfa_policies",
          "read:resource_servers",
          "create:resource_servers",
        );
      const api = await manage(s, scopes, managementApi);
      await s.exchange((await s.create(ADA)).key);
      const user = `/users/${encodeURIComponent(ADA)}`;
      await api("POST", "/resource-servers", { identifier: AUDIENCE, scopes: [{ value: "read:things" }] });
      const role = await api("POST", "/roles", { name: "reader" });
      const permission = { permission_name: "read:things", resource_server_identifier: AUDIENCE };
      await api("POST", `/roles/${role.body.id}/permissions`, { permissions: [permission] });
      await api("POST", `${user}/permissions`, { permissions: [permission] });
      await api("POST", `${user}/roles`, { roles: [role.body.id] });
      const organization = await api("POST", "/organizations", { name: "acme" });
      await api("POST", `/organizations/${organization.body.id}/members`, { members: [ADA] });
      const client = await api("POST", "/clients", { name: "made" });
      const grant = { audience: AUDIENCE, scope: ["read:things"] };
      await api("POST", "/client-grants", { ...grant, client_id: client.body["client_id"] });
      const connection = await api("POST", "/connections", { name: "extra", strategy: "auth0" });
      await api("PUT", "/guardian/policies", ["confidence-score"]);
      await api("PATCH", "/tenants/settings", { friendly_name: "Acme" });
      for (const path of [
        "/roles?include_totals=true",
        `/roles/${role.body.id}`,
        `/roles/${role.body.id}/permissions`,
        `${user}/permissions?include_totals=true`,
        `${user}/roles`,
        `${user}/organizations`,
        "/organizations?take=10",
        `/organizations/${organization.body.id}/members?take=10`,
        "/clients?include_totals=true",
        "/client-grants?take=10",
        "/connections?take=10",
        `/connections/${connection.body.id}/clients`,
        "/guardian/policies",
        "/tenants/settings",
        "/logs?include_totals=true",
        "/logs?take=10&from=0",
      ]) {
        const { status, body } = await api("GET", path);
        expect([path, status, body]).toEqual([path, 200, body]);
      }
      expect(said.join("")).not.toMatch(/violation/i);
    });
  },
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
