import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { deploySource, newAction } from "../../src/local/management/action-state.ts";
import { stoppedClock } from "../support/clock.ts";
import { deployingTo, planAndApply, snapshot, strip, type DesiredOptions } from "../support/deploying.ts";
import { watchRequests, type Requests } from "../support/requests.ts";
import { AUDIENCE, CLIENT_ID, stage, type Stage } from "../support/stage.ts";

const clock = stoppedClock();
let s: Stage;
let requests: Requests;
beforeAll(async () => {
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  requests = watchRequests(s.local, clock.nowMs);
});
afterAll(async () => {
  requests.close();
  await s.stop();
});
beforeEach(() => strip(s.local.tenant));

const things = { identifier: AUDIENCE, scopes: { "read:things": "Read" } };
const OURS: DesiredOptions = {
  redisUrl: "https://ours.upstash.io",
  config: { apis: [things], clients: [CLIENT_ID] },
};
/** A deployment that shares an API and a client with ours, as it may. */
const THEIRS: DesiredOptions = {
  redisUrl: "https://billing.upstash.io",
  config: {
    name: "billing",
    subjectTokenType: "urn:billing:api-key",
    keyPrefix: "bill_live",
    apis: [things],
    clients: [CLIENT_ID],
  },
};
const changed = (
  options: DesiredOptions,
  config: Partial<DeployConfigInput>,
  redisUrl = options.redisUrl,
) => ({
  ...(redisUrl !== undefined && { redisUrl }),
  config: { ...options.config, ...config },
});

const deploy = async (options: DesiredOptions) => planAndApply(await deployingTo(s, clock, options));

/** Expects that ours is refused as said, without a single write. */
async function expectRefusal(
  options: DesiredOptions,
  code: string,
  ...said: readonly string[]
): Promise<void> {
  const deploying = await deployingTo(s, clock, options);
  const before = snapshot(s.local.tenant);
  requests.reset();
  const error = (await planAndApply(deploying).catch((error: unknown) => error)) as Error & { fix: string };
  expect(error).toMatchObject({ name: "ApiKeysError", code });
  for (const one of said) expect(`${error.message} ${error.fix}`).toContain(one);
  expect(requests.seen.filter((one) => !one.startsWith("GET ") && !one.includes("/oauth/token"))).toEqual([]);
  expect(snapshot(s.local.tenant)).toBe(before);
  expect(deploying.journal.entries).toEqual([]);
}

describe("two deployments of a tenant", () => {
  test("may share APIs, clients, and a lifetime of tokens that both want", async () => {
    const apis = [{ ...things, tokenLifetimeSeconds: 600 }];
    await deploy(changed(THEIRS, { apis }));
    await deploy(changed(OURS, { apis }));
    await deploy(changed(THEIRS, { apis }));
    expect(s.local.tenant.actionStates.size).toBe(4);
  });

  test.each<[string, DesiredOptions, string]>([
    [
      "a subject_token_type",
      changed(OURS, { subjectTokenType: "urn:billing:api-key" }),
      "subjectTokenType urn:billing:api-key",
    ],
    ["a prefix", changed(OURS, { keyPrefix: "bill_live" }), "the prefix bill_live"],
    ["a retired prefix", changed(OURS, { retiredKeyPrefixes: ["bill_live"] }), "the prefix bill_live"],
    [
      "an API's own prefix",
      changed(OURS, { apis: [{ ...things, keyPrefix: "bill_live" }] }),
      "the prefix bill_live",
    ],
    ["a Redis database", changed(OURS, {}, "https://billing.upstash.io/"), "the Redis database"],
    [
      "an API, with another lifetime",
      changed(OURS, { apis: [{ ...things, tokenLifetimeSeconds: 60 }] }),
      `another tokenLifetimeSeconds for ${AUDIENCE}`,
    ],
    [
      "several of these",
      changed(OURS, { keyPrefix: "bill_live" }, "https://billing.upstash.io"),
      "the prefix bill_live, the Redis database",
    ],
  ])("never share %s: the second to come is refused, and told whose it is", async (_, ours, shared) => {
    await deploy(changed(THEIRS, { apis: [{ ...things, tokenLifetimeSeconds: 600 }] }));
    await expectRefusal(
      ours,
      "deployment_conflict",
      `"api-keys" is a new deployment beside "billing" on localhost, and has the same: ${shared}.`,
      'To go on with "billing", give it its name back',
    );
    // And a deployment that was there before, and is changed to the same.
    await deploy(OURS);
    await expectRefusal(
      ours,
      "deployment_conflict",
      `Another deployment of localhost is "billing", and has the same: ${shared}.`,
      "Give each deployment its own.",
    );
  });

  test("are refused one token type even where the first was made by a version that wrote no mark", async () => {
    await deploy(THEIRS);
    const { actionStates } = s.local.tenant;
    for (const [id, { deployed: _, ...action }] of actionStates) {
      const code = action.draft.code.replace(/^\/\/ deployment: .*\n/m, "");
      actionStates.set(id, { ...action, draft: { ...action.draft, code } });
    }
    await expectRefusal(
      changed(OURS, { subjectTokenType: "urn:billing:api-key" }),
      "deployment_conflict",
      'profile "billing", whose Action is "billing-custom-token-exchange"',
    );
  });
});

