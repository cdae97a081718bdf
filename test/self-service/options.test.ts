import { beforeAll, expect, test } from "vitest";

import { createApiKeysHandler, openStores, type SelfServiceStores } from "../../src/self-service/index.ts";
import { DEPLOYMENT, pepperOf } from "../support/stage.ts";

const CONFIG = DEPLOYMENT as unknown as Parameters<typeof openStores>[0];
const SETTINGS = {
  origin: "https://acme.eu.auth0.com",
  clientId: "client",
  clientSecret: "secret of the client",
  redisUrl: "https://acme.upstash.io",
  redisToken: "token of Redis",
  pepper: `1:${pepperOf("one")}`,
};
let stores: SelfServiceStores;
beforeAll(() => {
  stores = openStores(CONFIG, SETTINGS);
});

const handlerWith = (change: object) =>
  createApiKeysHandler({
    stores,
    issuer: "https://acme.eu.auth0.com/",
    audience: "https://self-service.acme.example",
    ...change,
  });

test.each<[string, object, string]>([
  ["issuer", { issuer: undefined }, '"issuer" must be an https URL that ends in a slash'],
  ["issuer", { issuer: "https://acme.eu.auth0.com" }, '"issuer" must be an https URL that ends in a slash'],
  ["issuer", { issuer: "http://acme.eu.auth0.com/" }, '"issuer" must be an https URL'],
  ["audience", { audience: undefined }, '"audience" must be a string that is not blank, and is undefined'],
  ["audience", { audience: "" }, '"audience"'],
  ["audience", { audience: ["https://a.example"] }, '"audience"'],
  ["stores", { stores: undefined }, '"stores"'],
  ["stores", { stores: {} }, '"stores" must be an object with keys'],
  ["jwks_uri", { jwks_uri: undefined }, '"jwks_uri"'],
  ["basePath", { basePath: "self-service" }, '"basePath" must be a path'],
  ["basePath", { basePath: ["/self-service"] }, '"basePath" must be a path'],
  ["recentLogin", { recentLogin: undefined }, '"recentLogin"'],
  ["recentLogin", { recentLogin: 300 }, '"recentLogin"'],
  ["recentLogin", { recentLogin: { maxAgeSeconds: undefined } }, '"recentLogin": "maxAgeSeconds"'],
  ["recentLogin", { recentLogin: { maxAgeSeconds: "300" } }, '"recentLogin": "maxAgeSeconds"'],
  [
    "recentLogin",
    { recentLogin: { maxAgeSeconds: 300, claims: "a" } },
    'there is no option "claims". Did you mean "claim"?',
  ],
  ["rateLimit", { rateLimit: { requestsPerMinute: 0 } }, '"rateLimit": "requestsPerMinute"'],
  ["rateLimit", { rateLimits: {} }, 'there is no option "rateLimits". Did you mean "rateLimit"?'],
  ["organizationKeys", { organizationKeys: {} }, '"organizationKeys": "permission"'],
  ["corsOrigins", { corsOrigins: "https://app.acme.example" }, '"corsOrigins" must be a list'],
  ["corsOrigins", { corsOrigins: ["https://app.acme.example/"] }, '"corsOrigins" must be a list of origins'],
  ["corsOrigins", { corsOrigins: ["app.acme.example"] }, '"corsOrigins" must be a list of origins'],
  ["corsOrigins", { corsOrigins: ["*"] }, '"corsOrigins" must be a list of origins'],
  ["onError", { onError: "log" }, '"onError" must be a function'],
])("a handler is not made with a wrong %s: %j", (_, change, message) => {
  expect(() => handlerWith(change)).toThrow(TypeError);
  expect(() => handlerWith(change)).toThrow(message);
});

test.each<[string, unknown]>(
  Object.keys(SETTINGS).flatMap((name) => [
    [name, undefined],
    [name, ""],
    [name, 7],
  ]),
)("stores are not opened where %s is %j, and no value is quoted", (name, value) => {
  const open = () => openStores(CONFIG, { ...SETTINGS, [name]: value });
  expect(open).toThrow(TypeError);
  expect(open).toThrow(`"${name}" must be`);
  expect(open).not.toThrow(/secret of the client|token of Redis/);
});

test("stores are not opened with a setting, an option or a configuration that is none", () => {
  expect(() => openStores(CONFIG, { ...SETTINGS, peper: "x" } as typeof SETTINGS)).toThrow(
    'there is no option "peper". Did you mean "pepper"?',
  );
  expect(() => openStores(CONFIG, SETTINGS, { nowMs: 7 as unknown as () => number })).toThrow('"nowMs"');
  for (const config of [undefined, "deploy.config.ts"]) {
    expect(() => openStores(config as unknown as typeof CONFIG, SETTINGS)).toThrow('"config" must be');
  }
});

const { policy: POLICY } = DEPLOYMENT as unknown as { readonly policy: Readonly<Record<string, unknown>> };
const withPolicy = (change: object) => ({ policy: { ...POLICY, ...change } });
test.each<[string, object]>([
  ...["name", "subjectTokenType", "keyPrefixes", "apis", "clients", "policy"].map(
    (name): [string, object] => [name, { [name]: undefined }],
  ),
  ["name", { name: "" }],
  ["keyPrefixes", { keyPrefixes: [] }],
  ["keyPrefixes", { keyPrefixes: [""] }],
  ["keyPrefixes", { keyPrefixes: "acme_live" }],
  ["apis", { apis: [] }],
  ["apis", { apis: ["https://api.acme.example"] }],
  ["maxKeysPerUser", { policy: { maxLifetimeDays: 30 } }],
  ...Object.keys(POLICY)
    .filter((name) => name !== "openid")
    .map((name): [string, object] => [name, withPolicy({ [name]: undefined })]),
  ["maxKeysPerUser", withPolicy({ maxKeysPerUser: "20" })],
  ["maxKeysPerUser", withPolicy({ maxKeysPerUser: Number.NaN })],
  ["defaultLifetimeDays", withPolicy({ defaultLifetimeDays: 0 })],
  ["allowNoExpiry", withPolicy({ allowNoExpiry: "false" })],
  ["openid", withPolicy({ openid: "false" })],
  ["maxKeys", withPolicy({ maxKeys: 20 })],
])("stores are not opened where %s of the configuration is missing or wrong: %j", (name, change) => {
  const open = () => openStores({ ...CONFIG, ...change }, SETTINGS);
  expect(open).toThrow(TypeError);
  expect(open).toThrow(`"${name}"`);
});

test("the name of an environment may be undefined, as an unset variable is", () => {
  expect(() => openStores(CONFIG, SETTINGS, { env: undefined })).not.toThrow();
});
