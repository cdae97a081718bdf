import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { writeLocalFile, type LocalFile } from "../../src/cli/local-file.ts";
import type { Checked, Finding } from "../../src/deploy/finding.ts";
import { SERVICE_USER_PERMISSIONS } from "../../src/stores/service-users.ts";
import { listen } from "../../src/local/listen.ts";
import type { ActionState } from "../../src/local/management/action-state.ts";
import type { Tenant } from "../../src/local/tenant.ts";
import type { ResourceServer } from "../../src/local/tenant-objects.ts";
import { stoppedClock } from "../support/clock.ts";
import { deployInProcess } from "../support/deploy-in-process.ts";
import { PEPPER, snapshot } from "../support/deploying.ts";
import { AUDIENCE, CLIENT_ID, pepperOf, stage, type Stage } from "../support/stage.ts";

// deploy.config.ts of this repository has the first client and the first API of the stage.
const clock = stoppedClock();
/** How far the tenant's clock is ahead of the one that the doctor has. */
let aheadMs = 0;
let s: Stage;
let tenant: Tenant;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "doctor-"));
  s = await stage({ deployed: false, nowMs: () => clock.nowMs() + aheadMs });
  tenant = s.local.tenant;
  await describeTenant({});
  const journal = join(folder, "journal.jsonl");
  const { code, stderr } = await deployInProcess(
    ["apply", "--yes", "--no-verify", "--journal", journal],
    { LOCAL_TENANT_DIR: folder },
    clock,
  );
  if (code !== 0) throw new Error(stderr);
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
});

const describeTenant = async (change: Partial<LocalFile>) =>
  writeLocalFile({ LOCAL_TENANT_DIR: folder }, { ...s.local.description, api_key_pepper: PEPPER, ...change });

/** What the doctor prints as JSON, and what it ends with. */
async function doctor(
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly checks: readonly Checked[] }> {
  const run = await deployInProcess(["doctor", "--json", ...argv], { LOCAL_TENANT_DIR: folder }, clock);
  if (run.stdout === "") throw new Error(run.stderr);
  const { checks } = JSON.parse(run.stdout) as { readonly checks: readonly Checked[] };
  return { code: run.code, checks };
}

/** What is not as it should be. */
async function findings(...argv: readonly string[]): Promise<readonly Finding[]> {
  const { checks } = await doctor(...argv);
  return checks.flatMap((one) => one.findings).filter(({ level }) => level !== "note");
}

/** Changes an entry of one of the tenant's maps; gives the way back. */
function change<T>(map: Map<string, T>, key: string, by: Partial<T>): () => void {
  const before = map.get(key) as T;
  map.set(key, { ...before, ...by });
  return () => void map.set(key, before);
}

const api = (by: Partial<ResourceServer>) => change(tenant.resourceServers, AUDIENCE, by);

const CHECKS = [
  "permissions of the application",
  "plan, MFA policy and clock of the tenant",
  "APIs",
  "deployment",
  "clients",
  "throttling of guesses",
  "limits of the tenant",
  "other deployments",
  "pepper",
  "Redis database",
];

test("a deployed tenant has nothing wrong: each check is named as ok, and the doctor writes nothing", async () => {
  const before = snapshot(tenant);
  const { code, checks } = await doctor();
  expect([code, checks.map(({ check, result }) => [check, result])]).toEqual([
    0,
    CHECKS.map((check) => [check, "ok"]),
  ]);
  expect(checks.flatMap((one) => one.findings)).toEqual([
    {
      level: "note",
      what: `Tokens of the API ${AUDIENCE} live 86400 seconds: those of a revoked key too, unless a kill switch ends them.`,
      fix: "",
    },
  ]);
  expect(snapshot(tenant)).toBe(before);
});

test("scopes of the API that the deployment does not name are told of", async () => {
  const { scopes = [] } = tenant.resourceServers.get(AUDIENCE) ?? {};
  const mend = api({ scopes: [...scopes, "admin:things"] });
  const { checks } = await doctor();
  mend();
  const what = `${AUDIENCE} has scopes that this deployment does not name, and no key gets: admin:things`;
  const { findings: found } = checks.find(({ check }) => check === "deployment") ?? {};
  expect(found).toContainEqual({ level: "note", what, fix: "" });
  expect(await findings()).toEqual([]);
});

