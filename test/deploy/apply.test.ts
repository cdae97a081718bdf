import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { apply, planApply } from "../../src/deploy/apply.ts";
import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { stoppedClock } from "../support/clock.ts";
import { deployingTo, planAndApply, snapshot, strip } from "../support/deploying.ts";
import { watchRequests, type Fault, type Requests } from "../support/requests.ts";
import { ADA, CLIENT_ID, CONFIG, stage, type Stage } from "../support/stage.ts";

const clock = stoppedClock();
const ACTION_TIMES = { buildMs: 500, buildWithDependenciesMs: 2_000, deployLagMs: 500 };
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
beforeEach(() => {
  strip(s.local.tenant);
  requests.reset();
});

const writes = () => requests.seen.filter((one) => !one.startsWith("GET ") && !one.includes("/oauth/token"));

test("from an empty tenant to keys that can be exchanged; a second run finds nothing and writes nothing", async () => {
  const deploying = await deployingTo(s, clock);
  await planAndApply(deploying);
  expect(deploying.progress).toEqual([
    "[1/8] + API https://api.acme.example",
    "[2/8] + API https://billing.acme.example",
    "[3/8] + Action api-keys-post-login",
    "[4/8] + Action api-keys-custom-token-exchange",
    "[5/8] + binding of api-keys-post-login",
    "[6/8] + token exchange profile urn:acme:api-key",
    "[7/8] ~ client acmeCommandLineClient00000000001",
    "[8/8] ~ client acmeOtherCommandLineClient000002",
  ]);
  const { key } = await s.create(ADA, { scope: "read:things" });
  expect((await s.exchange(key)).status).toBe(200);

  requests.reset();
  const { changes } = await planApply(deploying);
  expect(changes).toEqual([]);
  await planAndApply(deploying);
  expect(writes()).toEqual([]);
});

test("a secret that changes is seen by its fingerprint, and only its own Action is deployed again", async () => {
  await planAndApply(await deployingTo(s, clock));
  const changed = await deployingTo(s, clock, { redisToken: "another token" });
  const { changes } = await planApply(changed);
  expect(changes.map(({ what, why }) => [what, why])).toEqual([
    ["Action api-keys-custom-token-exchange", ["secret UPSTASH_REDIS_REST_TOKEN changed"]],
  ]);
  await planAndApply(changed);
  const running = [...s.local.tenant.actions.values()].find((one) => one.version.trigger !== "post-login");
  expect(running?.version.secrets["UPSTASH_REDIS_REST_TOKEN"]).toBe("another token");
  expect(JSON.stringify([changed.journal.entries, changed.progress, changes])).not.toContain("another token");
});

test("a draft that was changed in the dashboard but not deployed is no difference", async () => {
  const deploying = await deployingTo(s, clock);
  await planAndApply(deploying);
  const [action] = s.local.tenant.actionStates.values();
  if (!action) throw new Error("no Action");
  s.local.tenant.actionStates.set(action.id, { ...action, draft: { ...action.draft, code: "//" } });
  expect((await planApply(deploying)).changes).toEqual([]);
});

test("an Action of the same name that was not made here is not touched", async () => {
  const deploying = await deployingTo(s, clock);
  const create = deploying.api.client.actions.create({
    name: "api-keys-post-login",
    supported_triggers: [{ id: "post-login", version: "v3" }],
    code: "exports.onExecutePostLogin = async () => {};",
  });
  await create;
  const before = snapshot(s.local.tenant);
  await expect(planAndApply(deploying)).rejects.toMatchObject({ code: "action_foreign" });
  expect(snapshot(s.local.tenant)).toBe(before);
});

test("a client that does not exist is named before anything is written", async () => {
  const deploying = await deployingTo(s, clock, { config: { clients: [CLIENT_ID, "nobody"] } });
  await expect(planAndApply(deploying)).rejects.toMatchObject({
    code: "client_missing",
    message: "There is no client nobody in this tenant.",
  });
  expect(writes()).toEqual([]);
});

