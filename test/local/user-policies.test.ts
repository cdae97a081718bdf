import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Tenant } from "../../src/local/tenant.ts";
import type { ResourceServer } from "../../src/local/tenant-objects.ts";
import { newClock } from "../support/clock.ts";
import { manage } from "../support/management.ts";
import { ADA, AUDIENCE, claimsOf, CLIENT_ID, stage, type Stage } from "../support/stage.ts";

const clock = newClock();
let s: Stage;
let tenant: Tenant;
let key: string;
let before: { readonly api: ResourceServer | undefined; readonly throttling: Tenant["ipThrottling"] };
beforeAll(async () => {
  s = await stage({ limits: true, nowMs: clock.nowMs });
  tenant = s.local.tenant;
  ({ key } = await s.create(ADA));
  before = { api: tenant.resourceServers.get(AUDIENCE), throttling: tenant.ipThrottling };
});
afterAll(async () => s.stop());
beforeEach(async () => {
  // A second for the next exchanges, and hours for the address.
  await clock.sleep(7_200_000);
  tenant.guardianPolicies.splice(0);
  tenant.userRoles.clear();
  tenant.userPermissions.clear();
  tenant.ipThrottling = before.throttling;
  api({});
});

const api = (by: Partial<ResourceServer>) =>
  before.api && tenant.resourceServers.set(AUDIENCE, { ...before.api, ...by });
const permission = (permission_name: string) => ({ resource_server_identifier: AUDIENCE, permission_name });
const all = { scope: "read:things write:things delete:things" };

describe("role-based access control", () => {
  test("gives a user the scopes of direct permissions and of roles, and no other", async () => {
    api({ enforce_policies: true });
    tenant.userPermissions.set(ADA, [permission("read:things"), permission("unknown")]);
    const role = { id: "rol_1", name: "writer", description: "", permissions: [permission("write:things")] };
    tenant.roles.set(role.id, role);
    tenant.userRoles.set(ADA, new Set([role.id]));
    const { body } = await s.exchange(key, all);
    expect(body["scope"]).toBe("read:things write:things");
    expect(claimsOf(body["access_token"])).not.toHaveProperty("permissions");
  });

  test("gives every scope where it is off", async () => {
    const { body } = await s.exchange(key, all);
    expect(claimsOf(body["access_token"])["scope"]).toBe(all.scope);
  });

  test("adds permissions in the dialects that have them, which nothing narrows", async () => {
    api({ enforce_policies: true, token_dialect: "access_token_authz" });
    tenant.userPermissions.set(ADA, [permission("read:things"), permission("write:things")]);
    const { body } = await s.exchange(key, { scope: "read:things" });
    expect(claimsOf(body["access_token"])).toMatchObject({
      scope: "read:things",
      permissions: ["read:things", "write:things"],
    });
  });
});

test("a policy that demands MFA refuses an exchange with an actor", async () => {
  tenant.guardianPolicies.push("all-applications");
  const { status, body } = await s.exchange(key);
  expect([status, body]).toEqual([
    400,
    {
      error: "invalid_request",
      error_description: "MFA is not supported using actor_token with the requested token exchange profile.",
    },
  ]);
});

test("a user whose connection is not enabled for the client is refused, and the tenant log alone says why", async () => {
  const [connection] = tenant.connections.values();
  if (!connection) throw new Error("no connection");
  tenant.connections.set(connection.id, { ...connection, enabledClients: new Set() });
  const { status, body } = await s.exchange(key);
  tenant.connections.set(connection.id, connection);
  expect([status, body["error_description"]]).toEqual([400, "Token exchange failed."]);
  expect(tenant.logs.at(-1)).toMatchObject({
    type: "fecte",
    description: "The user's connection is not enabled for the client.",
  });
});

test.each([
  ["allow_all", false, 200],
  ["deny_all", true, 403],
  ["require_client_grant", false, 403],
  ["require_client_grant", true, 200],
] as const)("an API that says %s (granted: %s) answers %i", async (policy, isGranted, status) => {
  api({ subject_type_authorization: { user: { policy } } });
  const grant = { client_id: CLIENT_ID, audience: AUDIENCE, scope: [], subject_type: "user" as const };
  if (isGranted) tenant.clientGrants.push(grant);
  const answer = await s.exchange(key);
  if (isGranted) tenant.clientGrants.pop();
  expect(answer.status).toBe(status);
});

describe("suspicious-IP throttling follows its settings", () => {
  test("an exempt address, and any where it is off, is never throttled", async () => {
    for (let at = 0; at < 12; at++) tenant.ipAttempts?.take("127.0.0.1");
    expect((await s.exchange(key)).status).toBe(429);
    tenant.ipThrottling = { ...before.throttling, allowlist: ["127.0.0.1"] };
    expect((await s.exchange(key)).status).toBe(200);
    tenant.ipThrottling = { ...before.throttling, enabled: false };
    expect((await s.exchange(key)).status).toBe(200);
  });

  test("a stage that is changed counts by its new limit", async () => {
    const call = await manage(s);
    const stage = { "pre-custom-token-exchange": { max_attempts: 1, rate: 1_000 } };
    await call("PATCH", "/attack-protection/suspicious-ip-throttling", { stage });
    tenant.ipAttempts?.take("127.0.0.1");
    expect((await s.exchange(key)).status).toBe(429);
    await clock.sleep(1_000);
    expect((await s.exchange(key)).status).toBe(200);
  });
});