test("for people, a line says what is looked at where, then one stands for each check with its result, and what is found below", async () => {
  const mend = change(tenant.clients, CLIENT_ID, { is_first_party: false });
  const run = await deployInProcess(["doctor"], { LOCAL_TENANT_DIR: folder }, clock);
  mend();
  const store = new URL(s.settings.redisUrl).host;
  const lines = run.stdout.split("\n");
  expect(lines[0]).toBe(`tenant localhost, deployment api-keys, store ${store}`);
  const results = lines.filter((line, at) => at > 0 && /^\S/.test(line));
  expect(results.map((line) => line.split(/ {2,}/))).toEqual(
    CHECKS.map((check) => [check === "clients" ? "problem" : "ok", check]),
  );
  expect(run.stdout).toMatch(
    new RegExp(
      `^problem +clients\n    error: The client ${CLIENT_ID} is third-party\\.\n      fix: Use a `,
      "m",
    ),
  );
  expect([run.code, run.stderr]).toEqual([
    1,
    expect.stringContaining("Exchanges do not work, or would not: clients."),
  ]);
});

describe("each finding is there when it is provoked, and gone when that is mended", () => {
  // With what the doctor then ends: 1 for what keeps exchanges from working, unless an application mends it.
  test.each<[string, () => () => void, string, string, 0 | 1]>([
    [
      "permissions",
      () => grant(["read:users"]),
      "lacks permissions: update:users read:actions",
      "permissions of the application",
      1,
    ],
    [
      "plan",
      () => set("isEntitledToTokenExchange", false),
      "does not include Custom Token Exchange",
      "plan, MFA policy and clock of the tenant",
      1,
    ],
    [
      "MFA",
      () => fill(tenant.guardianPolicies, ["all-applications"]),
      "MFA policy is all-applications",
      "plan, MFA policy and clock of the tenant",
      1,
    ],
    [
      "dialect",
      () => api({ token_dialect: "access_token_authz" }),
      "adds permissions to its tokens",
      "APIs",
      1,
    ],
    [
      "consent",
      () => api({ skip_consent_for_verifiable_first_party_clients: false }),
      "asks for consent",
      "APIs",
      1,
    ],
    [
      "lifetime",
      () => api({ token_lifetime: 60 }),
      "at most 240 keys can be in use at once on Professional",
      "APIs",
      0,
    ],
    [
      "third party",
      () => change(tenant.clients, CLIENT_ID, { is_first_party: false }),
      "is third-party",
      "clients",
      1,
    ],
    [
      "OIDC",
      () => change(tenant.clients, CLIENT_ID, { oidc_conformant: false }),
      "is not OIDC-conformant",
      "clients",
      1,
    ],
    ["missing client", () => remove(tenant.clients, CLIENT_ID), "There is no client", "clients", 1],
    [
      "connection",
      () => disconnect(),
      "Username-Password-Authentication is not enabled for the client",
      "clients",
      1,
    ],
    ["throttling off", () => throttling({ enabled: false }), "throttling is off", "throttling of guesses", 0],
    [
      "allowlist",
      () => throttling({ allowlist: ["192.0.2.1"] }),
      "1 addresses are exempt",
      "throttling of guesses",
      0,
    ],
    [
      "no stage",
      () => throttling({ stage: {} as never }),
      "no limit for exchanges",
      "throttling of guesses",
      0,
    ],
    ["old runtime", () => oldRuntime(), "runs on node18", "limits of the tenant", 1],
    [
      "full of profiles",
      () => manyProfiles(),
      "has 100 of 100 token exchange profiles",
      "limits of the tenant",
      1,
    ],
    ["full of bindings", () => manyBindings(), "has 20 of 20 post-login bindings", "limits of the tenant", 1],
    ["full of Actions", () => manyActions(), "has 100 of 100 Actions", "limits of the tenant", 1],
  ])("%s", async (_, provoke, what, check, exits) => {
    const mend = provoke();
    const { code, checks } = await doctor();
    mend();
    const found = checks.find((one) => one.check === check)?.findings ?? [];
    expect(found.map((one) => one.what).join("\n")).toContain(what);
    expect(found.every(({ level, fix }) => level === "note" || fix.length > 10)).toBe(true);
    expect(code).toBe(exits);
    expect(await findings()).toEqual([]);
  });

  test.each<[string, () => Partial<LocalFile>, string]>([
    [
      "another pepper",
      () => ({ api_key_pepper: `1:${pepperOf("two")}` }),
      "not the one that the Action was deployed",
    ],
    ["unreachable Redis", () => ({ redis_rest_url: "http://127.0.0.1:9" }), "Redis database does not answer"],
    [
      "a token that can write",
      () => ({ redis_rest_read_only_token: s.settings.redisToken }),
      "token can write",
    ],
    [
      "a wrong token",
      () => ({ redis_rest_token: "wrong" }),
      "The token that keys are made with is not accepted by the Redis database",
    ],
    [
      "a wrong token for the Action",
      () => ({ redis_rest_read_only_token: "wrong" }),
      "The token that the Action gets is not accepted by the Redis database",
    ],
    [
      "the read-only token where the other belongs",
      () => ({ redis_rest_token: s.local.description.redis_rest_read_only_token }),
      "The token that keys are made with cannot write.",
    ],
  ])("%s", async (_, local, what) => {
    await describeTenant(local());
    const found = await findings();
    await describeTenant({});
    expect(found.map((one) => one.what).join("\n")).toContain(what);
    expect(await findings()).toEqual([]);
  });

  test("a Redis database that is marked as another deployment's, by whose name", async () => {
    const marker = String(await s.local.redis.execute(["GET", "apikey-store"]));
    const claim = `v1.${"A".repeat(43)}.{"tenant":"acme.auth0.com","deployment":"billing"}`;
    await s.local.redis.execute(["SET", "apikey-store", claim]);
    const { code, checks } = await doctor();
    await s.local.redis.execute(["SET", "apikey-store", marker]);
    expect(code).toBe(1);
    expect(checks.at(-1)).toMatchObject({
      result: "problem",
      findings: [
        {
          what: "The Redis database is marked as that of deployment billing of acme.auth0.com, and this is deployment api-keys of localhost.",
        },
      ],
    });
  });

  test.each<[string, object | undefined, Checked["result"], string]>([
    ["that shares nothing", {}, "ok", 'The tenant also has the deployment "billing".'],
    [
      "with a prefix of ours",
      { keyPrefixes: ["bill_live", "acme_live"] },
      "problem",
      'The deployment "billing" of this tenant has the same: the prefix acme_live.',
    ],
    [
      "of a version that wrote no mark",
      undefined,
      "warning",
      'The tenant also has the deployment "billing", of an older version, which does not say what it uses.',
    ],
  ])("another deployment %s", async (_, change, result, what) => {
    const mark = {
      tenant: "localhost",
      name: "billing",
      subjectTokenType: "urn:billing:api-key",
      keyPrefixes: ["bill_live"],
      store: "another",
      uses: [],
      gave: [],
      ...change,
    };
    const [first] = tenant.actionStates.values();
    if (!first) throw new Error("no Action");
    const code = `// Made by auth0-api-keys\n${change ? `// deployment: ${JSON.stringify(mark)}\n` : ""}`;
    tenant.actionStates.set("theirs", copyOf(first, "theirs", "billing-post-login", code));
    const { checks } = await doctor();
    tenant.actionStates.delete("theirs");
    const found = checks.find(({ check }) => check === "other deployments");
    expect([found?.result, found?.findings.map((one) => one.what)]).toEqual([result, [what]]);
    // No advice to take away what somebody else runs.
    const fixes = { ok: /^$/, warning: /^Apply it/, problem: /destroy, with name: "billing"/ };
    expect(found?.findings[0]?.fix).toMatch(fixes[result as keyof typeof fixes]);
  });

  test("a token that cannot note last uses", async () => {
    const argv = ["--config", "test/support/last-used.config.ts"];
    const said = async () => (await findings(...argv)).map(({ what }) => what);
    const what = "The Action's Redis token cannot write: no last use of a key is noted.";
    expect(await said()).not.toContain(what);
    await describeTenant({ redis_rest_token: s.local.description.redis_rest_read_only_token });
    const found = await said();
    await describeTenant({});
    expect(found).toContain(what);
  });

  test("permissions for service users, only where those are configured", async () => {
    const few = SERVICE_USER_PERMISSIONS.filter((one) => one !== "read:connections");
    const mend = grant(
      s.local.tenant.clientGrants.flatMap(({ scope }) => scope).filter((one) => !few.includes(one)),
    );
    const without = await findings();
    const found = await findings("--config", "test/support/organizations.config.ts");
    mend();
    expect(without).toEqual([]);
    expect(found[0]?.what).toBe(`The machine-to-machine application lacks permissions: ${few.join(" ")}`);
  });

  test("a pepper that is too short is said before anything else", async () => {
    await describeTenant({ api_key_pepper: "1:c2hvcnQ" });
    const { code, stderr } = await deployInProcess(["doctor"], { LOCAL_TENANT_DIR: folder }, clock);
    await describeTenant({});
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("A pepper is shorter than 32 bytes: it was cut or mistyped."),
    ]);
    expect(stderr).not.toContain("c2hvcnQ");
  });

  test.each([
    [
      "a clock that is 31 seconds slow",
      31_000,
      ["This machine's clock differs from the tenant's by 31 seconds."],
    ],
    [
      "one that is 31 seconds fast",
      -31_000,
      ["This machine's clock differs from the tenant's by 31 seconds."],
    ],
    ["29 seconds are let pass", 29_000, []],
  ])("%s", async (_, ms, whats) => {
    // An HTTP date has whole seconds.
    await clock.sleep(1_000 - (clock.nowMs() % 1_000));
    aheadMs = ms;
    const found = (await findings()).filter(({ isMendedByApply }) => !isMendedByApply);
    aheadMs = 0;
    expect(found.map(({ what }) => what)).toEqual(whats);
  });

  test("eviction that is on, and a database that does not say", async () => {
    const set = async (policy: string) =>
      s.local.redis.execute(["CONFIG", "SET", "maxmemory-policy", policy]);
    await set("allkeys-random");
    const on = await findings();
    await set("noeviction");
    const mute = await listen({ fetch: refuseConfig }, 0);
    await describeTenant({ redis_rest_url: mute.url });
    const unknown = (await findings()).filter(({ isMendedByApply }) => !isMendedByApply);
    await describeTenant({});
    await mute.close();
    expect([on, unknown].map((some) => some.map(({ level, what }) => `${level}: ${what}`))).toEqual([
      ["error: Eviction is on in the Redis database: keys would be dropped at random."],
      ["unknown: Whether eviction is on in the Redis database cannot be read from here."],
    ]);
    expect(await findings()).toEqual([]);
  });
});

