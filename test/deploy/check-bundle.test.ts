import { expect, test } from "vitest";

import { bundleAction, TRIGGERS } from "../../src/deploy/bundle.ts";
import { checkBundle } from "../../src/deploy/check-bundle.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { desiredOf } from "../../src/deploy/desired.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { CONFIG } from "../support/stage.ts";
import { PEPPER } from "../support/deploying.ts";

const HANDLER = "exports.onExecutePostLogin = async function (event, api) {};";

test.each(TRIGGERS)("the bundle of %s passes", async (trigger) => {
  const bundle = await bundleAction(trigger, defineConfig(CONFIG));
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

test("a broken bundle is refused before anything is asked of the tenant", async () => {
  const config = defineConfig(CONFIG);
  const bundles = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
  const broken = bundles.map((bundle) => ({ ...bundle, code: `${bundle.code}"` }));
  const secrets = {
    API_KEY_PEPPER: PEPPER,
    UPSTASH_REDIS_REST_URL: "https://r",
    UPSTASH_REDIS_REST_TOKEN: "t",
  };
  expect(() => desiredOf(config, broken, secrets, parsePeppers(PEPPER))).toThrow(
    expect.objectContaining({ code: "bundle_invalid" }),
  );
  expect(() =>
    desiredOf(config, bundles, { ...secrets, API_KEY_PEPPER: "x".repeat(4097) }, parsePeppers(PEPPER)),
  ).toThrow(
    expect.objectContaining({
      code: "configuration_invalid",
      message: expect.not.stringContaining("xxx") as string,
    }),
  );
});
