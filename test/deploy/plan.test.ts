import { beforeAll, describe, expect, test } from "vitest";

import { TRIGGERS } from "../../src/deploy/bundle.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { bodyOf, desiredOf, fingerprintsOf, makeActions } from "../../src/deploy/desired.ts";
import type { ActionSources, Desired, DesiredActions } from "../../src/deploy/desired.ts";
import { readMark } from "../../src/deploy/mark.ts";
import { plan } from "../../src/deploy/plan.ts";
import { hashOfCode, type TenantState } from "../../src/deploy/tenant-state.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { AUDIENCE, CLIENT_ID, CONFIG, TENANT } from "../support/stage.ts";
import { PEPPER } from "../support/deploying.ts";

const SECRETS = {
  API_KEY_PEPPER: PEPPER,
  UPSTASH_REDIS_REST_URL: "https://redis.example",
  UPSTASH_REDIS_REST_TOKEN: "token",
};

const config = defineConfig({ ...CONFIG, apis: CONFIG.apis.slice(0, 1), clients: [CLIENT_ID] });
const sources: ActionSources = { config, secrets: SECRETS, peppers: parsePeppers(PEPPER), takesOver: false };
const desired: Desired = desiredOf(config, TENANT, SECRETS.UPSTASH_REDIS_REST_URL);
const empty: TenantState = {
  apis: [],
  actions: [],
  bindings: [],
  profile: undefined,
  clients: [{ clientId: CLIENT_ID, types: undefined }],
  ipThrottling: undefined,
  neighbours: [],
  counts: { actions: 0, profiles: 0 },
};
let actions: DesiredActions;
/** The tenant as the desired deployment leaves it, between two Actions of others. */
let settled: TenantState;
beforeAll(async () => {
  actions = await makeActions(sources, desired, empty, []);
  settled = {
    ...empty,
    apis: desired.apis.map((api) => ({ ...api, id: "1", skipsConsent: true, tokenLifetimeSeconds: 86_400 })),
    actions: TRIGGERS.map((trigger) => {
      const { name, code, codeHash, dependencies, secrets } = actions[trigger];
      const set = Object.keys(secrets).map((secret) => ({ name: secret, updatedAt: "2026-01-01T00:00:00Z" }));
      return {
        trigger,
        id: trigger,
        name,
        isMarked: true,
        draftHash: codeHash,
        secrets: set,
        deployed: {
          versionId: "v",
          number: 1,
          codeHash,
          bodyHash: hashOfCode(bodyOf(code)),
          fingerprints: fingerprintsOf(code),
          dependencies,
          runtime: "node22",
          secrets: set,
        },
      };
    }),
    bindings: ["other", "another", "post-login"].map((actionId) => ({
      id: actionId,
      actionId,
      displayName: "",
    })),
    profile: {
      id: "tep_1",
      name: "api-keys",
      subjectTokenType: "urn:acme:api-key",
      actionId: "custom-token-exchange",
    },
    clients: [{ clientId: CLIENT_ID, types: ["custom_authentication"] }],
  };
});

const changedAction = (change: object, deployed: object = {}): Partial<TenantState> => ({
  actions: settled.actions.map((action, index) =>
    index === 0
      ? Object.assign(
          {},
          action,
          change,
          action.deployed && { deployed: { ...action.deployed, ...deployed } },
        )
      : action,
  ),
});

/** The fingerprints of what is desired, but for some. */
const prints = (others: object) => ({ ...fingerprintsOf(actions["custom-token-exchange"].code), ...others });

test("a tenant that is as desired needs nothing", () => {
  expect(plan(desired, actions, settled, settled)).toEqual([]);
});

test("an empty tenant needs everything, in the order in which it is safe", () => {
  expect(plan(desired, actions, empty).map(({ effect }) => effect.kind)).toEqual([
    "create_api",
    "create_action",
    "create_action",
    "bind",
    "create_profile",
    "enable_client",
  ]);
});

