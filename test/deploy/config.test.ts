import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { defineConfig, type DeployConfigInput } from "../../src/deploy/config.ts";
import type { ApiKeysError } from "../../src/core/errors.ts";

const API = { identifier: "https://api.acme.example", scopes: { "read:things": "Read" } };
const GOOD: DeployConfigInput = { subjectTokenType: "urn:acme:api-key", keyPrefix: "acme_live", apis: [API] };

/** What is wrong in a configuration: the lines below the first, without their indentation. */
function mistakesIn(input: unknown): readonly string[] {
  try {
    defineConfig(input as DeployConfigInput);
  } catch (error) {
    const { code, message } = error as ApiKeysError;
    expect(code).toBe("configuration_invalid");
    const [first, ...lines] = message.split("\n");
    const count = lines.length === 1 ? "a mistake" : `${lines.length} mistakes`;
    expect(first).toBe(`deploy.config.ts has ${count}:`);
    expect(lines.every((line) => /^ {2}\S/.test(line))).toBe(true);
    return lines.map((line) => line.trim());
  }
  return [];
}

/** A configuration with six mistakes of as many kinds. */
const SIX = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefx: "acme_live",
  policy: { maxLifetimeDay: 30 },
  apis: [
    { identifier: "https://a.example", scope: { "read:things": "Read" } },
    { identifier: "https://b.example", scopes: { "read:things": "R".repeat(501) } },
    { identifier: "https://b.example", scopes: {} },
    { identifier: "https://acme.eu.auth0.com/api/v2/", scopes: {} },
  ],
};
const SIX_LINES = [
  "apis.0.scope: is not known; did you mean scopes?",
  "apis.1.scopes.read:things: has more than 500 characters, which Auth0 refuses",
  "apis.3.identifier: is an audience of Auth0's own, which is never for API keys",
  "apis: names https://b.example twice",
  "keyPrefx: is not known; did you mean keyPrefix?",
  "policy.maxLifetimeDay: is not known; did you mean maxLifetimeDays?",
];

it("six mistakes are six lines, each with where it is, what is wrong and what was meant", () => {
  expect(mistakesIn(SIX).toSorted()).toEqual(SIX_LINES);
});

it("seven others are seven lines: what is wrong with one field hides nothing of another", () => {
  const input = {
    ...GOOD,
    subjectTokenType: "urn:auth0:api-key",
    keyPrefix: 5,
    apis: [{ identifier: "a".repeat(601), scopes: { "read things": "Read" } }],
    clients: ["one", "one"],
    verfy: {},
    serviceUsers: {},
  };
  expect(mistakesIn(input).toSorted()).toEqual([
    "apis.0.identifier: has more than 600 characters, which Auth0 refuses",
    "apis.0.scopes.read things: must be a scope of RFC 6749 §3.3, of at most 280 characters",
    "clients: names one twice",
    "keyPrefix: must be a text",
    "serviceUsers.connection: is missing",
    "subjectTokenType: is in a namespace that Auth0 reserves",
    "verfy: is not known; did you mean verify?",
  ]);
});

const API_WITH = (change: object) => ({ apis: [{ ...API, ...change }] });
const URI = "must be a urn: or https: URI";
const PREFIX = "must be like acme or acme_live: lower case, at most one _ inside";
const DAYS = "must be a whole number from 1 to 3660";

