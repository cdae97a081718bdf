import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { SELF_SERVICE } from "../support/log-in.ts";
import { OPERATIONS } from "../support/openapi.ts";
import { keyIn, selfServiceStage, type SelfServiceStage, type ShownKey } from "../support/self-service.ts";
import { ADA, claimsOf, GRACE, type Answer } from "../support/stage.ts";

const ONE = "org_0000000000000001";
const OTHER = "org_0000000000000002";
const PERMISSION = "manage:organization_api_keys";
const ROUTES = OPERATIONS.filter((one) => one.includes(" /organization/"));
const BODIES: Readonly<Record<string, object>> = {
  "POST /organization/api-keys": { name: "attack", scopes: ["read:things"] },
  "PATCH /organization/api-keys/{id}": { name: "attacked" },
};
const NOBODYS_ID = "zzzzzzzzzzzz";

let stage: SelfServiceStage;
let admin: string;
let member: string;
let personal: string;
let elsewhere: string;
beforeAll(async () => {
  stage = await selfServiceStage({
    config: { serviceUsers: { connection: "api-key-service-users" } },
    handler: { organizationKeys: { permission: PERMISSION } },
  });
  const { tenant } = stage.s.local;
  for (const [id, name] of [
    [ONE, "one"],
    [OTHER, "other"],
  ] as const) {
    const enabledConnections = new Set(tenant.connections.keys());
    const members = new Set([ADA, GRACE]);
    tenant.organizations.set(id, { id, name, display_name: name, members, enabledConnections });
  }
  // As an operator sets self-service up for administrators: RBAC, with permissions in its own tokens.
  const api = tenant.resourceServers.get(SELF_SERVICE.audience);
  if (api) {
    const scopes = [...api.scopes, PERMISSION];
    const rbac = { enforce_policies: true, token_dialect: "access_token_authz" } as const;
    tenant.resourceServers.set(SELF_SERVICE.audience, { ...api, ...rbac, scopes });
  }
  const may = (...names: string[]) =>
    names.map((permission_name) => ({
      permission_name,
      resource_server_identifier: SELF_SERVICE.audience,
    }));
  tenant.userPermissions.set(ADA, may("read:api_keys", "write:api_keys", PERMISSION));
  tenant.userPermissions.set(GRACE, may("read:api_keys", "write:api_keys"));
  const scope = `openid read:api_keys write:api_keys ${PERMISSION}`;
  [admin, member, personal, elsewhere] = await Promise.all([
    stage.tokenOf(ADA, { organization: ONE, scope }),
    stage.tokenOf(GRACE, { organization: ONE, scope }),
    stage.tokenOf(ADA, { scope }),
    stage.tokenOf(ADA, { organization: OTHER, scope }),
  ]);
});
afterAll(async () => stage.stop());

const call = async (
  method: string,
  path: string,
  token: string,
  body?: object,
  headers = {},
): Promise<Answer> => stage.call(method, `/organization${path}`, { token, ...(body && { body }), headers });
const list = async (token: string) => (await call("GET", "/api-keys", token)).body["api_keys"] as ShownKey[];

test("an administrator makes a key that the organization owns: it acts as its service user", async () => {
  expect(await list(admin)).toEqual([]);
  const made = await call("POST", "/api-keys", admin, { name: "build server", scopes: ["read:things"] });
  expect([made.status, keyIn(made)["organization_id"]]).toEqual([201, ONE]);
  const { body } = await stage.s.exchange(made.body["key"] as string);
  expect(claimsOf(body["access_token"])).toMatchObject({ sub: `auth0|api-keys-${ONE}`, org_id: ONE });

  const { id } = keyIn(made);
  expect((await list(admin)).map(({ name }) => name)).toEqual(["build server"]);
  expect((await call("PATCH", `/api-keys/${id}`, admin, { name: "builds" })).status).toBe(200);
  const rotated = await call("POST", `/api-keys/${id}/rotate`, admin);
  expect((await stage.s.exchange(rotated.body["key"] as string)).status).toBe(200);
  expect((await call("POST", `/api-keys/${id}/end-overlap`, admin)).status).toBe(200);
  // It is nobody's own key, and the other organization's neither.
  expect((await stage.call("GET", `/api-keys/${id}`, { token: admin })).status).toBe(404);
  expect((await call("GET", `/api-keys/${id}`, elsewhere)).status).toBe(404);
  expect((await call("DELETE", `/api-keys/${id}`, elsewhere)).status).toBe(404);
  expect(await list(elsewhere)).toEqual([]);
  expect((await call("DELETE", `/api-keys/${id}`, admin)).status).toBe(204);
  expect((await stage.s.exchange(rotated.body["key"] as string)).status).toBe(400);
  expect((await call("GET", "/scopes", admin)).body).toMatchObject({
    organization_id: ONE,
    organizations: [{ id: ONE }],
  });
});

test("what was done is told of the administrator, and not of the service user", async () => {
  const actors: string[] = [];
  const keys = { ...stage.stores.keys, audit: ({ actor }: { actor: string }) => void actors.push(actor) };
  const { createApiKeysHandler } = await import("../../src/self-service/index.ts");
  const handler = createApiKeysHandler({
    stores: { ...stage.stores, keys },
    issuer: stage.s.local.description.issuer,
    audience: SELF_SERVICE.audience,
    organizationKeys: { permission: PERMISSION },
  });
  const headers = { authorization: `Bearer ${admin}`, "content-type": "application/json" };
  const body = JSON.stringify({ name: "audited", scopes: [] });
  const url = "http://self-service.example/organization/api-keys";
  expect((await handler(new Request(url, { method: "POST", headers, body }))).status).toBe(201);
  expect(actors).toEqual([`self-service:${ADA}`]);
});

test("an Idempotency-Key shows one administrator's key to no other", async () => {
  const { tenant } = stage.s.local;
  tenant.userPermissions.set(GRACE, tenant.userPermissions.get(ADA) ?? []);
  const second = await stage.tokenOf(GRACE, {
    organization: ONE,
    scope: `openid read:api_keys write:api_keys ${PERMISSION}`,
  });
  const body = { name: "shared request", scopes: ["read:things"] };
  const headers = { "idempotency-key": "shared" };
  const first = await call("POST", "/api-keys", admin, body, headers);
  const again = await call("POST", "/api-keys", admin, body, headers);
  const others = await call("POST", "/api-keys", second, body, headers);
  expect(again.body["key"]).toBe(first.body["key"]);
  expect(others.body["code"]).toBe("name_taken");
});

describe.each(ROUTES)("%s", (route) => {
  const [method = "", path = ""] = route.replace("/organization", "").split(" ");
  const send = async (token: string, id = NOBODYS_ID) =>
    call(method, path.replace("{id}", id), token, BODIES[route]);

  test("is refused without the permission, though the scope was asked for, and without an organization", async () => {
    expect(claimsOf(member)["permissions"]).not.toContain(PERMISSION);
    for (const token of [member, personal]) {
      const answer = await send(token);
      expect([answer.status, answer.body["code"]]).toEqual([403, "organization_admin_required"]);
    }
  });

  test("is refused where nobody was told to manage such keys", async () => {
    const { createApiKeysHandler } = await import("../../src/self-service/index.ts");
    const handler = createApiKeysHandler({
      stores: stage.stores,
      issuer: stage.s.local.description.issuer,
      audience: SELF_SERVICE.audience,
    });
    const url = `http://self-service.example/organization${path.replace("{id}", NOBODYS_ID)}`;
    const answer = await handler(new Request(url, { method, headers: { authorization: `Bearer ${admin}` } }));
    expect(answer.status).toBe(403);
  });
});