describe("one difference makes one change that says why", () => {
  test.each<[string, () => Partial<TenantState>, string, string]>([
    [
      "consent",
      () => ({ apis: settled.apis.map((api) => ({ ...api, skipsConsent: false })) }),
      "update_api",
      "skip_consent",
    ],
    [
      "a missing scope",
      () => ({ apis: settled.apis.map((api) => ({ ...api, scopes: api.scopes.slice(1) })) }),
      "update_api",
      "+read:things",
    ],
    [
      "another description of a scope",
      () => ({
        apis: settled.apis.map((api) => ({
          ...api,
          scopes: api.scopes.map((one) => ({ ...one, description: "old" })),
        })),
      }),
      "update_api",
      "~read:things (description); ~write:things (description); ~delete:things (description)",
    ],
    [
      "a retired runtime",
      () => changedAction({}, { runtime: "node18" }),
      "update_action",
      "runtime node18 → node22",
    ],
    [
      "a missing secret",
      () => changedAction({}, { secrets: [] }),
      "update_action",
      "secrets: API_KEY_PEPPER",
    ],
    [
      "other packages",
      () => changedAction({}, { dependencies: [] }),
      "update_action",
      "npm packages: @upstash/redis@",
    ],
    [
      "an Action that was never deployed",
      () => ({
        actions: settled.actions.map((one) =>
          one.trigger === "post-login" ? { ...one, deployed: undefined } : one,
        ),
      }),
      "update_action",
      "is not deployed",
    ],
    ["ours not bound", () => ({ bindings: settled.bindings.slice(0, 2) }), "bind", "is not bound; last of 3"],
    ["ours not last", () => ({ bindings: settled.bindings.toReversed() }), "bind", "is bound as number 1"],
    ["no profile", () => ({ profile: undefined }), "create_profile", "does not exist"],
    [
      "another name of the profile",
      () => ({ profile: settled.profile && { ...settled.profile, name: "old" } }),
      "update_profile",
      "name old → api-keys",
    ],
    [
      "a client without our type",
      () => ({ clients: [{ clientId: CLIENT_ID, types: ["on_behalf_of_token_exchange"] }] }),
      "enable_client",
      "on_behalf_of_token_exchange stays",
    ],
  ])("%s", (_, change, kind, why) => {
    const changes = plan(desired, actions, { ...settled, ...change() });
    expect(changes.map(({ effect }) => effect.kind)).toEqual([kind]);
    expect(changes[0]?.why.join("; ")).toContain(why);
    expect(changes[0]).not.toHaveProperty("outage");
  });

  test.each<[string, () => object, string[]]>([
    ["other code", () => ({ bodyHash: "other" }), ["code"]],
    ["another mark", () => ({}), ["what it says of its deployment"]],
    [
      "another secret",
      () => ({ fingerprints: prints({ UPSTASH_REDIS_REST_TOKEN: "another" }) }),
      ["secret UPSTASH_REDIS_REST_TOKEN changed"],
    ],
    [
      "another pepper, under which every fingerprint is another",
      () => ({ fingerprints: prints({ pepper: "another", UPSTASH_REDIS_REST_TOKEN: "another" }) }),
      ["another current pepper"],
    ],
    [
      "code of a version that noted neither",
      () => ({ bodyHash: undefined, fingerprints: undefined }),
      ["code", "another current pepper"],
    ],
  ])("%s is named, and nothing else", (_, change, why) => {
    const deployed = { codeHash: "other", ...change() };
    const changes = plan(desired, actions, { ...settled, ...changedAction({}, deployed) });
    expect(changes.map((one) => one.why)).toEqual([why]);
  });

  test("a profile of an Action that is gone, and one of another type, announce their outage", () => {
    const { profile } = settled;
    if (!profile) throw new Error("no profile");
    const replaced = plan(desired, actions, { ...settled, profile: { ...profile, actionId: "gone" } });
    expect(replaced.map(({ effect }) => effect.kind)).toEqual(["replace_profile"]);
    expect(replaced[0]?.outage).toContain("a second or so");
    const other = { ...profile, subjectTokenType: "urn:acme:old" };
    const renamed = plan(desired, actions, { ...settled, profile: other });
    expect(renamed[0]?.outage).toBe("clients that send urn:acme:old are refused");
  });

  test("a lifetime is changed only where it is configured", () => {
    const seconds = (tokenLifetimeSeconds: number) => ({
      ...desired,
      apis: desired.apis.map((api) => ({ ...api, tokenLifetimeSeconds })),
    });
    expect(plan(seconds(86_400), actions, settled)).toEqual([]);
    expect(plan(seconds(600), actions, settled)).toMatchObject([
      { why: ["token_lifetime 86400 → 600 s"], effect: { tokenLifetimeSeconds: 600, setScopes: [] } },
    ]);
  });

  test("a secret that was set since the last deployment is set again", () => {
    const set = settled.actions[0]?.secrets.map((one) => ({ ...one, updatedAt: "2026-06-06T00:00:00Z" }));
    const changes = plan(desired, actions, { ...settled, ...changedAction({}, { secrets: set }) }, settled);
    expect(changes[0]?.why).toContain("secret API_KEY_PEPPER was set by somebody else");
  });

  test("throttling is changed only where it is configured", () => {
    const stage = { maxAttempts: 20, regainMs: 1_000 };
    expect(plan(desired, actions, { ...settled, ipThrottling: stage })).toEqual([]);
    expect(plan({ ...desired, ipThrottling: stage }, actions, settled).map(({ effect }) => effect)).toEqual([
      { kind: "set_ip_throttling", stage },
    ]);
  });
});

