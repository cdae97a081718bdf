import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";

import type { HttpBindings } from "@hono/node-server";
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";
import fastify from "fastify";
import { Hono, type Context } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { expressGateway, expressKillSwitch } from "../../src/client/gateway-express.ts";
import { fastifyGateway, fastifyKillSwitch } from "../../src/client/gateway-fastify.ts";
import { honoGateway, honoKillSwitch, type GatewayVariables } from "../../src/client/gateway-hono.ts";
import { ApiKeyGateway, type GatewayOptions } from "../../src/client/gateway.ts";
import { KillSwitch } from "../../src/client/kill-switch.ts";
import { upstashRedis } from "../../src/client/redis-port.ts";
import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import { ApiKey } from "../../src/core/api-key.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { demoApi } from "../../src/local/demo-api.ts";
import { listen, type Listening } from "../../src/local/listen.ts";
import { ADA, AUDIENCE, GRACE, stage, type Stage, connect } from "../support/stage.ts";

const SCOPE = "read:things";
const CONFIDENTIAL = { client_id: "gateway", client_secret: "s3cret&more" };

let s: Stage;
let jwt: string;
beforeAll(async () => {
  s = await stage({ limits: true });
  // Exchanges a second are the fleet's test; here it is the throttling of addresses that counts.
  Object.assign(s.local.tenant, { exchangeRate: undefined });
  const [publicClient] = s.local.tenant.clients.values();
  if (!publicClient) throw new Error("the stage has no client");
  s.local.tenant.clients.set(CONFIDENTIAL.client_id, {
    ...publicClient,
    ...CONFIDENTIAL,
    token_endpoint_auth_method: "client_secret_post",
    is_token_endpoint_ip_header_trusted: true,
  });
  connect(s, CONFIDENTIAL.client_id);
  const { key } = await s.create(ADA);
  jwt = String((await s.exchange(key)).body["access_token"]);
});
afterAll(async () => s.stop());

function killSwitchOf(maxAgeMs: number): KillSwitch {
  const { redis_rest_url: url, redis_rest_token: token } = s.local.description;
  return new KillSwitch({ redis: upstashRedis({ url, token }), maxAgeMs });
}

function gatewayOf(changes: Partial<GatewayOptions> = {}): ApiKeyGateway {
  const { issuer, token_endpoint, subject_token_type } = s.local.description;
  const source = new ApiKeyTokenSource({ ...CONFIDENTIAL, token_endpoint, subject_token_type });
  return new ApiKeyGateway({
    source,
    issuer,
    audience: AUDIENCE,
    scope: SCOPE,
    forwardClientAddress: true,
    ...changes,
  });
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly challenge: string | null;
}

async function get(url: string, headers: Record<string, string>): Promise<Answer> {
  const response = await fetch(url, { headers });
  const challenge = response.headers.get("www-authenticate");
  return { status: response.status, challenge, body: await response.json() };
}

/** An API of each framework that shows who calls, and a gateway in front of it. */
const FRAMEWORKS: Record<
  string,
  (gateway: ApiKeyGateway, killSwitch: KillSwitch) => Promise<Pick<Listening, "url" | "close">>
