import { expect, test } from "vitest";

import { planApply } from "../../src/deploy/apply.ts";
import { newClock } from "../support/clock.ts";
import { deployingTo, planAndApply, strip } from "../support/deploying.ts";
import { selfServiceStage } from "../support/self-service.ts";
import { ADA, AUDIENCE, OTHER_AUDIENCE, stage } from "../support/stage.ts";

const APIS = [
  { identifier: AUDIENCE, scopes: { "read:all": "Read all things" } },
  { identifier: OTHER_AUDIENCE, scopes: { "read:all": "Read all bills" } },
];

test("a scope of the same name has the description of its own API on each, and a second plan finds nothing", async () => {
  const clock = newClock();
  const s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  const deploying = await deployingTo(s, clock, { config: { apis: APIS } });
  await planAndApply(deploying);
  const scopesOf = async (audience: string) =>
    (await deploying.api.client.resourceServers.get(audience)).scopes;
  expect(await scopesOf(AUDIENCE)).toEqual([{ value: "read:all", description: "Read all things" }]);
  expect(await scopesOf(OTHER_AUDIENCE)).toEqual([{ value: "read:all", description: "Read all bills" }]);
  expect((await planApply(deploying)).changes).toEqual([]);
  await s.stop();
});

test("self-service shows each with its own API's description", async () => {
  const stage = await selfServiceStage({ config: { apis: APIS } });
  const { body } = await stage.call("GET", "/scopes", { token: await stage.tokenOf(ADA) });
  const shown = (body["scopes"] as Record<string, unknown>[]).map(({ audience, description }) => [
    audience,
    description,
  ]);
  expect(shown).toEqual([
    [AUDIENCE, "Read all things"],
    [OTHER_AUDIENCE, "Read all bills"],
  ]);
  await stage.stop();
});