describe("one mistake is one line", () => {
  it.each<[string, object, string]>([
    ["no type", { subjectTokenType: undefined }, "subjectTokenType: is missing"],
    [
      "a type of 7 characters",
      { subjectTokenType: "urn:a:b" },
      "subjectTokenType: must have 8 to 100 characters",
    ],
    [
      "a type of 101 characters",
      { subjectTokenType: `urn:acme:${"a".repeat(92)}` },
      "subjectTokenType: must have 8 to 100 characters",
    ],
    ["a type that is no URI", { subjectTokenType: "acme:api-key" }, `subjectTokenType: ${URI}`],
    ["a type with a blank", { subjectTokenType: "urn:acme:api key" }, `subjectTokenType: ${URI}`],
    ["a type over http", { subjectTokenType: "http://acme.example/key" }, `subjectTokenType: ${URI}`],
    ...["urn:ietf:params:oauth:token-type:jwt", "URN:Okta:api-key", "https://auth0.com/api-key"].map(
      (type): [string, object, string] => [
        `a type of others, ${type}`,
        { subjectTokenType: type },
        "subjectTokenType: is in a namespace that Auth0 reserves",
      ],
    ),
    ["no prefix", { keyPrefix: undefined }, "keyPrefix: is missing"],
    ["a prefix with capitals", { keyPrefix: "Acme" }, `keyPrefix: ${PREFIX}`],
    ["a prefix with two _", { keyPrefix: "acme_live_eu" }, `keyPrefix: ${PREFIX}`],
    [
      "a retired prefix with capitals",
      { retiredKeyPrefixes: ["old", "Old"] },
      `retiredKeyPrefixes.1: ${PREFIX}`,
    ],
    ["a retired prefix that is no list", { retiredKeyPrefixes: "old" }, "retiredKeyPrefixes: must be a list"],
    [
      "21 prefixes",
      { retiredKeyPrefixes: Array.from({ length: 20 }, (_, at) => `old${at}`) },
      "retiredKeyPrefixes: has more than 20 prefixes",
    ],
    ["no APIs", { apis: undefined }, "apis: is missing"],
    ["an empty list of APIs", { apis: [] }, "apis: must name at least one API"],
    ["an API instead of a list", { apis: API }, "apis: must be a list"],
    ["an identifier instead of an API", { apis: [API.identifier] }, "apis.0: must be an object"],
    ["an API without an identifier", { apis: [{ scopes: {} }] }, "apis.0.identifier: is missing"],
    ["an empty identifier", API_WITH({ identifier: "" }), "apis.0.identifier: is empty"],
    [
      "an identifier of 601 characters",
      API_WITH({ identifier: "a".repeat(601) }),
      "apis.0.identifier: has more than 600 characters, which Auth0 refuses",
    ],
    ...["https://t.auth0.com/userinfo", "https://t.auth0.com/me/", "urn:t:session_transfer"].map(
      (identifier): [string, object, string] => [
        `the audience ${identifier}`,
        API_WITH({ identifier }),
        "apis.0.identifier: is an audience of Auth0's own, which is never for API keys",
      ],
    ),
    [
      "an API that is named twice",
      { apis: [API, { ...API, scopes: {} }] },
      "apis: names https://api.acme.example twice",
    ],
    ["an API without scopes", { apis: [{ identifier: "https://a.example" }] }, "apis.0.scopes: is missing"],
    ["a list of scopes", API_WITH({ scopes: ["read:things"] }), "apis.0.scopes: must be an object"],
    ["an empty list of scopes", API_WITH({ scopes: [] }), "apis.0.scopes: must be an object"],
    [
      "a scope of 281 characters",
      API_WITH({ scopes: { ["s".repeat(281)]: "" } }),
      `apis.0.scopes.${"s".repeat(281)}: must be a scope of RFC 6749 §3.3, of at most 280 characters`,
    ],
    ["a scope without a text", API_WITH({ scopes: { read: true } }), "apis.0.scopes.read: must be a text"],
    ["a prefix of an API in capitals", API_WITH({ keyPrefix: "ACME" }), `apis.0.keyPrefix: ${PREFIX}`],
    [
      "an API's prefix that is the deployment's",
      API_WITH({ keyPrefix: "acme_live" }),
      "apis: the prefix acme_live is that of more than one",
    ],
    [
      "an API's prefix that is a retired one",
      { retiredKeyPrefixes: ["acme_old"], ...API_WITH({ keyPrefix: "acme_old" }) },
      "apis: the prefix acme_old is that of more than one",
    ],
    [
      "one prefix of two APIs",
      {
        apis: [
          { ...API, keyPrefix: "acme_a" },
          { identifier: "b", scopes: {}, keyPrefix: "acme_a" },
        ],
      },
      "apis: the prefix acme_a is that of more than one",
    ],
    ...[59, 2_592_001, 3600.5, -1].map((seconds): [string, object, string] => [
      `a lifetime of ${seconds} seconds`,
      API_WITH({ tokenLifetimeSeconds: seconds }),
      "apis.0.tokenLifetimeSeconds: must be a whole number from 60 to 2592000",
    ]),
    ["a client that is no text", { clients: [7] }, "clients.0: must be a text"],
    ["an empty client", { clients: [""] }, "clients.0: is empty"],
    ["a client that is named twice", { clients: ["a", "b", "a"] }, "clients: names a twice"],
    ["a policy that is a list", { policy: [] }, "policy: must be an object"],
    [
      "0 keys",
      { policy: { maxKeysPerUser: 0 } },
      "policy.maxKeysPerUser: must be a whole number from 1 to 50",
    ],
    [
      "51 keys",
      { policy: { maxKeysPerUser: 51 } },
      "policy.maxKeysPerUser: must be a whole number from 1 to 50",
    ],
    [
      "a default above the maximum",
      { policy: { maxLifetimeDays: 30, defaultLifetimeDays: 31 } },
      "policy.maxLifetimeDays: is less than defaultLifetimeDays",
    ],
    ["no keys", { policy: { maxKeysPerUser: Number.NaN } }, "policy.maxKeysPerUser: must be a number"],
    ...[
      { defaultLifetimeDays: 0 },
      { maxLifetimeDays: 3661 },
      { retentionDays: 3661 },
      { retentionDays: 0.5 },
    ].map((policy): [string, object, string] => [
      JSON.stringify(policy),
      { policy },
      `policy.${Object.keys(policy)[0]}: ${DAYS}`,
    ]),
    [
      "a text for a number",
      { policy: { maxLifetimeDays: "30" } },
      "policy.maxLifetimeDays: must be a number",
    ],
    ["a text for a yes", { policy: { allowNoExpiry: "yes" } }, "policy.allowNoExpiry: must be true or false"],
    ["a number for a yes", { lastUsed: 1 }, "lastUsed: must be true or false"],
    [
      "a name with capitals",
      { name: "API-keys" },
      "name: must be like api-keys: 3 to 40 lower-case letters, digits and hyphens",
    ],
    [
      "a name of 2 characters",
      { name: "ab" },
      "name: must be like api-keys: 3 to 40 lower-case letters, digits and hyphens",
    ],
    [
      "a name of 41 characters",
      { name: "a".repeat(41) },
      "name: must be like api-keys: 3 to 40 lower-case letters, digits and hyphens",
    ],
    [
      "a domain with a path",
      { domain: "acme.example/tenant" },
      "domain: must be a domain, such as acme.eu.auth0.com",
    ],
    [
      "a tenant's domain with a blank",
      { tenantDomain: "acme example" },
      "tenantDomain: must be a domain, such as acme.eu.auth0.com",
    ],
    ["a store as a text", { store: "https://store.example" }, "store: must be an object"],
    ["a store without a URL", { store: {} }, "store.url: is missing"],
    [
      "a store over Redis' own protocol",
      { store: { url: "rediss://store.example" } },
      "store.url: must be the database's REST URL: https://…",
    ],
    ["another position", { postLoginPosition: "middle" }, 'postLoginPosition: must be "first" or "last"'],
    ["throttling without a rate", { ipThrottling: { maxAttempts: 5 } }, "ipThrottling.regainMs: is missing"],
    [
      "too many attempts",
      { ipThrottling: { maxAttempts: 101, regainMs: 60_000 } },
      "ipThrottling.maxAttempts: must be a whole number from 1 to 100",
    ],
    [
      "a connection with a blank",
      { serviceUsers: { connection: "service users" } },
      "serviceUsers.connection: must be like api-key-service-users",
    ],
    [
      "a connection of 129 characters",
      { serviceUsers: { connection: "a".repeat(129) } },
      "serviceUsers.connection: has more than 128 characters",
    ],
    ["nobody who verifies", { verify: {} }, "verify.userId: is missing"],
    [
      "a client that verifies and is none",
      { verify: { userId: "auth0|ada", clientId: 7 } },
      "verify.clientId: must be a text",
    ],
  ])("%s", (_, change, expected) => {
    expect(mistakesIn({ ...GOOD, ...change })).toEqual([expected]);
  });

  it.each<[string, object, string]>([
    ["client", { client: [] }, "client: is not known; did you mean clients?"],
    [
      "retiredKeyPrefix",
      { retiredKeyPrefix: [] },
      "retiredKeyPrefix: is not known; did you mean retiredKeyPrefixes?",
    ],
    ["NAME", { NAME: "api-keys" }, "NAME: is not known; did you mean name?"],
    ["enviroments", { enviroments: {} }, "enviroments: is not known; did you mean environments?"],
    [
      "store.uri",
      { store: { url: "https://a.example", uri: "" } },
      "store.uri: is not known; did you mean url?",
    ],
    [
      "apis.1.tokenLifetimeSecond",
      { apis: [API, { identifier: "b", scopes: {}, tokenLifetimeSecond: 60 }] },
      "apis.1.tokenLifetimeSecond: is not known; did you mean tokenLifetimeSeconds?",
    ],
    [
      "serviceUsers.conection",
      { serviceUsers: { conection: "api-key-service-users" } },
      "serviceUsers.conection: is not known; did you mean connection?",
    ],
    [
      "verify.userid",
      { verify: { userid: "auth0|ada" } },
      "verify.userid: is not known; did you mean userId?",
    ],
    [
      "ipThrottling.maxAttempt",
      { ipThrottling: { maxAttempt: 5, regainMs: 60_000 } },
      "ipThrottling.maxAttempt: is not known; did you mean maxAttempts?",
    ],
    ["what is like no field", { colour: "red" }, "colour: is not known"],
    ["a name that is another object's", { policy: { keyPrefix: "acme" } }, "policy.keyPrefix: is not known"],
  ])(
    "a name that is none, %s: with the nearest of the same object, if one is near",
    (_, change, expected) => {
      expect(mistakesIn({ ...GOOD, ...change })).toEqual([expected]);
    },
  );

  it.each([null, 7, "urn:acme:api-key", [], [GOOD], () => GOOD])(
    "what is no configuration is refused: %s",
    (input) => {
      expect(mistakesIn(input)).toEqual(["the configuration: must be an object"]);
    },
  );
});

