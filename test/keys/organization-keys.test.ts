import { newUser } from "../../src/local/management/users.ts";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";

import { keyEntriesOf } from "../support/entries.ts";
import { createOrganizationKey } from "../../src/keys/service-user.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { serviceUsers } from "../../src/stores/service-users.ts";
import { createManagementClient } from "../../src/stores/management-client.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { ADA, CLIENT_ID, environmentOf, OTHER_CLIENT_ID, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

const ORG = "org_4fJ2kQ9xZb1T3hXy";
const SERVICE_USER = `auth0|api-keys-${ORG}`;
const CONNECTION = "api-key-service-users";

let clock: TestClock;
let s: Stage;
let wire: Wire;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({ nowMs: () => clock.nowMs, config: { serviceUsers: { connection: CONNECTION } } });
  wire = openWire(s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});
beforeEach(() => {
  const { tenant } = s.local;
  tenant.users.delete(SERVICE_USER);
  for (const [id, { name }] of tenant.connections) if (name === CONNECTION) tenant.connections.delete(id);
  tenant.organizations.set(ORG, {
    id: ORG,
    name: "acme",
    display_name: "Acme Inc.",
    members: new Set([ADA]),
    enabledConnections: new Set(tenant.connections.keys()),
  });
});

const keys = async (...argv: readonly string[]): Promise<Run> =>
  runKeysCli([...argv, "--config", "test/support/organizations.config.ts"], environmentOf(s));
const create = async (...more: readonly string[]) =>
  keys("create", "--org", ORG, "--service-user", "--name", `n${Math.random()}`, "--json", ...more);
const made = ({ out }: Run) =>
  JSON.parse(out) as { readonly key: string; readonly id: string; readonly user_id: string };

describe("a key that an organization owns", () => {
  it("acts as the organization's service user, in the organization, and no person is in it", async () => {
    const run = await create("--scope", "read:things");
    expect([run.code, made(run).user_id]).toEqual([0, SERVICE_USER]);
    const { body } = await s.exchange(made(run).key);
    expect(decodeJwt(String(body["access_token"]))).toMatchObject({
      sub: SERVICE_USER,
      org_id: ORG,
      act: { sub: `api-key|${made(run).id}` },
      scope: "read:things",
    });
  });

  it("has one service user an organization, in a connection where nobody signs up, with a password that nobody knows", async () => {
    const runs = [await create(), await create()];
    expect(runs.map((run) => made(run).user_id)).toEqual([SERVICE_USER, SERVICE_USER]);
    const { connections, users, organizations } = s.local.tenant;
    const own = [...connections.values()].filter(({ name }) => name === CONNECTION);
    expect(own).toMatchObject([
      {
        strategy: "auth0",
        options: { disable_signup: true, disable_self_service_change_password: true },
        enabledClients: new Set([CLIENT_ID, OTHER_CLIENT_ID]),
      },
    ]);
    expect(users.get(SERVICE_USER)).toMatchObject({
      name: "API keys of Acme Inc.",
      email: "org_4fj2kq9xzb1t3hxy@service-users.invalid",
      email_verified: false,
      identities: [{ connection: CONNECTION }],
    });
    expect([...(organizations.get(ORG)?.members ?? [])]).toEqual([ADA, SERVICE_USER]);
    expect(keyEntriesOf(users.get(SERVICE_USER)?.["app_metadata"]).map(({ org_id }) => org_id)).toEqual([
      ORG,
      ORG,
    ]);
  });

  it("survives the person who made it, and ends with the organization's membership of its service user", async () => {
    const { key } = made(await create());
    const mine = await s.create(ADA, { organizationId: ORG });
    const organization = s.local.tenant.organizations.get(ORG);
    if (!organization) throw new Error("no organization");
    s.local.tenant.organizations.set(ORG, { ...organization, members: new Set([SERVICE_USER]) });
    expect([(await s.exchange(key)).status, (await s.exchange(mine.key)).status]).toEqual([200, 400]);
    s.local.tenant.organizations.set(ORG, { ...organization, members: new Set() });
    expect((await s.exchange(key)).status).toBe(400);
  });

  it("is listed, shown, rotated, disabled and revoked by --org", async () => {
    const { id, key } = made(await create("--scope", "read:things"));
    const rotated = await keys("rotate", id, "--org", ORG);
    const listed = await keys("list", "--org", ORG, "--json");
    expect((JSON.parse(listed.out) as { readonly id: string }[]).map((one) => one.id)).toEqual([id]);
    expect((await keys("show", id, "--org", ORG)).out).toContain(SERVICE_USER);
    expect((await keys("disable", id, "--org", ORG)).out).toBe(`Key ${id} is disabled.\n`);
    expect((await s.exchange(rotated.out.trim())).body["error_description"]).toContain("disabled");
    await keys("enable", id, "--org", ORG);
    expect((await s.exchange(key)).status).toBe(200);
    expect((await keys("revoke", "--org", ORG, "--all")).out).toContain("revoked");
    expect((await s.exchange(key)).body["error_description"]).toContain("was revoked");
  });
});

test.each<[string, object]>([
  ["lets people sign up", { strategy: "auth0", options: { disable_signup: false } }],
  ["does not say that nobody can sign up", { strategy: "auth0" }],
  ["is of no database", { strategy: "google-oauth2", options: { disable_signup: true } }],
])("a connection that is there and %s is refused for service users, and nothing is made", async (_, of) => {
  const { connections, users } = s.local.tenant;
  const there = { id: "con_open", name: CONNECTION, enabledClients: new Set<string>(), strategy: "", ...of };
  connections.set(there.id, there);
  const run = await create();
  expect([run.code, run.out]).toEqual([1, ""]);
  expect(run.err).toContain(`The connection ${CONNECTION} is not for service users`);
  expect(users.has(SERVICE_USER)).toBe(false);
  expect(connections.get(there.id)).toEqual(there);
});

