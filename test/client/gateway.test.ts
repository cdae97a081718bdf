import { randomBytes } from "node:crypto";

import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";

import { ExchangeError, type ExchangeErrorCode } from "../../src/client/exchange-error.ts";
import { findCredentials } from "../../src/client/gateway-credentials.ts";
import { authRequestResponse, gatewayRequest } from "../../src/client/gateway-fetch.ts";
import { refusalOf } from "../../src/client/gateway-refusal.ts";
import { ApiKeyGateway, type GatewayOptions } from "../../src/client/gateway.ts";
import { KillSwitch } from "../../src/client/kill-switch.ts";
import { scopeByMethod } from "../../src/client/scope-by-method.ts";
import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import { ApiKey } from "../../src/core/api-key.ts";
import { actorOf } from "../../src/core/actor.ts";
import { sealRecord } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { pepperOf } from "../support/stage.ts";
import { ENDPOINT, FakeClock, FakeEndpoint, KEY, refusal, sourceOptions, success } from "./support.ts";

const ISSUER = "https://acme.example/";
const AUDIENCE = "https://api.acme.example";
const JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln";
const FORM = "application/x-www-form-urlencoded";
const text = KEY.reveal();
const OTHERS_KEY = ApiKey.generate("lfx", randomBytes).reveal();

describe("which credentials a request carries", () => {
  test.each([
    ["a bearer key", { authorization: `Bearer ${text}` }, { kind: "api_key", apiKey: text }],
    ["any case of the scheme", { authorization: `bearer ${text}` }, { kind: "api_key", apiKey: text }],
    ["the scheme ApiKey", { authorization: `ApiKey ${text}` }, { kind: "api_key", apiKey: text }],
    ["a header of its own", { "x-api-key": text }, { kind: "api_key", apiKey: text }],
    ["what claims to be a key", { "x-api-key": "oops" }, { kind: "api_key", apiKey: "oops" }],
    ["a JWT", { authorization: `Bearer ${JWT}` }, { kind: "other", bearer: JWT }],
    ["Basic", { authorization: "Basic YTpi" }, { kind: "other" }],
    [
      "a cut key, its prefix unknown",
      { authorization: "Bearer acme_live_4fJ" },
      { kind: "other", bearer: "acme_live_4fJ" },
    ],
    ["a JWT and a key", { authorization: `Bearer ${JWT}`, "x-api-key": text }, { kind: "ambiguous" }],
    ["two keys", { "x-api-key": [text, text] }, { kind: "ambiguous" }],
    ["two keys, joined", { "x-api-key": `${text}, ${text}` }, { kind: "ambiguous" }],
    ["two of Authorization", { authorization: [`Bearer ${JWT}`, `Bearer ${text}`] }, { kind: "ambiguous" }],
    ["two of Authorization, joined", { authorization: `Basic YTpi, Bearer ${text}` }, { kind: "ambiguous" }],
    [
      "a blank X-API-Key",
      { authorization: `Bearer ${JWT}`, "x-api-key": " " },
      { kind: "other", bearer: JWT },
    ],
    ["a blank Authorization", { authorization: " ", "x-api-key": text }, { kind: "api_key", apiKey: text }],
    ["two blank fields", { authorization: "", "x-api-key": "" }, { kind: "none" }],
    ["a key without a scheme", { authorization: text }, { kind: "other_key" }],
    ["a key under another scheme", { authorization: `Token ${text}` }, { kind: "other_key" }],
    ["a DPoP token", { authorization: `DPoP ${JWT}` }, { kind: "other", bearer: JWT }],
    [
      "a tab inside of a token",
      { authorization: `Bearer ${JWT.slice(0, -2)}\t${JWT.slice(-2)}` },
      { kind: "malformed" },
    ],
    ["a tab before a token", { authorization: `Bearer\t${JWT}` }, { kind: "malformed" }],
    ["two tokens", { authorization: `Bearer ${JWT} ${JWT}` }, { kind: "malformed" }],
    ["a scheme with nothing behind it", { authorization: "Bearer " }, { kind: "none" }],
    ["another such scheme", { authorization: "apikey" }, { kind: "none" }],
    [
      "a scheme with nothing behind it, beside a key",
      { authorization: "Bearer ", "x-api-key": text },
      { kind: "api_key", apiKey: text },
    ],
    ["a key and a blank field", { "x-api-key": [text, ""] }, { kind: "api_key", apiKey: text }],
    ["a blank field and a key", { "x-api-key": [" ", text] }, { kind: "api_key", apiKey: text }],
    [
      "a blank field and a JWT",
      { authorization: ["Bearer", `Bearer ${JWT}`] },
      { kind: "other", bearer: JWT },
    ],
    ["a key and a blank field, joined", { "x-api-key": `${text}, ` }, { kind: "api_key", apiKey: text }],
    ["a key and half of another", { "x-api-key": [text, "x"] }, { kind: "ambiguous" }],
    ["a scheme that begins like Bearer", { authorization: "Bearer-Like x" }, { kind: "other" }],
    ["nothing", {}, { kind: "none" }],
  ])("%s", (_, headers, expected) => {
    expect(findCredentials(headers)).toEqual(expected);
  });

  test.each([
    ["a cut key", "acme_live_4fJ", { kind: "api_key", apiKey: "acme_live_4fJ" }],
    ["a key of others", "other_live_4fJ", { kind: "other", bearer: "other_live_4fJ" }],
    ["a JWT", JWT, { kind: "other", bearer: JWT }],
    ["a whole key of others", OTHERS_KEY, { kind: "other_key" }],
  ])("with a known prefix: %s", (_, bearer, expected) => {
    expect(findCredentials({ authorization: `Bearer ${bearer}` }, ["acme_live"])).toEqual(expected);
  });
});

