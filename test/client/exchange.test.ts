import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { ExchangeError } from "../../src/client/exchange-error.ts";
import { exchangeApiKeyRequest, offeredScope, processExchangeResponse } from "../../src/client/exchange.ts";
import { upstashRedis } from "../../src/client/redis-port.ts";
import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import { ENDPOINT, FakeEndpoint, KEY, success } from "./support.ts";

const NOW_MS = Date.UTC(2026, 10, 22);

async function failureOf(response: Response): Promise<ExchangeError> {
  const error: unknown = await processExchangeResponse(response, () => NOW_MS).catch(
    (thrown: unknown) => thrown,
  );
  if (error instanceof ExchangeError) return error;
  throw new Error("it did not fail as it should");
}

test("the request carries the exchange, nothing empty, and never requested_token_type", async () => {
  const endpoint = new FakeEndpoint();
  const parameters = { audience: "https://api", scope: "", organization: undefined };
  await exchangeApiKeyRequest(ENDPOINT, KEY, parameters, { fetch: endpoint.fetch });
  const [request] = endpoint.requests;
  expect(request?.url).toBe(ENDPOINT.token_endpoint);
  expect(Object.fromEntries(request?.body ?? [])).toEqual({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    client_id: "client",
    subject_token_type: "urn:acme:api-key",
    subject_token: KEY.reveal(),
    audience: "https://api",
  });
  expect(request?.headers.has("auth0-forwarded-for")).toBe(false);
});

test("secret, scope, organization and the end user's address go along where they are given", async () => {
  const endpoint = new FakeEndpoint();
  await exchangeApiKeyRequest(
    { ...ENDPOINT, client_secret: "s&cret" },
    KEY,
    { audience: "a", scope: "read:a read:b", organization: "org_1", forwardedFor: "203.0.113.7" },
    { fetch: endpoint.fetch },
  );
  const [request] = endpoint.requests;
  expect(Object.fromEntries(request?.body ?? [])).toMatchObject({
    client_secret: "s&cret",
    scope: "read:a read:b",
    organization: "org_1",
  });
  expect(request?.headers.get("auth0-forwarded-for")).toBe("203.0.113.7");
});

test.each(["http://acme.example/oauth/token", "http://127.0.0.1.example/oauth/token", "ftp://localhost/"])(
  "a key is not sent in the clear: %s",
  async (token_endpoint) => {
    const endpoint = new FakeEndpoint();
    const request = exchangeApiKeyRequest(
      { ...ENDPOINT, token_endpoint },
      KEY,
      { audience: "a" },
      { fetch: endpoint.fetch },
    );
    await expect(request).rejects.toThrow(TypeError);
    expect(endpoint.requests).toHaveLength(0);
  },
);

test.each<[string, object, object, object, string]>([
  ["endpoint", { clientSecret: "s" }, {}, {}, 'no option "clientSecret". Did you mean "client_secret"?'],
  ["parameters", {}, { scopes: "read:a" }, {}, 'no option "scopes". Did you mean "scope"?'],
  ["parameters", {}, { scope: ["read:a"] }, {}, '"scope" must be a string'],
  ["parameters", {}, { audience: undefined }, {}, '"audience" must be a string that is not blank'],
  ["options", {}, {}, { signals: 1 }, 'no option "signals". Did you mean "signal"?'],
])(
  "what is wrong or unknown in its %s is told, and no key is sent",
  async (_, of, parameters, options, told) => {
    const endpoint = new FakeEndpoint();
    const request = exchangeApiKeyRequest(
      { ...ENDPOINT, ...of },
      KEY,
      { audience: "a", ...parameters },
      { fetch: endpoint.fetch, ...options },
    );
    await expect(request).rejects.toThrow(told);
    await expect(request).rejects.toThrow(TypeError);
    expect(endpoint.requests).toHaveLength(0);
  },
);

test.each([
  ["timeout", new DOMException("late", "TimeoutError")],
  ["network_error", new TypeError("fetch failed")],
])("%s where there is no answer", async (code, fails) => {
  const endpoint = new FakeEndpoint();
  endpoint.behaviours = [{ fails }];
  const request = exchangeApiKeyRequest(ENDPOINT, KEY, { audience: "a" }, { fetch: endpoint.fetch });
  await expect(request).rejects.toMatchObject({ code, retryable: true, cause: fails });
});

