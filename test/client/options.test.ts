import { describe, expect, test } from "vitest";

import {
  ApiKeyGateway,
  ApiKeyTokenSource,
  authRequestResponse,
  expressGateway,
  expressKillSwitch,
  fastifyGateway,
  fastifyKillSwitch,
  gatewayRequest,
  honoGateway,
  honoKillSwitch,
  KillSwitch,
  layeredTokenCache,
  memoryTokenCache,
  redisClientPort,
  redisTokenCache,
  scopeByMethod,
  upstashRedis,
  type TokenRequest,
} from "../../src/client/index.ts";
import { fileTokenCache } from "../../src/client/node.ts";
import { createTokenVerifier } from "../../src/client/verify-token.ts";
import { ENDPOINT, FakeEndpoint, KEY } from "./support.ts";

const fn = () => undefined;
const redis = { command: async () => null };
const source = new ApiKeyTokenSource(ENDPOINT);
const gateway = { source, issuer: "https://acme.example/", audience: "https://api" };

type Options = Readonly<Record<string, unknown>>;
type Case = readonly [
  what: string,
  make: (options: never) => unknown,
  needed: Options,
  /** Of each option that may be left out, what is right and what is wrong. */
  others: Readonly<Record<string, readonly [right: unknown, wrong: unknown]>>,
];

const COUNT = [5, "5"] as const;
const MS = [0, -1] as const;
const FUNCTION = [fn, "fn"] as const;

const THINGS: readonly Case[] = [
  [
    "ApiKeyTokenSource",
    (options) => new ApiKeyTokenSource(options),
    ENDPOINT,
    {
      client_secret: ["s3cret", ""],
      cache: [memoryTokenCache(), {}],
      maxEntries: COUNT,
      onEvict: FUNCTION,
      timeoutMs: MS,
      maxTokenAgeMs: MS,
      waitBudgetMs: MS,
      refusalMemoryMs: MS,
      maxRefusalMemoryMs: MS,
      refresh: ["inline", "later"],
      waitUntil: FUNCTION,
      onCacheError: FUNCTION,
      fetch: FUNCTION,
      clock: [{ nowMs: fn, sleep: fn }, {}],
      random: FUNCTION,
    },
  ],
  [
    "ApiKeyGateway",
    (options) => new ApiKeyGateway(options),
    gateway,
    {
      scope: [fn, 5],
      organization: ["acme", ""],
      keyPrefixes: [["acme_live"], "acme_live"],
      forwardClientAddress: [true, "true"],
      killSwitch: [new KillSwitch({ redis }), redis],
      onError: FUNCTION,
      jwks_uri: ["https://acme.example/jwks", "jwks"],
      fetch: FUNCTION,
      nowMs: FUNCTION,
    },
  ],
  [
    "createTokenVerifier",
    (options) => createTokenVerifier(options),
    { issuer: gateway.issuer, audience: gateway.audience },
    { jwks_uri: ["https://acme.example/jwks", 1], fetch: FUNCTION, nowMs: FUNCTION },
  ],
  [
    "KillSwitch",
    (options) => new KillSwitch(options),
    { redis },
    {
      deployment: ["other", ""],
      maxAgeMs: MS,
      whenUnknown: ["accept", "acept"],
      maxEntries: COUNT,
      onEvict: FUNCTION,
      nowMs: FUNCTION,
    },
  ],
  ["memoryTokenCache", (options) => memoryTokenCache(options), {}, { nowMs: FUNCTION }],
  ["fileTokenCache", (options) => fileTokenCache(options), { folder: "/tmp/x" }, { nowMs: FUNCTION }],
  [
    "redisTokenCache",
    (options) => redisTokenCache(redis, options),
    {},
    { keyPrefix: ["p:", ""], settleMs: MS, outageWaitMs: MS, nowMs: FUNCTION, monotonicMs: FUNCTION },
  ],
  [
    "upstashRedis",
    (options) => upstashRedis(options),
    { url: "https://redis.example", token: "t" },
    { timeoutMs: MS, fetch: FUNCTION },
  ],
  ["scopeByMethod", (options) => scopeByMethod(options), { read: "read:things", write: "write:things" }, {}],
];

