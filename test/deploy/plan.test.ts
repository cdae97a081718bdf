import { beforeAll, describe, expect, test } from "vitest";

import { bundleAction, TRIGGERS } from "../../src/deploy/bundle.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { desiredOf, type Desired } from "../../src/deploy/desired.ts";
import { plan } from "../../src/deploy/plan.ts";
import type { TenantState } from "../../src/deploy/tenant-state.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { CLIENT_ID, CONFIG } from "../support/stage.ts";
import { PEPPER } from "../support/deploying.ts";

const SECRETS = {
  API_KEY_PEPPER: PEPPER,
  UPSTASH_REDIS_REST_URL: "https://redis.example",
  UPSTASH_REDIS_REST_TOKEN: "token",
};

let desired: Desired;
/** The tenant as the desired deployment leaves it, between two Actions of others. */
let settled: TenantState;
beforeAll(async () => {
  const config = defineConfig({ ...CONFIG, apis: CONFIG.apis.slice(0, 1), clients: [CLIENT_ID] });
  const bundles = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
  desired = desiredOf(config, bundles, SECRETS, parsePeppers(PEPPER));
  settled = {
    apis: desired.apis.map((api) => ({ ...api, id: "1", skipsConsent: true })),
    actions: TRIGGERS.map((trigger) => {
      const { name, codeHash, dependencies, secrets } = desired.actions[trigger];
      const set = Object.keys(secrets).map((secret) => ({ name: secret, updatedAt: "2026-01-01T00:00:00Z" }));
      return {
        trigger,
        id: trigger,
        name,
        isMarked: true,
        draftHash: codeHash,
        secrets: set,
        deployed: { versionId: "v", number: 1, codeHash, dependencies, runtime: "node22", secrets: set },
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
    ipThrottling: undefined,
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

test("a tenant that is as desired needs nothing", () => {
  expect(plan(desired, settled, settled)).toEqual([]);
});

test("an empty tenant needs everything, in the order in which it is safe", () => {
  const empty: TenantState = {
    apis: [],
    actions: [],
    bindings: [],
    profile: undefined,
    clients: [{ clientId: CLIENT_ID, types: undefined }],
    ipThrottling: undefined,
  };
  expect(plan(desired, empty).map(({ effect }) => effect.kind)).toEqual([
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
      "scopes read:things",
    ],
    ["other code", () => changedAction({}, { codeHash: "other" }), "update_action", "code or secrets"],
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
    const changes = plan(desired, { ...settled, ...change() });
    expect(changes.map(({ effect }) => effect.kind)).toEqual([kind]);
    expect(changes[0]?.why.join("; ")).toContain(why);
    expect(changes[0]).not.toHaveProperty("outage");
  });

  test("a profile of another Action, and one of another type, announce their outage", () => {
    const { profile } = settled;
    if (!profile) throw new Error("no profile");
    const replaced = plan(desired, { ...settled, profile: { ...profile, actionId: "other" } });
    expect(replaced.map(({ effect }) => effect.kind)).toEqual(["replace_profile"]);
    expect(replaced[0]?.outage).toContain("a second or so");
    const renamed = plan(desired, { ...settled, profile: { ...profile, subjectTokenType: "urn:acme:old" } });
    expect(renamed[0]?.outage).toBe("clients that send urn:acme:old are refused");
  });

  test("a secret that was set since the last deployment is set again", () => {
    const set = settled.actions[0]?.secrets.map((one) => ({ ...one, updatedAt: "2026-06-06T00:00:00Z" }));
    const changes = plan(desired, { ...settled, ...changedAction({}, { secrets: set }) }, settled);
    expect(changes[0]?.why).toContain("secret API_KEY_PEPPER was set by somebody else");
  });

  test("throttling is changed only where it is configured", () => {
    const stage = { maxAttempts: 20, regainMs: 1_000 };
    expect(plan(desired, { ...settled, ipThrottling: stage })).toEqual([]);
    expect(plan({ ...desired, ipThrottling: stage }, settled).map(({ effect }) => effect)).toEqual([
      { kind: "set_ip_throttling", stage },
    ]);
  });
});

test("neither plan nor state holds a secret, and the fingerprint in the code reveals none", () => {
  const { code } = desired.actions["custom-token-exchange"];
  expect(code).toMatch(/^\/\/ fingerprints: pepper [\w-]{22}, secrets [\w-]{22}$/m);
  for (const secret of [PEPPER.slice(2), "https://redis.example"]) expect(code).not.toContain(secret);
  const other = parsePeppers(`1:${Buffer.alloc(32, 7).toString("base64url")}`);
  const config = defineConfig(CONFIG);
  const bundles = TRIGGERS.map((trigger) =>
    Object.assign({ metafile: { inputs: {}, outputs: {} } }, desired.actions[trigger]),
  );
  const changed = desiredOf(config, bundles, SECRETS, other).actions["custom-token-exchange"].code;
  expect(changed.split("\n").at(-2)).not.toBe(code.split("\n").at(-2));
});
