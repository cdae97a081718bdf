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
  const { policy: _, ...partial } = DEPLOYMENT as unknown as Record<string, unknown>;
  for (const config of [undefined, "deploy.config.ts", partial] as const) {
    expect(() => openStores(config as unknown as typeof CONFIG, SETTINGS)).toThrow('"config" must be');
  }
});

test("the name of an environment may be undefined, as an unset variable is", () => {
  expect(() => openStores(CONFIG, SETTINGS, { env: undefined })).not.toThrow();
});
