import { createHash } from "node:crypto";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { newClock, type Clock } from "../support/clock.ts";
import { startDatabase, startOperator, type Database, type Operator } from "../support/deployment.ts";
import { strip } from "../support/deploying.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  GRACE,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  stage,
  type Stage,
} from "../support/stage.ts";

/** Shared by both: an API, its scope `read:things`, and a client. Each has an API of its own as well. */
const A: DeployConfigInput = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read", "write:things": "Write" } }],
  clients: [CLIENT_ID],
  verify: { userId: ADA, scope: "read:things" },
};
const B: DeployConfigInput = {
  name: "billing",
  subjectTokenType: "urn:billing:api-key",
  keyPrefix: "bill_live",
  apis: [
    { identifier: AUDIENCE, scopes: { "read:things": "Read" } },
    { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" } },
  ],
  clients: [CLIENT_ID, OTHER_CLIENT_ID],
  verify: { userId: GRACE, scope: "read:things" },
};

let clock: Clock;
let s: Stage;
let a: Operator;
let b: Operator;
let dbA: Database;
let dbB: Database;
beforeEach(async () => {
  clock = newClock();
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  [dbA, dbB] = await Promise.all([startDatabase("a"), startDatabase("b")]);
  [a, b] = await Promise.all([startOperator(s.local, dbA, A, clock), startOperator(s.local, dbB, B, clock)]);
});
afterEach(async () => {
  await Promise.all([a.close(), b.close(), dbA.close(), dbB.close()]);
  await s.stop();
});

/** All that is of one deployment, on the tenant and in its database, byte for byte. */
async function stateOf(name: string, field: string, database: Database): Promise<string> {
  const { tenant } = s.local;
  const actions = [...tenant.actionStates.values()].filter((one) => one.name.startsWith(`${name}-`));
  const ids = new Set(actions.map(({ id }) => id));
  const profiles = [...tenant.profiles.values()].filter(({ action_id }) => ids.has(action_id));
  // Auth0 replaces the list of bindings as a whole: what is of a deployment in it is its place among its own.
  const bound = tenant.postLoginBindings.flatMap(({ action_id, display_name }) =>
    ids.has(action_id) ? [[action_id, display_name]] : [],
  );
  const entries = [...tenant.users.values()].map((user) => [
    user.user_id,
    (user["app_metadata"] as Record<string, unknown> | undefined)?.[field],
  ]);
  const code = (_: string, value: unknown) =>
    typeof value === "string" && value.length > 1_000
      ? createHash("sha256").update(value).digest("hex")
      : value;
  return JSON.stringify([actions, profiles, bound, entries, await database.dump()], code, 1);
}
const stateOfA = async () => stateOf("api-keys", "api_keys", dbA);
const stateOfB = async () => stateOf("billing", "api_keys_billing", dbB);

async function ok(run: ReturnType<Operator["deploy"]>): Promise<string> {
  const { code, stdout, stderr } = await run;
  if (code !== 0) throw new Error(`${stdout}${stderr}`);
  return stdout;
}

const isGranted = async (operator: Operator, key: string, audience = AUDIENCE, scope = "read:things") =>
  (await operator.exchange(key, { audience, scope })).status === 200;

test("interleaved: each makes, sees, mends and takes back its own, and the other is byte for byte as it was", async () => {
  await ok(a.deploy(["apply", "--yes"]));
  const ofA = await a.make(ADA, "--scope", "read:things");
  const before = await stateOfA();
  await ok(b.deploy(["apply", "--yes"]));
  const ofB = await b.make(ADA, "--scope", "read:things");
  expect(await stateOfA()).toBe(before);

  // Tokens say which deployment's key acts.
  const tokenA = (await a.exchange(ofA.key)).body["access_token"];
  const tokenB = (await b.exchange(ofB.key)).body["access_token"];
  expect([claimsOf(tokenA)["act"], claimsOf(tokenB)["act"]]).toMatchObject([
    { sub: `api-key|${ofA.id}` },
    { sub: `api-key:billing|${ofB.id}` },
  ]);
  // Neither takes the other's keys, under either type.
  expect((await a.exchange(ofB.key)).body["error"]).toBe("invalid_request");
  expect((await b.exchange(ofA.key)).body["error"]).toBe("invalid_request");

  for (const [operator, own, others] of [
    [a, ofA, ofB],
    [b, ofB, ofA],
  ] as const) {
    const list = await operator.keys(["list", "--user", ADA, "--json"]);
    expect(list.stdout).toContain(own.id);
    expect(list.stdout).not.toContain(others.id);
    const all = await operator.keys(["list", "--all-users"]);
    expect(all.stdout).toContain(own.id);
    expect(all.stdout).not.toContain(others.id);
    expect((await operator.keys(["revoke", others.id, "--user", ADA])).code).toBe(1);
    expect((await operator.deploy(["drift"])).stdout).toContain("Nothing was changed.");
  }

  // A loses its Redis and rebuilds it; B makes a key meanwhile.
  const beforeB = await stateOfB();
  await dbA.execute(["FLUSHALL"]);
  await ok(a.keys(["reconcile", "--fix"]));
  expect(await stateOfB()).toBe(beforeB);
  expect(await isGranted(a, ofA.key)).toBe(true);
  expect(JSON.parse((await a.keys(["reconcile", "--json"])).stdout)).toMatchObject({
    entries: 1,
    records: 1,
  });
  const later = await b.make(GRACE);
  expect(await isGranted(b, later.key, OTHER_AUDIENCE, "read:bills")).toBe(true);

  await ok(b.keys(["prune", "--user", ADA]));
  await ok(b.deploy(["rollback", "--yes"]));
  expect(await isGranted(a, ofA.key)).toBe(true);
  expect(await isGranted(b, ofB.key)).toBe(false);
  await ok(b.deploy(["apply", "--yes"]));
  expect(await isGranted(b, ofB.key)).toBe(true);

  const beforeLast = await stateOfB();
  await ok(a.deploy(["rollback", "--yes"]));
  expect(await stateOfB()).toBe(beforeLast);
  expect(await isGranted(b, ofB.key)).toBe(true);
  expect(await isGranted(a, ofA.key)).toBe(false);
});

describe.each([
  ["A first", "a"],
  ["B first", "b"],
] as const)("destroy --keys, %s", (_, order) => {
  test("takes what is its own alone; the other's keys go on; with the last of both the tenant is as it was", async () => {
    const clients = JSON.stringify([...s.local.tenant.clients.values()]);
    await ok(a.deploy(["apply", "--yes"]));
    await ok(b.deploy(["apply", "--yes"]));
    const keys = { a: (await a.make(ADA)).key, b: (await b.make(ADA)).key };
    const all = {
      a: { operator: a, state: stateOfA, key: keys.a },
      b: { operator: b, state: stateOfB, key: keys.b },
    };
    const [first, second] = order === "a" ? [all.a, all.b] : [all.b, all.a];
    const before = await second.state();
    await ok(first.operator.deploy(["destroy", "--keys", "--yes", "--tenant", "localhost"]));
    expect(await second.state()).toBe(before);
    expect(await isGranted(second.operator, second.key)).toBe(true);
    expect((await first.operator.exchange(first.key)).status).toBeGreaterThanOrEqual(400);
    // What both use is there; what the first used alone is gone.
    const { resourceServers } = s.local.tenant;
    expect(resourceServers.has(AUDIENCE)).toBe(true);
    expect(resourceServers.has(OTHER_AUDIENCE)).toBe(order === "a");

    await ok(second.operator.deploy(["destroy", "--keys", "--yes", "--tenant", "localhost"]));
    expect([...resourceServers.keys()]).not.toContain(AUDIENCE);
    expect([...s.local.tenant.actionStates.values()]).toEqual([]);
    expect([...s.local.tenant.profiles.values()]).toEqual([]);
    expect(s.local.tenant.postLoginBindings).toEqual([]);
    expect(JSON.stringify([...s.local.tenant.clients.values()])).toBe(clients);
    for (const user of s.local.tenant.users.values()) expect(user["app_metadata"] ?? {}).toEqual({});
    // The traces of the drops, for writers that were held up, end within a day.
    for (const database of [dbA, dbB]) {
      const left = (JSON.parse(await database.dump()) as [string][]).map(([name]) => name);
      expect(left).toEqual(["apikey-unmarked"]);
      expect(Number(await database.execute(["TTL", "apikey-unmarked"]))).toBeGreaterThan(0);
    }
  });
});

test("a configuration that was never applied destroys nothing, and says so", async () => {
  await ok(a.deploy(["apply", "--yes"]));
  const { key } = await a.make(ADA);
  const before = [await stateOfA(), JSON.stringify([...s.local.tenant.resourceServers.values()])];
  for (const argv of [["destroy"], ["destroy", "--keys"]]) {
    const run = await b.deploy([...argv, "--yes", "--tenant", "localhost"]);
    expect([run.code, run.stderr]).toEqual([
      1,
      expect.stringContaining('There is no deployment "billing" on localhost: nothing was removed.'),
    ]);
  }
  expect([await stateOfA(), JSON.stringify([...s.local.tenant.resourceServers.values()])]).toEqual(before);
  expect(await isGranted(a, key)).toBe(true);
});

test.each<[string, Partial<DeployConfigInput>, string]>([
  ["subjectTokenType", { subjectTokenType: "urn:acme:api-key" }, "subjectTokenType urn:acme:api-key"],
  ["prefix", { keyPrefix: "acme_live" }, "the prefix acme_live"],
  ["retired prefix", { retiredKeyPrefixes: ["acme_live"] }, "the prefix acme_live"],
])(
  "two deployments with the same %s: the second is refused before its first write",
  async (_, change, what) => {
    await ok(a.deploy(["apply", "--yes"]));
    await b.configure(change);
    const before = JSON.stringify([...s.local.tenant.actionStates.values()]);
    const run = await b.deploy(["apply", "--yes"]);
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining(what)]);
    expect(run.stderr).toContain('"api-keys"');
    expect(JSON.stringify([...s.local.tenant.actionStates.values()])).toBe(before);
    expect(await dbB.dump()).toBe("[]");
  },
);

