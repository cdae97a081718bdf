import { afterAll, beforeAll, expect, test } from "vitest";

import { serviceUsers } from "../../src/stores/service-users.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { userRights, type UserRights } from "../../src/stores/user-rights.ts";
import { manage } from "../support/management.ts";
import { ADA, AUDIENCE, CLIENT_ID, OTHER_AUDIENCE, stage, type Stage } from "../support/stage.ts";
import { openWire, type Wire } from "../support/wire.ts";

let s: Stage;
let wire: Wire;
let rights: UserRights;
beforeAll(async () => {
  s = await stage();
  wire = openWire(s);
  rights = userRights(createManagementClient({ ...s.settings, timeoutMs: 5_000 }));
  const { tenant } = s.local;
  const permissions = (audience: string, count: number) =>
    Array.from({ length: count }, (_, at) => ({
      permission_name: `p${at}`,
      resource_server_identifier: audience,
    }));
  // What is asked for stands behind a thousand others.
  tenant.userPermissions.set(ADA, [...permissions(OTHER_AUDIENCE, 1_000), ...permissions(AUDIENCE, 3)]);
});
afterAll(async () => {
  wire.close();
  await s.stop();
});
const requests = async <T>(work: () => Promise<T>): Promise<readonly [T, readonly string[]]> => {
  const result = (await wire.disturb(-1, async (send) => send(), work)) as T;
  return [result, wire.requests.filter((one) => !one.endsWith("/oauth/token"))];
};

test("a user's permissions of an API cost one request, though the user has 1,000 of another", async () => {
  const [own, asked] = await requests(async () => rights.permissionsOf(ADA, AUDIENCE));
  expect([...own]).toEqual(["p0", "p1", "p2"]);
  expect(asked).toEqual([`GET /api/v2/users/${encodeURIComponent(ADA)}/effective-permissions`]);
});

test("1,000 permissions of one API are all there, in 10 requests", async () => {
  const [own, asked] = await requests(async () => rights.permissionsOf(ADA, OTHER_AUDIENCE));
  expect([own.size, asked.length]).toEqual([1_000, 10]);
});

const NOBODY = "auth0|nobody";
const NO_API = "https://none.example";
const NO_ORG = "org_0000000000000000";
const owned = () => {
  const client = createManagementClient({ ...s.settings, timeoutMs: 5_000 });
  const randomBytes = (size: number) => new Uint8Array(size);
  return serviceUsers(client, {
    connection: "service-users",
    clientIds: [CLIENT_ID],
    randomBytes,
    nowSeconds: () => 0,
  });
};

test.each<[string, () => Promise<unknown>, string, string]>([
  ["an API", async () => rights.rulesOf(NO_API), "audience_unknown", `API ${NO_API}`],
  ["a user's permissions", async () => rights.permissionsOf(NOBODY, AUDIENCE), "user_not_found", NOBODY],
  ["an organization", async () => owned().ensure(NO_ORG), "organization_not_found", NO_ORG],
])("%s that does not exist is named", async (_, work, code, named) => {
  await expect(work()).rejects.toMatchObject({ code, message: expect.stringContaining(named) as string });
});

test.each<[string, () => Promise<unknown>, string, string]>([
  ["an API", async () => rights.rulesOf(AUDIENCE), AUDIENCE, "read:resource_servers"],
  [
    "a user's permissions",
    async () => rights.permissionsOf(ADA, AUDIENCE),
    ADA,
    "read:user_effective_permissions",
  ],
  ["a user's organizations", async () => rights.organizationsOf(ADA), ADA, "read:organizations"],
  ["an organization", async () => owned().ensure(NO_ORG), NO_ORG, "read:organization_connections"],
])("without the permission, a request about %s names what it was about and what it needs", async (...row) => {
  const [, work, named, permission] = row;
  const scopes = s.local.tenant.clientGrants.find(({ audience }) => audience.endsWith("/api/v2/"))?.scope;
  await manage(s, []);
  rights = userRights(createManagementClient({ ...s.settings, timeoutMs: 5_000 }));
  await expect(work()).rejects.toMatchObject({
    code: "management_forbidden",
    message: expect.stringContaining(named) as string,
    fix: expect.stringContaining(permission) as string,
  });
  await manage(s, scopes);
});