it("every name that is none is told of, also several of one object", () => {
  expect(mistakesIn({ ...GOOD, client: [], polcy: {}, verifi: {} })).toEqual([
    "client: is not known; did you mean clients?",
    "polcy: is not known; did you mean policy?",
    "verifi: is not known; did you mean verify?",
  ]);
});

it("a required field that was mistyped is one mistake; that it is missing is said where nothing is like it", () => {
  const { keyPrefix: _, ...rest } = GOOD;
  expect(mistakesIn({ ...rest, keyprefix: "acme" })).toEqual([
    "keyprefix: is not known; did you mean keyPrefix?",
  ]);
  expect(mistakesIn({ ...rest, colour: "acme" }).toSorted()).toEqual([
    "colour: is not known",
    "keyPrefix: is missing",
  ]);
  // What is mistyped in one API says nothing of another's.
  const apis = [{ identifier: "a", scope: {} }, { identifier: "b" }];
  expect(mistakesIn({ ...GOOD, apis }).toSorted()).toEqual([
    "apis.0.scope: is not known; did you mean scopes?",
    "apis.1.scopes: is missing",
  ]);
});

const SECRET = "sK9-7hTq2Lx8vN4mB1cR6wZ3";

it("no value is quoted: a secret in the wrong place stays out of the log", () => {
  const lines = mistakesIn({
    subjectTokenType: SECRET,
    keyPrefix: SECRET,
    retiredKeyPrefixes: [SECRET],
    name: SECRET,
    domain: `https://user:${SECRET}@acme.example`,
    tenantDomain: `${SECRET} `,
    store: { url: `rediss://default:${SECRET}@store.example`, token: SECRET },
    clientSecret: SECRET,
    pepper: SECRET,
    clients: SECRET,
    postLoginPosition: SECRET,
    lastUsed: SECRET,
    policy: SECRET,
    serviceUsers: { connection: `${SECRET}!` },
    verify: { userId: 7, clientSecret: SECRET },
    ipThrottling: { maxAttempts: SECRET, regainMs: SECRET },
    apis: [{ identifier: `https://${SECRET}/userinfo`, scopes: { read: [SECRET] }, keyPrefix: SECRET }],
  });
  expect(lines.length).toBeGreaterThan(18);
  expect(lines.join("\n")).not.toContain(SECRET);
});

