import { expect, test } from "vitest";

import { readDeploySettings } from "../../src/cli/deploy/deploy-settings.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import type { Facts } from "../../src/deploy/doctor-facts.ts";
import { diagnose } from "../../src/deploy/doctor.ts";
import { PERMISSIONS } from "../../src/deploy/permissions.ts";
import { desiredFor } from "../support/deploying.ts";
import { CONFIG, environmentOf, stage } from "../support/stage.ts";

test("the Action gets the token that can write only if lastUsed is on, and the doctor expects just that", async () => {
  const s = await stage();
  const env = { ...environmentOf(s), UPSTASH_REDIS_REST_READ_ONLY_TOKEN: "the-read-only-one" };
  const tokens: string[] = [];
  const said: string[][] = [];
  for (const lastUsed of [false, true]) {
    const config = defineConfig({ ...CONFIG, lastUsed });
    const { actionSecrets } = await readDeploySettings(env, false, config);
    tokens.push(actionSecrets.UPSTASH_REDIS_REST_TOKEN);
    const { desired } = desiredFor(s, { config: { lastUsed } });
    for (const actionWrites of ["not_permitted", "reached"] as const) {
      const facts = { ...FACTS, store: { ...FACTS.store, actionWrites } };
      const checks = diagnose(facts, config, desired, "pepper");
      said.push(checks.flatMap(({ findings }) => findings.map(({ what }) => what)));
    }
  }
  await s.stop();
  expect(tokens).toEqual(["the-read-only-one", s.settings.redisToken]);
  expect(said).toEqual([
    [],
    ["The Action's Redis token can write, and it only reads."],
    ["The Action's Redis token cannot write: no last use of a key is noted."],
    [],
  ]);
});

const FACTS: Facts = {
  planned: { changes: [], caveats: [] },
  permissions: Object.values(PERMISSIONS).flat(),
  isEntitled: true,
  profileTypes: [],
  mfaPolicies: [],
  apis: [],
  clients: [],
  connection: undefined,
  ipThrottling: undefined,
  current: {
    apis: [],
    actions: [],
    bindings: [],
    profile: undefined,
    clients: [],
    ipThrottling: undefined,
    neighbours: [],
    counts: { actions: 0, profiles: 0 },
  },
  clockSkewSeconds: 0,
  store: {
    standard: "reached",
    standardWrites: "reached",
    action: "reached",
    actionWrites: "not_permitted",
    isSame: true,
    marker: "ours",
    claim: undefined,
    eviction: "off",
  },
};