describe("what is somebody else's is not touched", () => {
  test("Actions of our name that were made for another tenant, and copied to this one", async () => {
    const copied = await deployingTo(s, clock, OURS);
    const desired = { ...copied.desired, tenant: "acme.eu.auth0.com" };
    await planAndApply({ ...copied, desired });
    await expectRefusal(
      OURS,
      "action_foreign",
      "was made for deployment api-keys of acme.eu.auth0.com, and copied or renamed",
    );
  });

  test("an Action of our name that was not made by this tool", async () => {
    install("api-keys-custom-token-exchange", "custom-token-exchange");
    await expectRefusal(OURS, "action_foreign", '"api-keys-custom-token-exchange" that was not made by this');
  });

  test("a profile of our subject_token_type that has another Action", async () => {
    const { tenant } = s.local;
    const { id: action_id } = install("legacy", "custom-token-exchange");
    addProfile("tep_1", "Legacy login", "urn:acme:api-key", action_id);
    await expectRefusal(
      OURS,
      "deployment_conflict",
      'The subject_token_type urn:acme:api-key is that of the profile "Legacy login", whose Action is "legacy".',
    );
    // Ours beside it, of another type, is no reason to take it over.
    tenant.profiles.clear();
    await deploy(OURS);
    addProfile("tep_2", "Other login", "urn:acme:other", action_id);
    await expectRefusal(
      changed(OURS, { subjectTokenType: "urn:acme:other" }),
      "deployment_conflict",
      'profile "Other login", whose Action is "legacy"',
    );
  });
});

describe("a tenant that is full refuses before anything is written, and not half way", () => {
  const fillBindings = (count: number) => {
    for (let at = 0; at < count; at++) {
      const { id: action_id } = install(`bound ${at}`, "post-login");
      const created_at = s.local.tenant.nowIso();
      s.local.tenant.postLoginBindings.push({ id: `b${at}`, action_id, display_name: "theirs", created_at });
    }
  };
  const fillActions = (count: number) => {
    for (let at = 0; at < count; at++) install(`theirs ${at}`, "post-login");
  };
  const fillProfiles = (count: number) => {
    const { id } = install("theirs", "custom-token-exchange");
    for (let at = 0; at < count; at++) addProfile(`tep_${at}`, `theirs ${at}`, `urn:theirs:${at}`, id);
  };
  // Ours needs two Actions, one binding and one profile.
  test.each<[string, (count: number) => void, number, string]>([
    ["bindings of post-login", fillBindings, 19, "20 of 20 post-login bindings"],
    ["Actions", fillActions, 98, "99 of 100 Actions"],
    ["profiles", fillProfiles, 99, "100 of 100 token exchange profiles"],
  ])("%s", async (_, fill, mostThatLeaveRoom, said) => {
    fill(mostThatLeaveRoom + 1);
    await expectRefusal(OURS, "limit_exceeded", said, "Nothing was changed");
    strip(s.local.tenant);
    fill(mostThatLeaveRoom);
    await deploy(OURS);
    // Full, now with ours in it: to be changed, ours needs no more room.
    await deploy(changed(OURS, { keyPrefix: "acme_test" }));
  });
});

function install(name: string, trigger: "custom-token-exchange" | "post-login") {
  const code = "exports.onExecutePostLogin = async () => {};";
  const draft = { code, dependencies: [], runtime: "node22", secrets: [] };
  const action = newAction(s.local.tenant, { name, trigger, draft });
  deploySource(s.local.tenant, action, draft, true);
  return action;
}

function addProfile(id: string, name: string, subject_token_type: string, action_id: string): void {
  const [created_at, type] = [s.local.tenant.nowIso(), "custom_authentication" as const];
  const profile = { id, name, type, subject_token_type, action_id, created_at, updated_at: created_at };
  s.local.tenant.profiles.set(id, profile);
}