test("a bearer token with a lifetime is an answer; scope is there where the server sent it", async () => {
  const answer = await processExchangeResponse(Response.json({ ...success("a.b-c", 60), scope: "read:a" }));
  expect(answer).toEqual({ access_token: "a.b-c", token_type: "Bearer", expires_in: 60, scope: "read:a" });
});

test.each([
  [400, "invalid_request", "invalid_request", false],
  [400, "invalid_scope", "invalid_scope", false],
  [400, "invalid_target", "invalid_target", false],
  [400, "unauthorized_client", "unauthorized_client", false],
  [403, "unauthorized_client", "unauthorized_client", false],
  [403, "access_denied", "access_denied", false],
  [401, "access_denied", "invalid_client", false],
  [401, "invalid_client", "invalid_client", false],
  [403, "mfa_required", "mfa_required", false],
  [400, "seats_exhausted", "refused", false],
  [429, "too_many_attempts", "too_many_attempts", true],
  [429, "too_many_requests", "too_many_requests", true],
  [500, "server_error", "server_error", true],
  [400, "server_error", "server_error", true],
] as const)("%i %s is %s, retryable %s", async (status, error, code, retryable) => {
  const failure = await failureOf(Response.json({ error, error_description: "Because." }, { status }));
  expect(failure).toMatchObject({ code, retryable, status, error, error_description: "Because." });
  expect(failure.message).toContain("The tenant says: Because.");
});

test.each([
  ["HTML with 200", new Response("<html>"), "nonconforming_answer"],
  ["HTML with 404", new Response("<html>", { status: 404 }), "nonconforming_answer"],
  ["a redirect", new Response(null, { status: 302, headers: { location: "/" } }), "nonconforming_answer"],
  ["HTML with 502", new Response("<html>", { status: 502 }), "server_error"],
  ["an empty 429", new Response(null, { status: 429 }), "too_many_requests"],
  ["no token", Response.json({ ...success("t", 60), access_token: undefined }), "nonconforming_answer"],
  ["a token with a line break", Response.json(success("a\nb", 60)), "nonconforming_answer"],
  ["a MAC token", Response.json({ ...success("t", 60), token_type: "mac" }), "nonconforming_answer"],
  ["no lifetime", Response.json({ ...success("t", 60), expires_in: undefined }), "nonconforming_answer"],
  ["a lifetime of 0", Response.json(success("t", 0)), "nonconforming_answer"],
  [
    "a refresh token",
    Response.json({
      ...success("t", 60),
      issued_token_type: "urn:ietf:params:oauth:token-type:refresh_token",
    }),
    "nonconforming_answer",
  ],
])("%s is no answer", async (_, response, code) => {
  expect((await failureOf(response)).code).toBe(code);
});

test("neither the key nor the MFA token shows up in an error", async () => {
  const body = {
    error: "mfa_required",
    error_description: `no: ${KEY.reveal()}`,
    mfa_token: "Fe26.2*secret",
  };
  const failure = await failureOf(Response.json(body, { status: 403 }));
  const shown = `${failure.message} ${JSON.stringify(failure)} ${failure.stack}`;
  expect(shown).toContain(KEY.toString());
  expect(shown).not.toContain(KEY.reveal());
  expect(shown).not.toContain("Fe26");
});

test("a limit says when it ends", async () => {
  const failure = await failureOf(
    Response.json({ error: "too_many_requests" }, { status: 429, headers: { "retry-after": "7" } }),
  );
  expect(failure).toMatchObject({ retryAfterMs: 7_000, fix: "Try again later (in 7 s)." });
});

/** An answer that goes on for ever, and how much of it was read. */
function endless(status = 200) {
  let chunks = 0;
  let isCancelled = false;
  const chunk = new Uint8Array(16 * 1024).fill(32);
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      chunks++;
      controller.enqueue(chunk);
    },
    cancel: () => {
      isCancelled = true;
    },
  });
  return { response: new Response(body, { status }), read: () => [chunks <= 7, isCancelled] };
}