/** The stage's Redis, but for one command. */
async function refuseConfig(request: Request): Promise<Response> {
  const body = await request.text();
  if (body.includes("CONFIG"))
    return Response.json({ error: "ERR unknown command 'CONFIG'" }, { status: 400 });
  const { method, headers } = request;
  return fetch(s.local.description.redis_rest_url, { method, headers, body });
}

function set(name: "isEntitledToTokenExchange", value: boolean): () => void {
  tenant[name] = value;
  return () => void (tenant[name] = !value);
}

function fill<T>(list: T[], items: readonly T[]): () => void {
  const before = [...list];
  list.splice(0, Infinity, ...items);
  return () => void list.splice(0, Infinity, ...before);
}

function grant(scope: readonly string[]): () => void {
  const client_id = s.local.description.management_client_id;
  const grants = tenant.clientGrants.map((one) => (one.client_id === client_id ? { ...one, scope } : one));
  return fill(tenant.clientGrants, grants);
}

function remove<T>(map: Map<string, T>, key: string): () => void {
  const before = [...map];
  map.delete(key);
  return () => {
    map.clear();
    for (const [name, value] of before) map.set(name, value);
  };
}

function disconnect(): () => void {
  const [id = ""] = tenant.connections.keys();
  return change(tenant.connections, id, { enabledClients: new Set() });
}