it("a configuration of all fields is taken, each to its bounds", () => {
  const scopes = { ["s".repeat(280)]: "D".repeat(500) };
  const config = defineConfig({
    domain: "https://LOGIN.acme.example/",
    tenantDomain: "acme.eu.auth0.com",
    store: { url: "https://store.example" },
    subjectTokenType: `urn:a:${"b".repeat(94)}`,
    keyPrefix: "acme_live",
    retiredKeyPrefixes: [...Array.from({ length: 19 }, (_, at) => `old${at}`), "acme_live"],
    apis: [
      { identifier: "a".repeat(600), scopes, keyPrefix: "acme_a", tokenLifetimeSeconds: 60 },
      { identifier: "b", scopes: {}, tokenLifetimeSeconds: 2_592_000 },
    ],
    clients: ["one", "two"],
    policy: { maxKeysPerUser: 50, defaultLifetimeDays: 3660, maxLifetimeDays: 3660, retentionDays: 1 },
    name: "a".repeat(40),
    postLoginPosition: "first",
    ipThrottling: { maxAttempts: 100, regainMs: 1_000 },
    lastUsed: true,
    serviceUsers: { connection: "a".repeat(128) },
    verify: { userId: "auth0|ada" },
  });
  expect(config.keyPrefixes).toHaveLength(20);
  expect(config.apis.map((api) => api.scopes)).toEqual([["s".repeat(280)], []]);
  expect(config.tokenLifetimesSeconds).toEqual({ ["a".repeat(600)]: 60, b: 2_592_000 });
});