describe.each(THINGS)("%s", (what, make, needed, others) => {
  const made = (options: Options) => () => make(options as never);
  const optional = Object.entries(others);

  test("is made of what it needs, and of all there is", () => {
    expect(made(needed)).not.toThrow();
    expect(
      made({ ...needed, ...Object.fromEntries(optional.map(([name, [right]]) => [name, right])) }),
    ).not.toThrow();
  });

  test.each(Object.keys(needed))(
    "without %s, or with an unset variable in its place, it is not made",
    (name) => {
      const { [name]: _, ...rest } = needed;
      for (const options of [rest, { ...needed, [name]: undefined }]) {
        expect(made(options)).toThrow(TypeError);
        expect(made(options)).toThrow(new RegExp(`^${what}: "${name}" must be .*, and is undefined$`));
      }
      expect(made({ ...needed, [name]: 5 })).toThrow(`${what}: "${name}" must be `);
    },
  );

  test.each(optional)("%s may be left out, and must be right if it is there", (name, [, wrong]) => {
    expect(made({ ...needed, [name]: wrong })).toThrow(new RegExp(`^${what}: "${name}" must be `));
    // The type of this one says that it may be undefined, as of a public client.
    const unset = made({ ...needed, [name]: undefined });
    if (name === "client_secret") expect(unset).not.toThrow();
    else expect(unset).toThrow(`${what}: "${name}" must be `);
  });

  test("an option that nobody knows is none", () => {
    expect(made({ ...needed, rateLimit: {} })).toThrow(`${what}: there is no option "rateLimit"`);
  });
});

test.each([
  [{ ...ENDPOINT, timeoutMS: 1 }, "timeoutMs"],
  [{ ...ENDPOINT, clientSecret: "s" }, "client_secret"],
])("a misspelt option is told with the one that was meant: %#", (options, meant) => {
  expect(() => new ApiKeyTokenSource(options)).toThrow(`Did you mean "${meant}"?`);
});

test.each([
  ["https://acme.example", "its slash is missing"],
  ["https://acme.example/tenant", "its slash is missing after a path as well"],
  ["acme.example/", "it is no URL"],
  ["http://acme.example/", "anybody on the way could give the keys"],
])("an issuer is not %s: %s", (issuer) => {
  const right = () => new ApiKeyGateway({ ...gateway, issuer: "http://localhost:3000/" });
  expect(right).not.toThrow();
  expect(() => new ApiKeyGateway({ ...gateway, issuer })).toThrow(
    '"issuer" must be an https URL that ends in a slash',
  );
});

test.each<[string, (thing: never) => unknown]>([
  ["expressGateway", expressGateway],
  ["fastifyGateway", fastifyGateway],
  ["honoGateway", honoGateway],
  ["expressKillSwitch", expressKillSwitch],
  ["fastifyKillSwitch", fastifyKillSwitch],
  ["honoKillSwitch", honoKillSwitch],
  ["layeredTokenCache", (thing) => layeredTokenCache(memoryTokenCache(), thing)],
  ["redisTokenCache", (thing) => redisTokenCache(thing)],
  ["redisClientPort", (thing) => redisClientPort(thing)],
])("%s of nothing, or of another thing, is not made", (what, make) => {
  for (const thing of [undefined, {}, "gateway"]) {
    expect(() => make(thing as never)).toThrow(TypeError);
    expect(() => make(thing as never)).toThrow(new RegExp(`^${what}: "\\w+" must be an object with `));
  }
});

test("a message never quotes the value, which may be a secret", () => {
  const token = ["the-token"] as unknown as string;
  expect(() => upstashRedis({ url: "https://redis.example", token })).toThrow(/^[^[]*$/);
  expect(() => upstashRedis({ url: "https://redis.example", token })).not.toThrow("the-token");
});

test.each<[object, string]>([
  [{ audience: undefined }, '"audience" must be a string that is not blank, and is undefined'],
  [{ scopes: "read:things" }, 'there is no option "scopes". Did you mean "scope"?'],
  [{ scope: ["read:things"] }, '"scope" must be a string'],
  [{ organisation: "acme" }, 'there is no option "organisation". Did you mean "organization"?'],
  [{ apiKey: undefined }, '"apiKey" must be an API key, and is undefined'],
  [{ hasEnded: true }, '"hasEnded" must be a function'],
])("a token is neither asked for nor dropped with %j: it would be another one", async (change, told) => {
  const endpoint = new FakeEndpoint();
  const source = new ApiKeyTokenSource({ ...ENDPOINT, fetch: endpoint.fetch });
  const request = { apiKey: KEY, audience: "https://api", ...change } as TokenRequest;
  await expect(source.getToken(request)).rejects.toThrow(TypeError);
  await expect(source.getToken(request)).rejects.toThrow(told);
  await expect(source.drop(request)).rejects.toThrow(told);
  expect(endpoint.requests).toHaveLength(0);
});

test.each([
  ["gatewayRequest", gatewayRequest],
  ["authRequestResponse", authRequestResponse],
])("%s with no gateway says so", async (_, use) => {
  for (const gateway of [undefined, {}, { authorize: true }]) {
    const answer = use(gateway as never, new Request("https://gw.example/"));
    await expect(answer).rejects.toThrow(/^"gateway" must be an object with authorize/);
  }
});