test("another deployment's Redis database is refused before the first write, by name", async () => {
  await ok(a.deploy(["apply", "--yes"]));
  const thief = await startOperator(s.local, dbA, B, clock);
  const before = await stateOfA();
  const run = await thief.deploy(["apply", "--yes"]);
  expect([run.code, run.stderr]).toEqual([
    1,
    expect.stringContaining(
      "marked as that of deployment api-keys of localhost, and this is deployment billing of localhost",
    ),
  ]);
  const made = await thief.keys(["create", "--user", ADA, "--name", "n"]);
  expect([made.code, made.stderr]).toEqual([1, expect.stringContaining("deployment api-keys of localhost")]);
  expect(await stateOfA()).toBe(before);
  await thief.close();
});

test("another name is a new deployment: plan says so, nothing moves, doctor names what is left, and the old name takes it", async () => {
  await ok(a.deploy(["apply", "--yes"]));
  const { key } = await a.make(ADA);
  await a.configure({ name: "keys-of-acme" });
  const plan = await a.deploy(["plan"]);
  expect([plan.code, plan.stderr]).toEqual([
    1,
    expect.stringContaining('"keys-of-acme" is a new deployment beside "api-keys" on localhost'),
  ]);
  const doctor = await a.deploy(["doctor"]);
  expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining('The deployment "api-keys"')]);
  expect(await isGranted(a, key)).toBe(true);
  await a.configure({ name: "api-keys" });
  await ok(a.deploy(["destroy", "--yes", "--tenant", "localhost"]));
  expect([...s.local.tenant.actionStates.values()]).toEqual([]);
});