> = {
  async express(gateway, killSwitch) {
    const app = express().set("trust proxy", true);
    app.use(expressGateway(gateway));
    app.get("/auth", expressKillSwitch(killSwitch), (request, response) => {
      response.json({
        sub: request.auth?.payload.sub ?? null,
        keyHeader: request.headers["x-api-key"] ?? null,
      });
    });
    // An API that validates tokens as before, with express-oauth2-jwt-bearer, and knows nothing of keys.
    app.use(demoApi(s.local.description.issuer, AUDIENCE));
    return listen(app, 0);
  },
  async fastify(gateway, killSwitch) {
    const app = fastify({ trustProxy: true });
    app.decorateRequest("user", null);
    app.addHook("onRequest", fastifyGateway(gateway));
    app.addHook("onRequest", fastifyKillSwitch(killSwitch));
    app.get("/auth", (request, reply) => {
      const { user } = request as unknown as { readonly user: { readonly sub: string } | null };
      return reply.send({ sub: user?.sub ?? null, keyHeader: request.headers["x-api-key"] ?? null });
    });
    return { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: async () => app.close() };
  },
  async hono(gateway, killSwitch) {
    const app = new Hono<{ Variables: GatewayVariables }>();
    const addressOf = (forwarded: string | undefined) => forwarded?.split(",").at(-1)?.trim();
    app.use(honoGateway(gateway, (c) => addressOf(c.req.header("x-forwarded-for"))));
    app.use(honoKillSwitch(killSwitch));
    app.get("/auth", (c) => {
      const payload = c.get("jwtPayload") as GatewayVariables["jwtPayload"] | undefined;
      return c.json({ sub: payload?.sub ?? null, keyHeader: c.req.header("x-api-key") ?? null });
    });
    return listen(app, 0);
  },
};

describe.each(Object.keys(FRAMEWORKS))("%s", (name) => {
  let api: Pick<Listening, "url" | "close">;
  let key: string;
  let id: string;
  beforeAll(async () => {
    ({ key, id } = await s.create(ADA, { scope: SCOPE }));
    const open = FRAMEWORKS[name];
    if (!open) throw new Error("no such framework");
    api = await open(gatewayOf(), killSwitchOf(0));
  });
  afterAll(async () => api.close());

  test.each([
    ["Authorization: Bearer", (text: string) => ({ authorization: `Bearer ${text}` })],
    ["Authorization: ApiKey", (text: string) => ({ authorization: `ApiKey ${text}` })],
    ["X-API-Key", (text: string) => ({ "x-api-key": text })],
  ])("a key in %s makes its user the caller, and is not seen behind the gateway", async (_, headersOf) => {
    const headers: Record<string, string> = headersOf(key);
    expect(await get(`${api.url}/auth`, headers)).toMatchObject({
      status: 200,
      body: { sub: ADA, keyHeader: null },
    });
  });

  test("a request without a key comes through as it is", async () => {
    expect(await get(`${api.url}/auth`, {})).toMatchObject({ status: 200, body: { sub: null } });
    // A token as well; but here nothing verifies it before the kill switch, which cannot judge it then.
    const withJwt = await get(`${api.url}/auth`, { authorization: `Bearer ${jwt}` });
    expect(withJwt).toMatchObject({
      status: 401,
      body: { error_description: expect.stringContaining("verified") },
    });
  });

  test("a mistyped key is refused with a challenge of RFC 6750", async () => {
    expect(await get(`${api.url}/auth`, { "x-api-key": `${key}x` })).toEqual({
      status: 401,
      challenge:
        'Bearer error="invalid_token", error_description="This is no API key: it was mistyped or cut."',
      body: { error: "invalid_token", error_description: "This is no API key: it was mistyped or cut." },
    });
  });

  test("once the key is revoked, the kill switch ends its token", async () => {
    expect(await get(`${api.url}/auth`, { "x-api-key": key })).toMatchObject({ status: 200 });
    await revokeKey(s.keys, ADA, id, "leaked");
    const refused = await get(`${api.url}/auth`, { "x-api-key": key });
    expect(refused).toMatchObject({ status: 401, body: { error: "invalid_token" } });
  });
});

test("an Express API that validates tokens needs no change: scopes and user are those of the key", async () => {
  const api = await FRAMEWORKS["express"]?.(gatewayOf(), killSwitchOf(5_000));
  const { key, id } = await s.create(ADA, { scope: SCOPE });
  const me = await get(`${api?.url}/me`, { "x-api-key": key });
  expect(me).toMatchObject({ status: 200, body: { sub: ADA, act: { sub: `api-key|${id}` } } });
  expect(await get(`${api?.url}/things`, { "x-api-key": key })).toMatchObject({ status: 200 });
  const denied = await fetch(`${api?.url}/things`, { method: "POST", headers: { "x-api-key": key } });
  expect(denied.status).toBe(403);
  expect((await get(`${api?.url}/me`, { authorization: `Bearer ${jwt}` })).status).toBe(200);
  await api?.close();
});