test.each([
  ["Authorization: Bearer", { authorization: `Bearer ${OTHERS_KEY}` }],
  ["Authorization: ApiKey", { authorization: `ApiKey ${OTHERS_KEY}` }],
  ["X-API-Key", { "x-api-key": OTHERS_KEY }],
  ["another scheme", { authorization: `Token ${OTHERS_KEY}` }],
])(
  "a whole key of another deployment in %s goes neither to the API nor to the tenant",
  async (_, headers) => {
    const endpoint = new FakeEndpoint();
    const source = new ApiKeyTokenSource({ ...ENDPOINT, fetch: endpoint.fetch });
    const gateway = new ApiKeyGateway({
      source,
      issuer: ISSUER,
      audience: AUDIENCE,
      keyPrefixes: ["acme_live"],
    });
    expect(await gateway.authorize({ method: "GET", url: "/", headers })).toMatchObject({
      kind: "refused",
      status: 401,
      body: { error: "invalid_token" },
    });
    expect(endpoint.requests).toHaveLength(0);
  },
);

test.each([
  ["GET", "read"],
  ["HEAD", "read"],
  ["OPTIONS", "read"],
  ["head", "read"],
  ["POST", "write"],
  ["DELETE", "write"],
  ["PROPFIND", "write"],
])("for %s the scope to %s is requested", (method, expected) => {
  expect(scopeByMethod({ read: "read", write: "write" })({ method })).toBe(expected);
});