test("a user who has the id of a service user in another connection gets no keys", async () => {
  const { users } = s.local.tenant;
  const before = users.get(SERVICE_USER);
  const somebody = newUser(s.local.tenant, SERVICE_USER, {});
  users.set(SERVICE_USER, {
    ...somebody,
    identities: [{ connection: "players", user_id: "x", provider: "auth0" }],
  });
  const run = await create();
  expect([run.code, run.out, run.err]).toEqual([1, "", expect.stringContaining("is not of the connection")]);
  expect(users.get(SERVICE_USER)).not.toHaveProperty("app_metadata.api_keys");
  if (before) users.set(SERVICE_USER, before);
  else users.delete(SERVICE_USER);
});

test("a member who leaves the organization loses the use of a bound key at the next exchange", async () => {
  const { organizations } = s.local.tenant;
  const organization = organizations.get(ORG);
  if (!organization) throw new Error("no organization");
  const { key } = await s.create(ADA, { organizationId: ORG });
  const before = await s.exchange(key);
  organizations.set(ORG, { ...organization, members: new Set() });
  const after = await s.exchange(key);
  expect([before.status, after.status, after.body["error_description"]]).toEqual([
    200,
    400,
    `user is not part of the ${ORG} organization`,
  ]);
});

test.each<[string, readonly string[], number, string]>([
  [
    "neither --user nor --service-user",
    ["create", "--name", "n", "--org", ORG],
    2,
    "--org ID --service-user",
  ],
  [
    "both",
    ["create", "--name", "n", "--org", ORG, "--service-user", "--user", ADA],
    2,
    "--org ID --service-user",
  ],
  ["no organization", ["create", "--name", "n", "--service-user"], 2, "needs --org ID"],
  [
    "an unknown organization",
    ["create", "--name", "n", "--service-user", "--org", "org_unknown"],
    1,
    "There is no organization org_unknown",
  ],
  ["--user and --org", ["list", "--user", ADA, "--org", ORG], 2, "cannot be used with"],
  ["nobody", ["list"], 2, "give --user ID, or --org ID"],
  ["an organization's name", ["list", "--org", "acme"], 2, "It must be an id such as"],
])("%s is refused", async (_, argv, code, message) => {
  const run = await keys(...argv);
  expect([run.code, run.out, run.err]).toEqual([code, "", expect.stringContaining(message)]);
});

test("without a connection for service users nothing is made", async () => {
  const run = await runKeysCli(
    ["create", "--org", ORG, "--service-user", "--name", "n", "--config", "test/support/no-expiry.config.ts"],
    environmentOf(s),
  );
  expect([run.code, run.err]).toEqual([1, expect.stringContaining("serviceUsers")]);
  expect(s.local.tenant.users.has(SERVICE_USER)).toBe(false);
});

test("a missing permission is named with all that are needed", async () => {
  const { clientGrants } = s.local.tenant;
  const before = [...clientGrants];
  clientGrants.splice(
    0,
    Infinity,
    ...before.map((one) => ({ ...one, scope: ["read:users", "update:users"] })),
  );
  const run = await create();
  clientGrants.splice(0, Infinity, ...before);
  expect([run.code, run.err]).toEqual([1, expect.stringContaining("create:organization_members")]);
});

/** A fresh process. */
function fresh(): Keys {
  const client = createManagementClient({ ...s.settings, timeoutMs: 2_000 });
  const randomBytes = (size: number) => crypto.getRandomValues(new Uint8Array(size));
  const clientIds = s.config.clients;
  return {
    ...freshKeys(s, clock),
    serviceUsers: serviceUsers(client, {
      connection: CONNECTION,
      clientIds,
      randomBytes,
      nowSeconds: () => Math.floor(clock.nowMs / 1000),
    }),
  };
}

const reset = () => {
  const { tenant } = s.local;
  tenant.users.delete(SERVICE_USER);
  for (const [id, { name }] of tenant.connections) if (name === CONNECTION) tenant.connections.delete(id);
  const organization = tenant.organizations.get(ORG);
  if (!organization) return;
  const enabledConnections = new Set(
    [...organization.enabledConnections].filter((id) => tenant.connections.has(id)),
  );
  tenant.organizations.set(ORG, { ...organization, members: new Set([ADA]), enabledConnections });
};

describe("the first key of an organization", () => {
  test.each([...Object.entries<Fault>(FAULTS), ["takes effect as the process dies", undefined] as const])(
    "whose request %s: run again, there is one service user with a key that works",
    async (_, fault) => {
      for (let at = 0, isOver = false; !isOver; at++) {
        reset();
        const work = async () => createOrganizationKey(fresh(), ORG, { name: "first" });
        await (fault ? wire.disturb(at, fault, work) : wire.kill(at, work));
        isOver = wire.requests.length <= at;
        const label = `${wire.requests[at]} at ${at}`;
        if (isOver) expect(at).toBeGreaterThan(15);
        const again = await createOrganizationKey(fresh(), ORG, { name: "second" });
        expect((await s.exchange(again.apiKey.reveal())).status, label).toBe(200);
        const own = [...s.local.tenant.connections.values()].filter(({ name }) => name === CONNECTION);
        expect([own.length, own[0]?.enabledClients.size], label).toEqual([1, 2]);
      }
    },
  );

  it("may be made by two programs at once", async () => {
    const both = await Promise.all(
      ["one", "two"].map(async (name) => createOrganizationKey(fresh(), ORG, { name })),
    );
    for (const { apiKey } of both) expect((await s.exchange(apiKey.reveal())).status).toBe(200);
  });
});