describe("a gateway that names no scope", () => {
  const open = async (changes: Pick<GatewayOptions, "scope"> = {}) => {
    const { issuer, token_endpoint, subject_token_type } = s.local.description;
    const source = new ApiKeyTokenSource({ ...CONFIDENTIAL, token_endpoint, subject_token_type });
    const app = express();
    app.use(expressGateway(new ApiKeyGateway({ source, issuer, audience: AUDIENCE, ...changes })));
    app.use(demoApi(issuer, AUDIENCE));
    return listen(app, 0);
  };

  test.each([
    ["read:things", 200, 403],
    ["write:things", 403, 201],
    ["read:things write:things", 200, 201],
  ])("a key with the scopes %s gets them all, and no more: GET %i, POST %i", async (scope, read, written) => {
    const api = await open();
    const { key } = await s.create(GRACE, { scope });
    const headers = { "x-api-key": key };
    expect(await get(`${api.url}/me`, headers)).toMatchObject({ status: 200, body: { sub: GRACE } });
    expect((await fetch(`${api.url}/things`, { headers })).status).toBe(read);
    expect((await fetch(`${api.url}/things`, { method: "POST", headers })).status).toBe(written);
    await api.close();
  });

  test("one that always names a scope refuses a key that has only another", async () => {
    const api = await open({ scope: SCOPE });
    const { key } = await s.create(GRACE, { scope: "write:things" });
    expect(await get(`${api.url}/me`, { "x-api-key": key })).toMatchObject({
      status: 403,
      body: { error: "insufficient_scope" },
    });
    await api.close();
  });
});

/** Sends header fields as they are, each as often as it is there. */
async function raw(url: string, headers: readonly string[], method = "GET", body = ""): Promise<Answer> {
  const sent = request(url, {
    method,
    headers: ["host", "api", ...headers, "content-length", String(body.length)],
  });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const challenge = response.headers["www-authenticate"] ?? null;
  return { status: response.statusCode ?? 0, challenge, body: await json(response) };
}

describe("what Node shows of a request in other forms", () => {
  let key: string;
  beforeAll(async () => {
    ({ key } = await s.create(ADA, { scope: SCOPE }));
  });

  /** An API that shows all that it gets to see. */
  const SHOWING: Record<string, (gateway: ApiKeyGateway) => Promise<Pick<Listening, "url" | "close">>> = {
    async express(gateway) {
      const app = express();
      app.use((request, _, next) => {
        // As a logger before the gateway may: Node makes these once, and keeps them.
        void [request.headers, request.headersDistinct];
        next();
      });
      app.use(expressGateway(gateway));
      app.use((request, response) => {
        const { headers, headersDistinct, rawHeaders } = request;
        response.json({ headers, headersDistinct, rawHeaders });
      });
      return listen(app, 0);
    },
    async fastify(gateway) {
      const app = fastify();
      app.decorateRequest("user", null);
      app.addHook("onRequest", fastifyGateway(gateway));
      app.get("/", (request, reply) => {
        const { headers, headersDistinct, rawHeaders } = request.raw;
        return reply.send({ of: request.headers, headers, headersDistinct, rawHeaders });
      });
      return { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: async () => app.close() };
    },
    async hono(gateway) {
      const app = new Hono();
      app.use(honoGateway(gateway));
      app.get("/", (c) => {
        const { headers, headersDistinct, rawHeaders } = (c.env as HttpBindings).incoming;
        return c.json({ of: c.req.header(), headers, headersDistinct, rawHeaders });
      });
      return listen(app, 0);
    },
  };

  test.each(Object.keys(SHOWING))(
    "%s: the key is gone from all of them, and the token is in its place",
    async (name) => {
      const api = await SHOWING[name]?.(gatewayOf({ forwardClientAddress: false }));
      for (const headers of [
        ["X-API-Key", key],
        ["Authorization", `Bearer ${key}`],
      ]) {
        const { status, body } = await raw(`${api?.url}/`, headers);
        expect(status).toBe(200);
        expect(JSON.stringify(body)).not.toContain(key.slice(-20));
        const {
          headers: shown,
          headersDistinct,
          rawHeaders,
        } = body as Record<string, Readonly<Record<string, unknown>>>;
        expect(shown).toMatchObject({ authorization: expect.stringMatching(/^Bearer ey/) });
        expect(headersDistinct).toMatchObject({ authorization: [shown?.["authorization"]] });
        expect(rawHeaders).toContain(shown?.["authorization"]);
      }
      await api?.close();
    },
  );

  test.each(Object.keys(SHOWING))("%s: two credentials at once are refused with 400", async (name) => {
    const api = await SHOWING[name]?.(gatewayOf({ forwardClientAddress: false }));
    for (const headers of [
      ["Authorization", `Bearer ${jwt}`, "Authorization", `Bearer ${key}`],
      ["X-API-Key", key, "x-api-key", key],
      ["Authorization", `Bearer ${jwt}`, "X-API-Key", key],
    ]) {
      const answer = await raw(`${api?.url}/`, headers);
      expect(answer).toMatchObject({ status: 400, body: { error: "invalid_request" } });
    }
    for (const blank of [
      ["Authorization", ""],
      ["Authorization", "Bearer "],
      ["X-API-Key", ""],
    ]) {
      expect(await raw(`${api?.url}/`, ["X-API-Key", key, ...blank])).toMatchObject({ status: 200 });
    }
    await api?.close();
  });
});

