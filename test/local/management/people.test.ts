import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { manage, type Manage } from "../../support/management.ts";
import { ADA, AUDIENCE, CLIENT_ID, GRACE, stage, type Stage } from "../../support/stage.ts";

let s: Stage;
let api: Manage;
beforeAll(async () => {
  s = await stage();
  api = await manage(
    s,
    [
      "read:roles create:roles update:roles delete:roles read:users update:users",
      "read:organizations create:organizations update:organizations delete:organizations",
      "read:organization_members create:organization_members delete:organization_members",
      "read:client_grants create:client_grants update:client_grants delete:client_grants",
      "read:logs read:tenant_settings update:tenant_settings",
    ].flatMap((line) => line.split(" ")),
  );
});
afterAll(async () => s.stop());

const permissions = (...names: readonly string[]) => ({
  permissions: names.map((permission_name) => ({ permission_name, resource_server_identifier: AUDIENCE })),
});

describe("roles and permissions", () => {
  const user = `/users/${encodeURIComponent(ADA)}`;

  test("a user has direct permissions and those of roles, each with its source, and a token has both", async () => {
    const { status, body: role } = await api("POST", "/roles", { name: "writer" });
    expect([status, role]).toEqual([200, { id: role.id, name: "writer", description: "writer" }]);
    expect((await api("POST", "/roles", { name: "writer" })).status).toBe(409);
    const grant = await api(
      "POST",
      `/roles/${role.id}/permissions`,
      permissions("write:things", "read:things"),
    );
    expect(grant.status).toBe(201);
    expect((await api("POST", `${user}/roles`, { roles: [role.id] })).status).toBe(204);
    expect((await api("POST", `${user}/permissions`, permissions("read:things"))).status).toBe(201);
    const { body } = await api("GET", `${user}/permissions?include_totals=true`);
    const direct = { source_id: "", source_name: "", source_type: "DIRECT" };
    const byRole = { source_id: role.id, source_name: "writer", source_type: "ROLE" };
    expect(body).toMatchObject({
      total: 2,
      permissions: [
        { permission_name: "read:things", resource_server_name: AUDIENCE, sources: [direct, byRole] },
        { permission_name: "write:things", sources: [byRole] },
      ],
    });
    expect((await api("GET", `${user}/roles`)).body).toEqual([role]);

    await api("DELETE", `/roles/${role.id}/permissions`, permissions("write:things"));
    await api("DELETE", `${user}/permissions`, permissions("read:things"));
    expect((await api("GET", `${user}/permissions`)).body).toMatchObject([
      { permission_name: "read:things", sources: [byRole] },
    ]);
    expect((await api("PATCH", `/roles/${role.id}`, { name: "reader" })).body).toMatchObject({
      name: "reader",
    });
    await api("DELETE", `${user}/roles`, { roles: [role.id] });
    expect((await api("DELETE", `/roles/${role.id}`)).status).toBe(200);
    expect((await api("GET", `/roles/${role.id}`)).body["errorCode"]).toBe("inexistent_role");
  });

  test("a user who does not exist has none", async () => {
    expect((await api("GET", "/users/auth0%7Cnobody/roles")).body["errorCode"]).toBe("inexistent_user");
  });
});

describe("organizations", () => {
  test("are made, renamed and found by name; a name is taken once", async () => {
    const { status, body } = await api("POST", "/organizations", { name: "acme", display_name: "Acme" });
    expect([status, body.id]).toEqual([201, expect.stringMatching(/^org_[0-9A-Za-z]{16}$/)]);
    expect((await api("POST", "/organizations", { name: "acme" })).body["errorCode"]).toBe(
      "organization_conflict",
    );
    await api("PATCH", `/organizations/${body.id}`, { name: "acme-inc" });
    expect((await api("GET", "/organizations/name/acme-inc")).body.id).toBe(body.id);
    expect((await api("GET", "/organizations/name/acme")).body).toMatchObject({
      message: "No organization found by that id or name",
    });
  });

  test("list their members by checkpoint: next comes until a page is empty", async () => {
    const { body } = await api("POST", "/organizations", { name: "club" });
    const members = `/organizations/${body.id}/members`;
    expect((await api("POST", members, { members: [ADA, GRACE] })).status).toBe(204);
    expect((await api("POST", members, { members: Array.from({ length: 11 }, () => ADA) })).status).toBe(400);
    const first = await api("GET", `${members}?take=50`);
    expect(first.body).toMatchObject({ members: [{ user_id: ADA }, { user_id: GRACE }], next: "2" });
    expect((await api("GET", `${members}?take=50&from=2`)).body).toEqual({ members: [] });
    expect((await api("GET", `/users/${encodeURIComponent(ADA)}/organizations`)).body).toMatchObject([
      { name: "club" },
    ]);
    await api("DELETE", members, { members: [ADA] });
    expect((await api("GET", members)).body).toMatchObject([{ user_id: GRACE }]);
    expect((await api("DELETE", `/organizations/${body.id}`)).status).toBe(204);
  });
});

test("a client grant is one a client, API and subject type", async () => {
  const grant = { client_id: CLIENT_ID, audience: AUDIENCE, scope: ["read:things"] };
  const { status, body } = await api("POST", "/client-grants", grant);
  expect([status, body]).toEqual([201, { ...grant, id: body.id, subject_type: "client" }]);
  expect((await api("POST", "/client-grants", grant)).status).toBe(409);
  expect((await api("POST", "/client-grants", { ...grant, subject_type: "user" })).status).toBe(201);
  expect((await api("PATCH", `/client-grants/${body.id}`, { scope: [] })).body).toMatchObject({ scope: [] });
  const found = await api("GET", `/client-grants?client_id=${CLIENT_ID}&subject_type=user`);
  expect(found.body).toMatchObject([{ subject_type: "user" }]);
  expect((await api("DELETE", `/client-grants/${body.id}`)).status).toBe(204);
  expect((await api("GET", `/client-grants/${body.id}`)).body["errorCode"]).toBe("inexistent_client_grant");
});

test("an exchange is in the tenant's logs, newest first, or from one on", async () => {
  const { key } = await s.create(ADA);
  await s.exchange(key);
  await s.exchange(key, { scope: "none:such" });
  const { body } = await api("GET", "/logs");
  const logs = body as unknown as readonly { readonly log_id: string; readonly type: string }[];
  expect(logs.length).toBeGreaterThanOrEqual(2);
  const [newest, older] = logs;
  expect((await api("GET", `/logs/${newest?.log_id}`)).body).toMatchObject({ type: newest?.type });
  expect((await api("GET", `/logs?from=${older?.log_id}&take=1`)).body).toMatchObject([newest]);
  expect(JSON.stringify(body)).not.toContain(key);
});

test("the tenant's settings are changed field by field", async () => {
  await api("PATCH", "/tenants/settings", { default_audience: AUDIENCE });
  expect((await api("GET", "/tenants/settings")).body).toEqual({
    friendly_name: "Local tenant",
    default_audience: AUDIENCE,
  });
});