test.each<[ExchangeErrorCode, number, string]>([
  ["malformed_key", 401, "invalid_token"],
  ["invalid_request", 401, "invalid_token"],
  ["access_denied", 401, "invalid_token"],
  ["invalid_target", 401, "invalid_token"],
  ["unauthorized_client", 401, "invalid_token"],
  ["mfa_required", 401, "invalid_token"],
  ["refused", 401, "invalid_token"],
  ["invalid_scope", 403, "insufficient_scope"],
  ["too_many_attempts", 429, "too_many_attempts"],
  ["too_many_requests", 503, "temporarily_unavailable"],
  ["server_error", 503, "temporarily_unavailable"],
  ["network_error", 503, "temporarily_unavailable"],
  ["timeout", 503, "temporarily_unavailable"],
  ["invalid_client", 502, "bad_gateway"],
  ["nonconforming_answer", 502, "bad_gateway"],
])("%s is answered with %i %s", (code, status, error) => {
  const answer = refusalOf(
    new ExchangeError(code, { error_description: 'Say "no" \\ nein', retryAfterMs: 1_500 }),
  );
  expect(answer).toMatchObject({ status, body: { error }, headers: { "cache-control": "no-store" } });
  const isChallenge = status === 401 || status === 403;
  expect(answer.headers["www-authenticate"]).toBe(
    isChallenge ? `Bearer error="${error}", error_description="Say 'no' ' nein"` : undefined,
  );
  expect(answer.headers["retry-after"]).toBe(status === 429 || status === 503 ? "2" : undefined);
});