test.each(["text", "json", "parseBody"] as const)(
  "Hono behind a middleware that has read the body (%s): the body is still there",
  async (how) => {
    const app = new Hono();
    const readBody = async ({ req }: Context): Promise<unknown> =>
      how === "text" ? req.text() : how === "json" ? req.json() : req.parseBody();
    app.use(async (c, next) => {
      await readBody(c);
      await next();
    });
    app.use(honoGateway(gatewayOf({ forwardClientAddress: false })));
    app.post("/", async (c) => c.json({ body: await readBody(c) }));
    const api = await listen(app, 0);
    const { key } = await s.create(ADA, { scope: SCOPE });
    const [type, body, expected] =
      how === "parseBody"
        ? ["application/x-www-form-urlencoded", "a=1", { a: "1" }]
        : ["application/json", '{"a":1}', how === "json" ? { a: 1 } : '{"a":1}'];
    const answer = await raw(api.url, ["x-api-key", key, "content-type", type], "POST", body);
    expect(answer).toMatchObject({ status: 200, body: { body: expected } });
    await api.close();
  },
);

describe("the kill switch and express-oauth2-jwt-bearer: a revoked key's token, wherever it accepts one", () => {
  const FORM = ["content-type", "application/x-www-form-urlencoded"];
  const tabbed = (token: string) => `Bearer ${token.slice(0, -9)}\t${token.slice(-9)}`;
  const PLACES: Record<
    string,
    (token: string) => readonly [path: string, headers: readonly string[], body: string]
  > = {
    "the header": (token) => ["/", ["authorization", `Bearer ${token}`], ""],
    "the header, with a tab inside": (token) => ["/", ["authorization", tabbed(token)], ""],
    "the query": (token) => [`/?access_token=${token}`, [], ""],
    "the query, escaped": (token) => [`/?access%5ftoken=${token}`, [], ""],
    "a form": (token) => ["/", FORM, `access_token=${token}`],
  };
  let alive: string;
  let revoked: string;
  beforeAll(async () => {
    const [one, other] = [await s.create(ADA, { scope: SCOPE }), await s.create(ADA, { scope: SCOPE })];
    alive = String((await s.exchange(one.key)).body["access_token"]);
    revoked = String((await s.exchange(other.key)).body["access_token"]);
    await revokeKey(s.keys, ADA, other.id, "leaked");
  });

  async function apiOf(...before: express.RequestHandler[]) {
    const app = express();
    app.use(express.urlencoded({ extended: true }));
    for (const one of before) app.use(one);
    app.use((request, response) => void response.json({ sub: request.auth?.payload.sub ?? null }));
    app.use(((_error, _request, response, _next) => {
      const { status = 500 } = _error as { status?: number };
      response.status(status).json({});
    }) satisfies express.ErrorRequestHandler);
    return listen(app, 0);
  }
  const validation = () => auth({ issuerBaseURL: s.local.description.issuer, audience: AUDIENCE });

  test.each(Object.keys(PLACES))("%s", async (place) => {
    const send = async (url: string, token: string) => {
      const [path, headers, body] = PLACES[place]?.(token) ?? ["", [], ""];
      return raw(url + path, headers, "POST", body);
    };
    const behind = await apiOf(validation(), expressKillSwitch(killSwitchOf(0)));
    expect(await send(behind.url, alive)).toMatchObject({ status: 200, body: { sub: ADA } });
    expect(await send(behind.url, revoked)).toMatchObject({ status: 401 });
    await behind.close();

    const gateway = gatewayOf({ killSwitch: killSwitchOf(0), forwardClientAddress: false });
    const atGateway = await apiOf(expressGateway(gateway), validation());
    expect([400, 401]).toContain((await send(atGateway.url, revoked)).status);
    await atGateway.close();

    // In front of the validation it sees nothing, and lets no token pass: who has put it there finds out at once.
    const wrong = await apiOf(expressKillSwitch(killSwitchOf(0)), validation());
    expect(await send(wrong.url, alive)).toMatchObject({ status: 401 });
    await wrong.close();
  });

  test("a request without a token passes the kill switch, where the validation lets it", async () => {
    const optional = auth({
      issuerBaseURL: s.local.description.issuer,
      audience: AUDIENCE,
      authRequired: false,
    });
    const api = await apiOf(optional, expressKillSwitch(killSwitchOf(0)));
    expect(await raw(`${api.url}/`, [])).toMatchObject({ status: 200, body: { sub: null } });
    expect(await raw(`${api.url}/`, FORM, "POST", "name=Ada")).toMatchObject({ status: 200 });
    await api.close();
  });
});

