import { expect, test } from "vitest";

import { bundleAction, TRIGGERS } from "../../src/deploy/bundle.ts";
import { checkBundle } from "../../src/deploy/check-bundle.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { desiredOf, makeActions } from "../../src/deploy/desired.ts";
import type { TenantState } from "../../src/deploy/tenant-state.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { CONFIG, DEPLOYMENT, TENANT } from "../support/stage.ts";
import { PEPPER } from "../support/deploying.ts";

const HANDLER = "exports.onExecutePostLogin = async function (event, api) {};";

test.each(TRIGGERS)("the bundle of %s passes", async (trigger) => {
  const bundle = await bundleAction(trigger, DEPLOYMENT);
  expect(() => checkBundle(bundle)).not.toThrow();
});

test.each([
  ["does not parse", `${HANDLER}"`, "it does not load"],
  ["throws while loading", "throw new Error('early');", "early"],
  [
    "exports the handler of another trigger",
    "exports.onExecuteCustomTokenExchange = async () => {};",
    "it exports no onExecutePostLogin",
  ],
  [
    "is no native async function",
    "exports.onExecutePostLogin = () => Promise.resolve();",
    "no native async function",
  ],
  [
    "imports dynamically",
    `${HANDLER} async function later() { return import("node:fs"); }`,
    "dynamic import",
  ],
  ["uses top-level await", `await 0; ${HANDLER}`, "it does not load"],
  ["requires what is not declared", `require("jose"); ${HANDLER}`, '"jose" is not among its dependencies'],
  ["is too large", `${HANDLER}//${"x".repeat(100_000)}`, "Auth0 takes 100000"],
])("code that %s is refused", (_, code, message) => {
  const check = () => checkBundle({ trigger: "post-login", code, dependencies: [] });
  expect(check).toThrow(
    expect.objectContaining({ code: "bundle_invalid", message: expect.stringContaining(message) as string }),
  );
});

test("no secret that Auth0 would refuse goes into an Action, and none is in what is said of it", async () => {
  const config = defineConfig(CONFIG);
  const sources = {
    config,
    peppers: parsePeppers(PEPPER),
    takesOver: false,
    secrets: {
      API_KEY_PEPPER: "x".repeat(4097),
      UPSTASH_REDIS_REST_URL: "https://r",
      UPSTASH_REDIS_REST_TOKEN: "t",
    },
  };
  const desired = desiredOf(config, TENANT, "https://r");
  await expect(makeActions(sources, desired, EMPTY, [])).rejects.toMatchObject({
    code: "configuration_invalid",
    message: expect.not.stringContaining("xxx") as string,
  });
});

test("an Action whose code is too large with its mark is refused before it is sent anywhere", async () => {
  const config = defineConfig({
    ...CONFIG,
    clients: Array.from({ length: 900 }, (_, at) => `${at}`.padEnd(100)),
  });
  const secrets = { API_KEY_PEPPER: "p", UPSTASH_REDIS_REST_URL: "https://r", UPSTASH_REDIS_REST_TOKEN: "t" };
  const sources = { config, peppers: parsePeppers(PEPPER), takesOver: false, secrets };
  const desired = desiredOf(config, TENANT, "https://r");
  await expect(makeActions(sources, desired, EMPTY, [])).rejects.toMatchObject({ code: "bundle_invalid" });
});

const EMPTY: TenantState = {
  apis: [],
  actions: [],
  bindings: [],
  profile: undefined,
  clients: [],
  ipThrottling: undefined,
  neighbours: [],
  counts: { actions: 0, profiles: 0 },
};