describe("a gateway", () => {
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let others: typeof keys;
  beforeAll(async () => {
    [keys, others] = await Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);
  });

  let clock: FakeClock;
  let endpoint: FakeEndpoint;
  let jwksRequests: number;
  beforeEach(() => {
    clock = new FakeClock();
    clock.atMs = Date.now();
    endpoint = new FakeEndpoint();
    jwksRequests = 0;
  });

  async function answerWith(claims: object = {}, signedWith = keys): Promise<string> {
    const iat = Math.floor(clock.nowMs() / 1000);
    const payload = { iss: ISSUER, aud: AUDIENCE, sub: "auth0|ada", iat, exp: iat + 1_000, ...claims };
    const jwt = await new SignJWT(payload)
      .setProtectedHeader({ alg: "RS256", kid: "1" })
      .sign(signedWith.privateKey);
    endpoint.behaviours = [{ status: 200, body: success(jwt, 1_000) }];
    return jwt;
  }

  function gatewayOf(changes: Partial<GatewayOptions> = {}): ApiKeyGateway {
    return new ApiKeyGateway({
      source: new ApiKeyTokenSource({ ...sourceOptions(endpoint, clock), waitBudgetMs: 0 }),
      issuer: ISSUER,
      audience: AUDIENCE,
      scope: "read:things",
      nowMs: () => clock.nowMs(),
      fetch: async (input) => {
        jwksRequests++;
        expect(input).toBe("https://acme.example/.well-known/jwks.json");
        const jwk = await exportJWK(keys.publicKey);
        return Response.json({ keys: [{ ...jwk, kid: "1", alg: "RS256", use: "sig" }] });
      },
      ...changes,
    });
  }

  const requestWith = (headers: Record<string, string>) =>
    new Request("https://gw.example/things", { headers });

  test.each([
    ["Authorization: Bearer", { authorization: `Bearer ${text}` }],
    ["Authorization: ApiKey", { authorization: `ApiKey ${text}` }],
    ["X-API-Key", { "x-api-key": text }],
  ])("replaces a key in %s by its token, and the key goes no further", async (_, headers) => {
    const jwt = await answerWith();
    const passed = await gatewayRequest(gatewayOf(), requestWith({ ...headers, accept: "text/html" }));
    expect(Object.fromEntries(passed.headers)).toEqual({
      accept: "text/html",
      authorization: `Bearer ${jwt}`,
    });
  });

  test("passes method and body on", async () => {
    await answerWith();
    const request = new Request("https://gw.example/things", {
      method: "POST",
      body: "{}",
      headers: { "x-api-key": text },
    });
    const passed = await gatewayRequest(gatewayOf(), request);
    expect(passed).toMatchObject({ method: "POST", url: "https://gw.example/things" });
    expect(await passed.text()).toBe("{}");
  });

  test.each([
    ["a JWT", { authorization: `Bearer ${JWT}` }],
    ["no credentials", {}],
  ])("lets a request with %s pass untouched", async (_, headers) => {
    const request = requestWith(headers);
    expect(await gatewayRequest(gatewayOf(), request)).toBe(request);
    expect(endpoint.requests).toHaveLength(0);
  });

  test("gives header, claims and token of a verified token; verified again after a minute", async () => {
    const jwt = await answerWith();
    const gateway = gatewayOf();
    const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
    const decision = await ask();
    expect(decision).toMatchObject({
      kind: "authorized",
      auth: { token: jwt, header: { alg: "RS256" }, payload: { sub: "auth0|ada", aud: AUDIENCE } },
    });
    const auth = (one: typeof decision) => (one.kind === "authorized" ? one.auth : undefined);
    clock.passSeconds(59);
    expect(auth(await ask())).toBe(auth(decision));
    clock.passSeconds(1);
    expect(auth(await ask())).not.toBe(auth(decision));
    expect(endpoint.requests).toHaveLength(1);
    expect(jwksRequests).toBe(1);
  });

  test.each([
    ["of another issuer", { iss: "https://other.example/" }, "ours"],
    ["for another audience", { aud: "https://other.example" }, "ours"],
    ["that has ended", { exp: 1_000 }, "ours"],
    ["signed with another key", {}, "theirs"],
  ])("does not pass a token on that is %s", async (_, claims, whose) => {
    await answerWith(claims, whose === "ours" ? keys : others);
    const answer = await gatewayRequest(gatewayOf(), requestWith({ "x-api-key": text }));
    expect(answer).toBeInstanceOf(Response);
    expect(answer).toMatchObject({ status: 503 });
  });

  test.each<[string, object, Partial<GatewayOptions>]>([
    ["the issuer is another", { iss: "https://acme.eu.auth0.com/" }, {}],
    ["the audience is another", { aud: "https://other.example" }, {}],
    ["the JWKS cannot be fetched", {}, { fetch: async () => Promise.reject(new TypeError("fetch failed")) }],
    ["the JWKS is an error", {}, { fetch: async () => new Response("", { status: 500 }) }],
  ])(
    "where %s nothing can be verified: twenty calls are one exchange, and onError is told",
    async (_, claims, changes) => {
      await answerWith(claims);
      const told: unknown[] = [];
      const gateway = gatewayOf({ onError: (error) => void told.push(error), ...changes });
      for (let call = 0; call < 20; call++) {
        const decision = await gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
        expect(decision).toMatchObject({ kind: "refused", status: 503 });
        clock.passSeconds(5);
      }
      expect(endpoint.requests).toHaveLength(1);
      expect(told).toHaveLength(20);
      expect(String(told[0])).not.toContain(text);
    },
  );

  test("a clock that is put back makes no verification last longer than a minute", async () => {
    await answerWith();
    const gateway = gatewayOf();
    const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
    const auth = (one: Awaited<ReturnType<typeof ask>>) => (one.kind === "authorized" ? one.auth : undefined);
    const before = auth(await ask());
    clock.passSeconds(-200);
    expect(auth(await ask())).not.toBe(before);
    expect(endpoint.requests).toHaveLength(1);
  });

  test("a token that was signed with a key that is out of use since is dropped, once a minute", async () => {
    await answerWith({}, others);
    const gateway = gatewayOf();
    const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
    await ask();
    clock.passSeconds(59);
    await ask();
    expect(endpoint.requests).toHaveLength(1);
    clock.passSeconds(1);
    await ask();
    await answerWith();
    expect((await ask()).kind).toBe("authorized");
    expect(endpoint.requests).toHaveLength(2);
  });

  test("why keys cannot be exchanged is told as well, and what a caller did wrong is not", async () => {
    const told: unknown[] = [];
    const gateway = gatewayOf({ onError: (error) => void told.push(error) });
    const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
    endpoint.behaviours = [refusal(400, "invalid_request")];
    await ask();
    expect(told).toEqual([]);
    clock.passSeconds(30);
    endpoint.behaviours = [refusal(401, "invalid_client")];
    expect(await ask()).toMatchObject({ status: 502 });
    expect(told).toMatchObject([{ code: "invalid_client" }]);
  });

  test("requests the scope that a request needs", async () => {
    await answerWith();
    const gateway = gatewayOf({ scope: ({ method }) => (method === "GET" ? "read:things" : "write:things") });
    for (const method of ["GET", "POST", "GET"]) {
      await gateway.authorize({ method, url: "/", headers: { "x-api-key": text } });
    }
    expect(endpoint.requests.map(({ body }) => body.get("scope"))).toEqual(["read:things", "write:things"]);
  });

  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["203.0.113.9:50000", "203.0.113.9"],
    [" 203.0.113.9:50001 ", "203.0.113.9"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:cb00:7107", "203.0.113.7"],
    ["[::ffff:203.0.113.7]:443", "203.0.113.7"],
    ["2001:db8::1", "2001:db8::1"],
    ["2001:0DB8:0:0::1", "2001:db8::1"],
    ["[2001:db8::7]:51234", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["203.0.113", null],
    ["203.0.113.256", null],
    ["203.0.113.07", null],
    ["203.0.113.7.", null],
    ["1", null],
    ["::::", null],
    ["fe80::1%eth0", null],
    ["[2001:db8::7", null],
    ["gateway.example:443", null],
    ["unknown", null],
    ["", null],
    ["evil\r\nx: y", null],
    [undefined, null],
  ])("names the end user's address %j to the tenant as %j", async (clientAddress, expected) => {
    await answerWith();
    const request = { method: "GET", url: "/", headers: { "x-api-key": text }, clientAddress };
    await gatewayOf({ forwardClientAddress: true }).authorize(request);
    expect(endpoint.requests[0]?.headers.get("auth0-forwarded-for")).toBe(expected);
  });

  test("does not name it unless told to", async () => {
    await answerWith();
    const request = { method: "GET", url: "/", headers: { "x-api-key": text }, clientAddress: "203.0.113.7" };
    await gatewayOf().authorize(request);
    expect(endpoint.requests[0]?.headers.has("auth0-forwarded-for")).toBe(false);
  });

  test("for nginx: 204 with what is to be forwarded, or the refusal", async () => {
    const jwt = await answerWith();
    const ask = async (headers: Record<string, string>) =>
      authRequestResponse(gatewayOf(), requestWith(headers));
    const authorized = await ask({ "x-api-key": text });
    expect(authorized.status).toBe(204);
    expect(authorized.headers.get("x-authorization")).toBe(`Bearer ${jwt}`);
    expect((await ask({ authorization: `Bearer ${JWT}` })).headers.get("x-authorization")).toBe(
      `Bearer ${JWT}`,
    );
    endpoint.behaviours = [refusal(400, "invalid_request")];
    const refused = await ask({ "x-api-key": text });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe(
      'Bearer error="invalid_token", error_description="because of invalid_request"',
    );
  });

  test("for nginx, whose subrequest is always GET: the scope is that of the request itself", async () => {
    await answerWith();
    const gateway = gatewayOf({ scope: scopeByMethod({ read: "read:things", write: "write:things" }) });
    for (const method of ["GET", "HEAD", "POST"]) {
      await authRequestResponse(gateway, requestWith({ "x-api-key": text, "x-original-method": method }));
    }
    expect(endpoint.requests.map(({ body }) => body.get("scope"))).toEqual(["read:things", "write:things"]);
  });

  test("elsewhere the method is the request's own, whatever its headers say", async () => {
    await answerWith();
    const gateway = gatewayOf({ scope: scopeByMethod({ read: "read:things", write: "write:things" }) });
    const headers = { "x-api-key": text, "x-original-method": "GET" };
    await gatewayRequest(gateway, new Request("https://gw.example/", { method: "POST", headers }));
    expect(endpoint.requests.map(({ body }) => body.get("scope"))).toEqual(["write:things"]);
  });

  test("a request whose body was read already goes on without it", async () => {
    await answerWith();
    const headers = { "x-api-key": text };
    const request = new Request("https://gw.example/", { method: "POST", headers, body: "{}" });
    await request.text();
    const passed = await gatewayRequest(gatewayOf(), request);
    expect(passed.headers.get("authorization")).toMatch(/^Bearer /);
  });

  describe("with a kill switch", () => {
    const peppers = parsePeppers(`1:${pepperOf("kill switch")}`);
    const act = { sub: actorOf({ name: "api-keys" }, KEY.id) };
    const record = { sub: "auth0|ada", id: KEY.id, hash: "h", v: 1, iat: 0 };
    let reads: string[][];
    let stored: () => string | null;
    let killSwitch: KillSwitch;
    beforeEach(() => {
      reads = [];
      stored = () => sealRecord(record, peppers);
      killSwitch = switchOf();
    });

    function switchOf(whenUnknown?: "accept"): KillSwitch {
      return new KillSwitch({
        redis: {
          command: async (...words) => {
            reads.push(words);
            return stored();
          },
        },
        nowMs: () => clock.nowMs(),
        ...(whenUnknown && { whenUnknown }),
      });
    }

    test("tokens of an active key pass, with one look-up in five seconds", async () => {
      for (let request = 0; request < 10; request++) expect(await killSwitch.refuse({ act })).toBeUndefined();
      clock.passSeconds(4.999);
      await killSwitch.refuse({ act });
      expect(reads).toEqual([["GET", `apikey:${KEY.id}`]]);
      clock.passSeconds(0.001);
      await killSwitch.refuse({ act });
      expect(reads).toHaveLength(2);
    });

    test.each([
      ["was revoked", { revoked_at: 1 }],
      ["has expired", { exp: 1 }],
    ])("a key that %s is seen within five seconds, and its token is dropped", async (_, change) => {
      await answerWith({ act });
      const gateway = gatewayOf({ killSwitch });
      const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
      expect((await ask()).kind).toBe("authorized");
      stored = () => sealRecord({ ...record, ...change }, peppers);
      clock.passSeconds(5);
      expect(await ask()).toMatchObject({ kind: "refused", status: 401, body: { error: "invalid_token" } });
      expect(await ask()).toMatchObject({ kind: "refused", status: 401 });
      // Without its token it would be exchanged: the kill switch knows better.
      expect(endpoint.requests).toHaveLength(1);
    });

    test("the token of a key that was paused does not come back with it: it costs an exchange again", async () => {
      await answerWith({ act });
      const gateway = gatewayOf({ killSwitch });
      const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
      await ask();
      stored = () => sealRecord({ ...record, disabled_at: 1 }, peppers);
      clock.passSeconds(5);
      expect(await ask()).toMatchObject({ kind: "refused", status: 401 });
      stored = () => sealRecord(record, peppers);
      clock.passSeconds(5);
      expect((await ask()).kind).toBe("authorized");
      expect(endpoint.requests).toHaveLength(2);
    });

    test("a token that is presented itself is refused as well", async () => {
      const jwt = await answerWith({ act });
      stored = () => sealRecord({ ...record, revoked_at: 1 }, peppers);
      const answer = await gatewayRequest(
        gatewayOf({ killSwitch }),
        requestWith({ authorization: `Bearer ${jwt}` }),
      );
      expect(answer).toMatchObject({ status: 401 });
    });

    test("three hundred unsigned tokens that name unknown keys are not one look-up", async () => {
      const gateway = gatewayOf({ killSwitch });
      for (let at = 0; at < 300; at++) {
        const id = String(at).padStart(12, "0");
        const part = (json: object) => Buffer.from(JSON.stringify(json)).toString("base64url");
        const token = `${part({ alg: "none" })}.${part({ iss: ISSUER, act: { sub: `api-key|${id}` } })}.`;
        const headers = { authorization: `Bearer ${token}` };
        expect(await gateway.authorize({ method: "GET", url: "/", headers })).toMatchObject({ status: 401 });
      }
      expect(reads).toEqual([]);
    });

    test.each([
      ["RS256", "untouched"],
      ["PS256", "untouched"],
      ["RS512", "refused"],
    ])("of the issuer's RSA key only what Auth0 signs with is taken: %s is %s", async (alg, kind) => {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      // A JWKS that says nothing of an algorithm, as RFC 7517 allows.
      const { kty, n, e } = await exportJWK(publicKey);
      const fetch = async () => Response.json({ keys: [{ kty, n, e, kid: "1" }] });
      const iat = Math.floor(clock.nowMs() / 1000);
      const token = await new SignJWT({
        iss: ISSUER,
        aud: AUDIENCE,
        sub: "auth0|ada",
        iat,
        exp: iat + 60,
        act,
      })
        .setProtectedHeader({ alg, kid: "1" })
        .sign(privateKey);
      const headers = { authorization: `Bearer ${token}` };
      const decision = await gatewayOf({ killSwitch, fetch }).authorize({ method: "GET", url: "/", headers });
      expect(decision.kind).toBe(kind);
    });

    test("nor is one that names no signing key, of two that there are: it is the caller's fault", async () => {
      const [one, other] = await Promise.all([exportJWK(keys.publicKey), exportJWK(others.publicKey)]);
      const told: unknown[] = [];
      const gateway = gatewayOf({
        killSwitch,
        onError: (error) => void told.push(error),
        fetch: async () =>
          Response.json({
            keys: [
              { ...one, kid: "1", alg: "RS256", use: "sig" },
              { ...other, kid: "2", alg: "RS256", use: "sig" },
            ],
          }),
      });
      const unnamed = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: "auth0|ada", act })
        .setProtectedHeader({ alg: "RS256" })
        .sign((await generateKeyPair("RS256")).privateKey);
      const headers = { authorization: `Bearer ${unnamed}` };
      expect(await gateway.authorize({ method: "GET", url: "/", headers })).toMatchObject({ status: 401 });
      expect([told, reads]).toEqual([[], []]);
      expect(
        (
          await gateway.authorize({
            method: "GET",
            url: "/",
            headers: { authorization: `Bearer ${await answerWith({ act })}` },
          })
        ).kind,
      ).toBe("untouched");
    });

    test.each<[string, () => Promise<Response>]>([
      ["cannot be fetched", async () => Promise.reject(new TypeError("fetch failed"))],
      ["is an error", async () => new Response("", { status: 500 })],
      ["is none", async () => Response.json({})],
    ])("where the JWKS %s, a token of a key is not asked about either", async (_, fetch) => {
      const jwt = await answerWith({ act });
      const told: unknown[] = [];
      const gateway = gatewayOf({ killSwitch, fetch, onError: (error) => void told.push(error) });
      const headers = { authorization: `Bearer ${jwt}` };
      expect(await gateway.authorize({ method: "GET", url: "/", headers })).toMatchObject({ status: 503 });
      expect([reads, told.length]).toEqual([[], 1]);
    });

    test("a key that has ended costs no exchange, and one look-up in five seconds", async () => {
      await answerWith({ act });
      stored = () => sealRecord({ ...record, revoked_at: 1 }, peppers);
      const gateway = gatewayOf({ killSwitch });
      const ask = async () => gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
      for (let call = 0; call < 10; call++) expect(await ask()).toMatchObject({ status: 401 });
      expect([endpoint.requests.length, reads.length]).toEqual([0, 1]);
      // Enabled again, it is good again as soon as the kill switch knows.
      stored = () => sealRecord(record, peppers);
      clock.passSeconds(5);
      expect((await ask()).kind).toBe("authorized");
    });

    test.each([
      ["there is no record of it", () => null],
      [
        "Redis is away",
        () => {
          throw new Error("down");
        },
      ],
    ])("where %s, the tenant is asked", async (_, answer) => {
      await answerWith({ act });
      stored = answer;
      const gateway = gatewayOf({ killSwitch: switchOf("accept") });
      const decision = await gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": text } });
      expect(decision.kind).toBe("authorized");
    });

    test.each<[string, string, Record<string, string>, number]>([
      ["its query", "/?a=1&access_token=x", {}, 400],
      ["its query, escaped", "/?access%5Ftoken=x", {}, 400],
      ["its query beside another", "/?access_token=x", { authorization: `Bearer ${JWT}` }, 400],
      ["a form", "/", { "content-type": "application/x-www-form-urlencoded; charset=utf-8" }, 400],
      ["a header of another scheme", "/", { authorization: `JWT ${JWT}` }, 400],
      ["an encrypted token", "/", { authorization: "Bearer eyJh.a.b.c.d" }, 401],
      [
        "a header that no gateway reads, but some validation",
        "/",
        { authorization: `Bearer ${JWT}\tx` },
        400,
      ],
    ])(
      "a token that may be in %s cannot be judged, and is not passed on",
      async (_, url, headers, status) => {
        const decide = async (changes: Partial<GatewayOptions>) =>
          gatewayOf(changes).authorize({ method: "POST", url, headers });
        expect(await decide({ killSwitch })).toMatchObject({ kind: "refused", status });
      },
    );

    test.each<[string, string, Record<string, string>, unknown]>([
      ["JSON", "/", { "content-type": "application/json" }, undefined],
      [
        "a form with a bearer token",
        "/",
        { authorization: `Bearer ${JWT}`, "content-type": FORM },
        undefined,
      ],
      ["a form that was read, and has no token", "/", { "content-type": FORM }, { name: "Ada" }],
      ["a path that names it", "/access_token?x=1", {}, undefined],
    ])("%s is passed on", async (_, url, headers, body) => {
      const request = { method: "POST", url, headers, body };
      expect(await gatewayOf({ killSwitch }).authorize(request)).toEqual({ kind: "untouched" });
    });

    test.each([
      ["is no record", () => null],
      ["is a record of another key", () => sealRecord({ ...record, id: "000000000000" }, peppers)],
      ["is nonsense", () => "v1.x"],
      ["is a record of a later form", () => sealRecord(record, peppers).replace("v1.", "v2.")],
      [
        "is no answer",
        () => {
          throw new Error("down");
        },
      ],
    ])("where there %s, it refuses or accepts as it is told, and asks again soon", async (_, answer) => {
      stored = answer;
      expect(await killSwitch.refuse({ act })).toMatchObject({ status: 503 });
      expect(await switchOf("accept").refuse({ act })).toBeUndefined();
      stored = () => sealRecord(record, peppers);
      clock.passSeconds(1);
      expect(await killSwitch.refuse({ act })).toBeUndefined();
    });

    test.each([[{}], [{ act: { sub: "auth0|bob" } }], [{ act: "x" }]])(
      "tokens that no key was exchanged for are none of its business: %j",
      async (claims) => {
        stored = () => null;
        expect(await killSwitch.refuse(claims)).toBeUndefined();
        expect(reads).toHaveLength(0);
      },
    );

    test("a thousand requests at once are one look-up", async () => {
      await Promise.all(Array.from({ length: 1_000 }, async () => killSwitch.refuse({ act })));
      expect(reads).toHaveLength(1);
    });
  });
});

test("errors of others go through", async () => {
  const source = {
    getToken: async () => Promise.reject(new RangeError("bug")),
    drop: async () => undefined,
  } as unknown as ApiKeyTokenSource;
  const gateway = new ApiKeyGateway({ source, issuer: ISSUER, audience: AUDIENCE });
  const headers = { "x-api-key": randomBytes(4).toString("hex") };
  await expect(gateway.authorize({ method: "GET", url: "/", headers })).rejects.toThrow(RangeError);
});