it("the lifetime of a key that names none is 90 days, and never more than the maximum", () => {
  const daysUnder = (policy: object) => defineConfig({ ...GOOD, policy }).policy.defaultLifetimeDays;
  expect([{}, { maxLifetimeDays: 30 }, { maxLifetimeDays: 91 }].map(daysUnder)).toEqual([90, 30, 90]);
});

describe("the programs, in a project of another kind", () => {
  const folder = mkdtempSync(join(tmpdir(), "config-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const source = resolve("src/deploy/config.ts");
  const input = JSON.stringify(SIX);
  beforeAll(async () => {
    // Copies of the package with classes of their own, as what a project installs is beside this program's.
    const formats = { cjs: "cjs", mjs: "esm" } as const;
    for (const [extension, format] of Object.entries(formats)) {
      const outfile = join(folder, `package.${extension}`);
      await build({ entryPoints: [source], bundle: true, platform: "node", format, outfile });
    }
    const esm = (from: string) =>
      `import { defineConfig } from ${JSON.stringify(from)};\nexport default defineConfig(${input});\n`;
    const common = `const { defineConfig } = require("./package.cjs");\n`;
    const files: Readonly<Record<string, string>> = {
      "common.cjs": `${common}module.exports = defineConfig(${input});\n`,
      "default.cjs": `${common}exports.default = defineConfig(${input});\n`,
      "module.mjs": esm("./package.mjs"),
      "of-common.mjs": esm("./package.cjs"),
      "typescript.ts": esm("./package.cjs"),
      "same-copy.mts": esm(source),
      "good.cjs": `${common}module.exports = defineConfig(${JSON.stringify(GOOD)});\n`,
      "good-default.cjs": `${common}exports.default = defineConfig(${JSON.stringify(GOOD)});\n`,
      "raw.mjs": `export default ${JSON.stringify(GOOD)};\n`,
      "raw-environments.mjs": `export default ${JSON.stringify({ environments: { staging: GOOD } })};\n`,
      "nothing.cjs": "",
      "other-error.cjs": `throw new TypeError("of the project itself");\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });
  const run = (program: string, ...argv: readonly string[]) =>
    spawnSync(
      process.execPath,
      [
        "--import",
        pathToFileURL(resolve("node_modules/tsx/dist/loader.mjs")).href,
        resolve(program),
        ...argv,
      ],
      { cwd: folder, encoding: "utf8" },
    );

  it.each([
    ["common.cjs", "keys", "pattern"],
    ["default.cjs", "deploy", "plan"],
    ["module.mjs", "keys", "pattern"],
    ["of-common.mjs", "deploy", "doctor"],
    ["typescript.ts", "keys", "pattern"],
    ["same-copy.mts", "keys", "pattern"],
    ["same-copy.mts", "deploy", "plan"],
  ])("%s: %s says each mistake once, and ends with 1", (file, program, command) => {
    const { status, stdout, stderr } = run(`scripts/${program}.ts`, command, "--config", file);
    expect([status, stdout]).toEqual([1, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toBe("error: deploy.config.ts has 6 mistakes:");
    expect(
      lines
        .slice(1, -1)
        .map((line) => line.trim())
        .toSorted(),
    ).toEqual(SIX_LINES);
    expect(lines.at(-1)).toMatch(/^fix: {3}Correct deploy\.config\.ts/);
  });

  it.each(["good.cjs", "good-default.cjs"])("%s is taken", (file) => {
    const { status, stdout } = run("scripts/keys.ts", "pattern", "--config", file);
    expect([status, stdout]).toEqual([0, "(acme_live)_[0-9A-Za-z]{50}\n"]);
  });

  it.each([
    ["raw.mjs", "raw.mjs exports no configuration", "defineConfig"],
    ["raw-environments.mjs", "raw-environments.mjs exports no configuration", "defineConfig"],
    ["nothing.cjs", "nothing.cjs exports no configuration", "defineConfig"],
    ["other-error.cjs", "other-error.cjs could not be loaded. of the project itself", "--config"],
    ["not-there.cjs", "not-there.cjs could not be loaded", "--config"],
  ])("%s is refused: %s", (file, message, fix) => {
    const { status, stderr } = run("scripts/keys.ts", "pattern", "--config", file, "--env", "staging");
    expect(status).toBe(1);
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toContain(fix);
  });
});