test("neither plan nor state holds a secret, and what the code says of them reveals none", async () => {
  const { code } = actions["custom-token-exchange"];
  expect(code).toMatch(
    /^\/\/ fingerprints: pepper [\w-]{22}, API_KEY_PEPPER [\w-]{22}, UPSTASH_REDIS_REST_TOKEN [\w-]{22}, UPSTASH_REDIS_REST_URL [\w-]{22}$/m,
  );
  for (const secret of [PEPPER.slice(2), "redis.example", SECRETS.UPSTASH_REDIS_REST_TOKEN]) {
    expect(code.slice(code.indexOf("\n// deployment: "))).not.toContain(secret);
  }
  expect(actions["post-login"].code).not.toContain("// fingerprints");
  const peppers = parsePeppers(`1:${Buffer.alloc(32, 7).toString("base64url")}`);
  const others = await makeActions({ ...sources, peppers }, desired, empty, []);
  const [is, other] = [code, others["custom-token-exchange"].code].map(fingerprintsOf);
  for (const [name, print] of Object.entries(is ?? {})) expect(other?.[name]).not.toBe(print);
});

test("each Action says whose it is, what it uses and what was given", async () => {
  const gave = [{ kind: "client", of: CLIENT_ID } as const];
  const made = await makeActions(
    sources,
    { ...desired, ipThrottling: { maxAttempts: 5, regainMs: 1_000 } },
    empty,
    gave,
  );
  for (const trigger of TRIGGERS) {
    expect(readMark(made[trigger].code)).toMatchObject({
      tenant: TENANT,
      name: "api-keys",
      subjectTokenType: "urn:acme:api-key",
      keyPrefixes: ["acme_live"],
      uses: [
        { kind: "api", of: AUDIENCE },
        { kind: "consent", of: AUDIENCE },
        { kind: "scope", of: AUDIENCE, scope: "read:things" },
        { kind: "scope", of: AUDIENCE, scope: "write:things" },
        { kind: "scope", of: AUDIENCE, scope: "delete:things" },
        { kind: "client", of: CLIENT_ID },
        { kind: "throttling", maxAttempts: 5, regainMs: 1_000 },
      ],
      gave,
    });
  }
});
