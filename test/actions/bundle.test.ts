import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";

import { beforeAll, describe, expect, it } from "vitest";

import { bundleAction, TRIGGERS, type ActionBundle } from "../../src/deploy/bundle.ts";
import { DEPLOYMENT } from "../support/stage.ts";

const HANDLERS = {
  "custom-token-exchange": "onExecuteCustomTokenExchange",
  "post-login": "onExecutePostLogin",
} as const;

describe.each(TRIGGERS)("the bundle of %s", (trigger) => {
  let bundle: ActionBundle;
  beforeAll(async () => {
    bundle = await bundleAction(trigger, DEPLOYMENT);
  });

  it("is one file of at most 24 kB, with everything switched on too", async () => {
    const apis = DEPLOYMENT.apis.map((api) => ({
      ...api,
      otherScopes: ["other:things"],
      keyPrefix: "acme_own",
    }));
    const on = { apis, lastUsed: true, acceptForeignKeys: true, takesOver: true };
    const all = await bundleAction(trigger, { ...DEPLOYMENT, ...on });
    for (const { code } of [bundle, all]) expect(Buffer.byteLength(code)).toBeLessThanOrEqual(24_000);
  });

  it("holds nothing but the Actions, the core and the read side of the store", () => {
    const allowed =
      /^(actions\/[a-z-]+\.ts|src\/core\/[a-z0-9-]+\.ts|src\/stores\/(key-record-reader|key-use-writer)\.ts|<define:DEPLOYMENT>)$/;
    const inputs = Object.keys(bundle.metafile.inputs);
    expect(inputs.filter((input) => !allowed.test(input))).toEqual([]);
  });

  it("requires node's own modules and what it pins, exactly", () => {
    const required = [...bundle.code.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name);
    const manifest = readFileSync("node_modules/@upstash/redis/package.json", "utf8");
    const { version } = JSON.parse(manifest) as { version: string };
    const pinned = trigger === "post-login" ? [] : [{ name: "@upstash/redis", version }];
    expect(required.filter((name) => !name?.startsWith("node:"))).toEqual(pinned.map(({ name }) => name));
    expect(bundle.dependencies).toEqual(pinned);
  });

  it("is CommonJS without dynamic import, and exports a native AsyncFunction", () => {
    expect(bundle.code).not.toMatch(/\bimport\s*\(/);
    const module = { exports: {} as Record<string, unknown> };
    compileFunction(bundle.code, ["module", "exports", "require"])(
      module,
      module.exports,
      createRequire(import.meta.url),
    );
    const handler = module.exports[HANDLERS[trigger]];
    expect((handler as object).constructor.name).toBe("AsyncFunction");
    expect(Object.keys(module.exports)).toEqual([HANDLERS[trigger]]);
  });

  it("is the same for the same input", async () => {
    expect((await bundleAction(trigger, DEPLOYMENT)).code).toBe(bundle.code);
  });

  it("is readable: names and lines as they were written", () => {
    expect(bundle.code).toContain(
      trigger === "post-login" ? "function decideLogin(" : "function decideExchange(",
    );
    expect(Math.max(...bundle.code.split("\n").map((line) => line.length))).toBeLessThan(600);
  });
});