test.each([
  [200, "nonconforming_answer"],
  [429, "too_many_requests"],
  [500, "server_error"],
])("of an answer that goes on for ever (%i) no more than 64 kB are read", async (status, code) => {
  const { response, read } = endless(status);
  expect((await failureOf(response)).code).toBe(code);
  expect(read()).toEqual([true, true]);
});

test("an answer of 64 kB is read", async () => {
  const json = JSON.stringify(success("t", 60));
  const answer = await processExchangeResponse(new Response(json.padEnd(64 * 1024)));
  expect(answer.access_token).toBe("t");
  expect((await failureOf(new Response(json.padEnd(64 * 1024 + 1)))).code).toBe("nonconforming_answer");
});

test("text that is cut between two chunks, inside of a letter, is read as it was written", async () => {
  const bytes = new TextEncoder().encode(
    JSON.stringify({ error: "invalid_request", error_description: "né" }),
  );
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  expect((await failureOf(new Response(body, { status: 400 }))).error_description).toBe("né");
});

describe("a server of its own", () => {
  let answer: (response: ServerResponse) => void;
  let server: Server;
  let url: string;
  let requests: number;
  beforeAll(async () => {
    server = createServer((_, response) => {
      requests++;
      answer(response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  beforeEach(() => {
    requests = 0;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test("an answer that drips is given up with the time of the whole answer", async () => {
    answer = (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const drip = setInterval(() => response.write(" "), 10);
      response.on("close", () => clearInterval(drip));
    };
    const source = new ApiKeyTokenSource({
      ...ENDPOINT,
      token_endpoint: url,
      timeoutMs: 200,
      waitBudgetMs: 0,
    });
    const startedMs = performance.now();
    await expect(source.getToken({ apiKey: KEY, audience: "a" })).rejects.toMatchObject({ code: "timeout" });
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });

  test.each([301, 302, 303, 307, 308])(
    "a redirect (%i) is not followed: the key stays here",
    async (status) => {
      answer = (response) => response.writeHead(status, { location: `${url}elsewhere` }).end();
      const endpoint = { ...ENDPOINT, token_endpoint: url };
      const response = await exchangeApiKeyRequest(endpoint, KEY, { audience: "a" });
      expect(await failureOf(response)).toMatchObject({ code: "nonconforming_answer", status });
      const redis = upstashRedis({ url, token: "t" });
      await expect(redis.command("GET", "x")).rejects.toThrow(/^Redis refused a command\.$/);
      expect(requests).toBe(2);
    },
  );
});

test.each([
  ["Ask for scopes. [scope: read:things]", "read:things"],
  ["Ask for scopes. [scope: read:things write:things]", "read:things write:things"],
  ["[scope: a]", "a"],
  ["[scope: no] but rather [scope: a]", "a"],
  ["[scope: a[b] c]]", "a[b] c]"],
  ["[scope: ]", undefined],
  ["[scope: a  b]", undefined],
  ["[scope: a ]", undefined],
  ['[scope: a"b]', undefined],
  ["[scope: a\\b]", undefined],
  ["[scope: a\nb]", undefined],
  ["[scope: ä]", undefined],
  ["[scope: a] and more", undefined],
  ["[scopes: a]", undefined],
  ["[among others: a b]", undefined],
])("of %j the scopes that a key has are %j", (error_description, expected) => {
  expect(offeredScope(new ExchangeError("invalid_scope", { error_description }))).toBe(expected);
  expect(offeredScope(new ExchangeError("invalid_request", { error_description }))).toBeUndefined();
});

test("of an answer of Redis no more is read than a sealed token can need", async () => {
  const chunk = new TextEncoder().encode("x".repeat(64 * 1024));
  let sent = 0;
  const endless: typeof fetch = async () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"result":"')),
        pull: (controller) => {
          sent++;
          controller.enqueue(chunk);
        },
      }),
    );
  const redis = upstashRedis({ url: "https://redis.example", token: "t", fetch: endless });
  await expect(redis.command("GET", "x")).rejects.toThrow("Redis refused a command.");
  expect(sent).toBeLessThan(5);
});