test("a failing build leaves the old version live and says why", async () => {
  const deploying = await deployingTo(s, clock);
  await planAndApply(deploying);
  const running = [...s.local.tenant.actions.values()];
  const planned = await planApply(await deployingTo(s, clock, { redisToken: "another token" }));
  if (!planned.actions) throw new Error("no Actions");
  const exchange = planned.actions["custom-token-exchange"];
  const dependencies = [{ name: "@upstash/redis", version: "0.0.0-none" }];
  const actions = { ...planned.actions, "custom-token-exchange": { ...exchange, dependencies } };
  await expect(apply(deploying, { ...planned, actions })).rejects.toMatchObject({
    code: "action_build_failed",
    message: expect.stringContaining("No matching version found for @upstash/redis@0.0.0-none.") as string,
  });
  expect([...s.local.tenant.actions.values()]).toEqual(running);
});

test.each([
  ["is not built", { buildWithDependenciesMs: Infinity }, "custom-token-exchange"],
  ["does not show the deployed version", { deployLagMs: Infinity }, "post-login"],
])("an Action that %s is not waited for for ever", async (problem, times, trigger) => {
  const stuck = await stage({
    deployed: false,
    nowMs: clock.nowMs,
    actionTimes: { ...ACTION_TIMES, ...times },
  });
  await expect(planAndApply(await deployingTo(stuck, clock))).rejects.toMatchObject({
    code: "action_not_deployed",
    message: `The Action api-keys-${trigger} still ${problem} after 6 minutes.`,
  });
  await stuck.stop();
});

test("a plan without Custom Token Exchange is said before anything is written", async () => {
  const poor = await stage({ deployed: false, nowMs: clock.nowMs, tokenExchange: false });
  const before = snapshot(poor.local.tenant);
  await expect(planAndApply(await deployingTo(poor, clock))).rejects.toMatchObject({
    code: "management_forbidden",
    message: expect.stringContaining("This feature is not available on your plan.") as string,
  });
  expect(snapshot(poor.local.tenant)).toBe(before);
  await poor.stop();
});

describe("any one request may go wrong, and a second run ends as an undisturbed one", () => {
  // One of each kind of resource: every request that apply can send is among them.
  const config: Partial<DeployConfigInput> = {
    apis: CONFIG.apis.slice(0, 1),
    clients: [CLIENT_ID],
    ipThrottling: { maxAttempts: 20, regainMs: 60_000 },
  };
  let undisturbed: { readonly state: string; readonly requests: readonly string[]; readonly tookMs: number };
  beforeAll(async () => {
    strip(s.local.tenant);
    requests.reset();
    const before = clock.nowMs();
    await planAndApply(await deployingTo(s, clock, { config }));
    const tookMs = clock.nowMs() - before;
    undisturbed = { state: snapshot(s.local.tenant), requests: [...requests.seen], tookMs };
  });

  test.each<Fault>(["fail", "time out", "drop after effect"])("%s, at every request", async (fault) => {
    expect(undisturbed.requests.length).toBeGreaterThan(30);
    for (const [number, spoiled] of undisturbed.requests.entries()) {
      strip(s.local.tenant);
      requests.reset();
      requests.spoil(number, fault);
      const first = await deployingTo(s, clock, { config, ...(fault === "time out" && { timeoutMs: 100 }) });
      const error = await planAndApply(first).catch((error: unknown) => error);
      expect([spoiled, error]).toEqual([spoiled, expect.objectContaining({ name: "ApiKeysError" })]);
      requests.reset();
      await clock.sleep(2_000);
      await planAndApply({ ...(await deployingTo(s, clock, { config })), journal: first.journal });
      expect([spoiled, snapshot(s.local.tenant)]).toEqual([spoiled, undisturbed.state]);
    }
  });

  test("the rate limit is waited for, at every request, and the run goes on by itself", async () => {
    for (const [number, spoiled] of undisturbed.requests.entries()) {
      strip(s.local.tenant);
      requests.reset();
      requests.spoil(number, "rate limit");
      const before = clock.nowMs();
      await planAndApply(await deployingTo(s, clock, { config }));
      // 7 s are asked for, in whole seconds; builds that get ready meanwhile save up to 3 of them. Of a refused token
      // request the SDK gives no headers: 1 s, then more.
      const atLeastMs = spoiled === "POST /oauth/token" ? 1_000 : 4_000;
      expect([spoiled, clock.nowMs() - before - undisturbed.tookMs >= atLeastMs]).toEqual([spoiled, true]);
      expect([spoiled, snapshot(s.local.tenant)]).toEqual([spoiled, undisturbed.state]);
    }
  });
});