function throttling(by: Partial<Tenant["ipThrottling"]>): () => void {
  const before = tenant.ipThrottling;
  tenant.ipThrottling = { ...before, ...by };
  return () => void (tenant.ipThrottling = before);
}

function oldRuntime(): () => void {
  const action = [...tenant.actionStates.values()].find(({ trigger }) => trigger === "post-login");
  if (!action?.deployed) throw new Error("not deployed");
  const { deployed } = action;
  const version = { ...deployed.version, runtime: "node18" };
  return change(tenant.actionStates, action.id, { deployed: { ...deployed, version } });
}

/** Fills the tenant up with copies of an entry that are not ours; ours is taken out, or there would be room for it. */
function crowd<T extends { readonly id: string }>(
  map: Map<string, T>,
  copy: (one: T, id: string) => T,
  keep: number,
) {
  const before = [...map];
  const [first] = map.values();
  map.clear();
  for (const [id, value] of before.slice(0, keep)) map.set(id, value);
  const copies = first ? Array.from({ length: 100 - map.size }, (_, at) => copy(first, `copy${at}`)) : [];
  for (const one of copies) map.set(one.id, one);
  return () => {
    map.clear();
    for (const [id, value] of before) map.set(id, value);
  };
}

function manyProfiles(): () => void {
  return crowd(
    tenant.profiles,
    (one, id) => ({ ...one, id, action_id: id, subject_token_type: `urn:other:${id}` }),
    0,
  );
}

function manyActions(): () => void {
  return crowd(tenant.actionStates, (one, id) => copyOf(one, id, id, ""), 1);
}

/** An Action of others that was not deployed. */
function copyOf(action: ActionState, id: string, name: string, code: string): ActionState {
  const { deployed: _, ...rest } = action;
  return { ...rest, id, name, draft: { ...action.draft, code } };
}

function manyBindings(): () => void {
  const [first] = tenant.postLoginBindings;
  const others = first
    ? Array.from({ length: 20 }, (_, at) => Object.assign({}, first, { id: `b${at}` }))
    : [];
  const login = [...tenant.actionStates.values()].find(({ trigger }) => trigger === "post-login");
  const mend = [
    fill(tenant.postLoginBindings, others),
    change(tenant.actionStates, login?.id ?? "", { name: "theirs" }),
  ];
  return () => {
    for (const one of mend) one();
  };
}
