import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Deploying } from "../../src/deploy/apply.ts";
import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { planDestroy, planRollback, undo } from "../../src/deploy/undo.ts";
import { newClock } from "../support/clock.ts";
import { deployingTo, planAndApply, snapshot, strip } from "../support/deploying.ts";
import { watchRequests, type Requests } from "../support/requests.ts";
import { AUDIENCE, CLIENT_ID, CONFIG, stage, type Stage } from "../support/stage.ts";

const clock = newClock();
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
  requests.reset();
  strip(s.local.tenant);
});

const rollBack = async (deploying: Deploying) => undo(deploying, "rollback", await planRollback(deploying));
const destroy = async (deploying: Deploying) => undo(deploying, "destroy", await planDestroy(deploying));

describe("a second apply, which adds an API, a scope and a client, and sets a lifetime and throttling anew", () => {
  const [things, bills] = CONFIG.apis;
  const read = { "read:things": "Read" };
  const first: Partial<DeployConfigInput> = {
    apis: [{ identifier: AUDIENCE, scopes: read, tokenLifetimeSeconds: 3_600 }],
    clients: [CLIENT_ID],
    ipThrottling: { maxAttempts: 20, regainMs: 60_000 },
  };
  const second: Partial<DeployConfigInput> = {
    apis: [
      { ...things, identifier: AUDIENCE, scopes: things?.scopes ?? {}, tokenLifetimeSeconds: 7_200 },
      ...(bills ? [bills] : []),
    ],
    ipThrottling: { maxAttempts: 30, regainMs: 60_000 },
  };
  // It is there before the first, with a scope and a lifetime of its own.
  const furnish = async () => {
    const { api } = await deployingTo(s, clock);
    const scopes = [{ value: "other:things" }];
    await api.client.resourceServers.create({ identifier: AUDIENCE, name: "theirs", scopes });
  };
  /** The tenant but for the versions of Actions: a rollback makes more of them. */
  const shared = () => {
    const { resourceServers, clients, ipThrottling, profiles, postLoginBindings } = s.local.tenant;
    return structuredClone([resourceServers, clients, ipThrottling, profiles, postLoginBindings, running()]);
  };

  test("is taken back by a rollback, values that were set before included", async () => {
    await furnish();
    const deployment = await deployingTo(s, clock, { config: first });
    await planAndApply(deployment);
    const before = shared();
    const again = { ...(await deployingTo(s, clock, { config: second })), journal: deployment.journal };
    await planAndApply(again);
    expect(shared()).not.toEqual(before);
    await rollBack(again);
    expect(shared()).toEqual(before);
  });

  test.each([
    ["completed, then destroyed", true, destroy],
    ["destroyed at once", false, destroy],
    ["rolled back at once", false, rollBack],
  ])("broken off at any write, and %s, leaves what was there before", async (_, isCompleted, takeBack) => {
    await furnish();
    const bare = snapshot(s.local.tenant);
    let writes: readonly number[] = [-1];
    for (let at = 0; at < writes.length; at++) {
      strip(s.local.tenant);
      await furnish();
      const deployment = await deployingTo(s, clock, { config: first });
      await planAndApply(deployment);
      const before = shared();
      const { journal } = deployment;
      requests.reset();
      requests.spoil(writes[at] ?? -1, "fail");
      const again = { ...(await deployingTo(s, clock, { config: second })), journal };
      await planAndApply(again).catch(() => undefined);
      // The first of these runs is not spoiled, and tells how many writes there are.
      const isWrite = (one: string) => !one.startsWith("GET ") && !one.includes("/oauth/token");
      if (at === 0) writes = [-1, ...requests.seen.flatMap((one, number) => (isWrite(one) ? [number] : []))];
      const spoiled = requests.seen[writes[at] ?? -1];
      requests.reset();
      await clock.sleep(2_000);
      if (isCompleted) await planAndApply(again);
      await takeBack(again);
      const expected = takeBack === rollBack ? before : bare;
      expect([spoiled, takeBack === rollBack ? shared() : snapshot(s.local.tenant)]).toEqual([
        spoiled,
        expected,
      ]);
    }
    expect(writes.length).toBeGreaterThan(8);
  });
});

test("of two Actions that an interrupted apply left different, with its journal lost, the newer tells what was given", async () => {
  const [things] = CONFIG.apis;
  if (!things) throw new Error("no API");
  const bare = snapshot(s.local.tenant);
  await planAndApply(await deployingTo(s, clock, { config: { apis: [things] } }));
  const { actionStates } = s.local.tenant;
  const older = [...actionStates].find(([, { trigger }]) => trigger === "custom-token-exchange");
  await planAndApply(await deployingTo(s, clock));
  const newer = [...actionStates].find(([, { trigger }]) => trigger === "post-login");
  // Whichever of them a tenant lists first.
  for (const order of [
    [newer, older],
    [older, newer],
  ]) {
    actionStates.clear();
    for (const entry of order) if (entry) actionStates.set(...entry);
    const { changes } = await planDestroy(await deployingTo(s, clock));
    expect(changes.map(({ what }) => what)).toContain("API https://billing.acme.example");
  }
  await clock.sleep(2_000);
  await planAndApply(await deployingTo(s, clock));
  await destroy(await deployingTo(s, clock));
  expect(snapshot(s.local.tenant)).toBe(bare);
});

function running() {
  return [...s.local.tenant.actions.values()].map(({ version }) => [version.code, version.secrets]);
}