test("a customer's wrong keys throttle their own address, not the gateway's and not their neighbours'", async () => {
  const api = await FRAMEWORKS["express"]?.(gatewayOf(), killSwitchOf(5_000));
  const { key } = await s.create(ADA, { scope: SCOPE });
  const from = async (address: string, apiKey: string) =>
    get(`${api?.url}/me`, { "x-forwarded-for": address, "x-api-key": apiKey });
  for (let attempt = 0; attempt < 10; attempt++) {
    // Well-formed, and of a deployment with another pepper: unknown here.
    const guess = ApiKey.generate("acme_live", (size) => crypto.getRandomValues(new Uint8Array(size)));
    expect(await from("203.0.113.66", guess.reveal())).toMatchObject({ status: 401 });
  }
  expect(await from("203.0.113.66", key)).toMatchObject({
    status: 429,
    body: { error: "too_many_attempts" },
  });
  expect(await from("203.0.113.7", key)).toMatchObject({ status: 200 });
  await api?.close();
});

test("a key that is bound to addresses gives its token to no other address, cached or not", async () => {
  const api = await FRAMEWORKS["express"]?.(gatewayOf(), killSwitchOf(5_000));
  const { key } = await s.create(ADA, { scope: SCOPE, ipRanges: ["203.0.113.0/24"] });
  const from = async (address: string) =>
    get(`${api?.url}/me`, { "x-forwarded-for": address, "x-api-key": key });
  expect(await from("203.0.113.7")).toMatchObject({ status: 200 });
  expect(await from("198.51.100.1")).toMatchObject({ status: 401 });
  expect(await from("203.0.113.7")).toMatchObject({ status: 200 });
  await api?.close();
});
