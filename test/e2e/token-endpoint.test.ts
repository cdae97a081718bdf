import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import {
  AUDIENCE,
  ADA,
  claimsOf,
  CLIENT_ID,
  exchangeParameters,
  GRACE,
  post,
  stage,
  type Stage,
  connect,
} from "../support/stage.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const CONFIDENTIAL = "confidentialClient00000000000001";
const NO_PROFILE = "Invalid subject_token_type and requested_token_type combination.";

let s: Stage;
let key: string;
let url: string;
beforeAll(async () => {
  s = await stage();
  ({ key } = await s.create(ADA));
  url = s.local.description.token_endpoint;
  const [client] = s.local.tenant.clients.values();
  if (!client) throw new Error("The stage has no client.");
  const { clients, resourceServers } = s.local.tenant;
  const secret = { token_endpoint_auth_method: "client_secret_post" as const, client_secret: "s3cret:+ %" };
  clients.set(CONFIDENTIAL, {
    ...client,
    ...secret,
    client_id: CONFIDENTIAL,
    is_token_endpoint_ip_header_trusted: true,
  });
  connect(s, CONFIDENTIAL);
  clients.set("noFlag", {
    ...client,
    client_id: "noFlag",
    token_exchange: { allow_any_profile_of_type: [] },
  });
  clients.set("thirdParty", { ...client, client_id: "thirdParty", is_first_party: false });
  const api = resourceServers.get(AUDIENCE);
  if (api) {
    // A scope that the deployment names, and somebody has taken from the tenant's API since; and the reverse.
    const scopes = [...api.scopes.filter((scope) => scope !== "delete:things"), "admin:things"];
    resourceServers.set(AUDIENCE, { ...api, scopes });
    resourceServers.set("https://consent", {
      ...api,
      identifier: "https://consent",
      skip_consent_for_verifiable_first_party_clients: false,
    });
    resourceServers.set("https://rfc9068", {
      ...api,
      identifier: "https://rfc9068",
      token_dialect: "rfc9068_profile",
    });
  }
});
afterAll(async () => s.stop());

describe("refusals of the token endpoint itself", () => {
  it.each<[string, Readonly<Record<string, string | undefined>>, number, string, string]>([
    [
      "no grant_type",
      { grant_type: undefined },
      400,
      "invalid_request",
      "Missing required parameter: grant_type",
    ],
    [
      "an unknown grant_type",
      { grant_type: "magic" },
      403,
      "unsupported_grant_type",
      "Unsupported grant type: magic",
    ],
    [
      "no subject_token",
      { subject_token: undefined },
      400,
      "invalid_request",
      "Missing required parameter: subject_token",
    ],
    [
      "an empty subject_token",
      { subject_token: "" },
      400,
      "invalid_request",
      "Missing required parameter: subject_token",
    ],
    [
      "no subject_token_type",
      { subject_token_type: undefined },
      400,
      "invalid_request",
      "Missing required parameter: subject_token_type",
    ],
    [
      "an unknown subject_token_type",
      { subject_token_type: "urn:other" },
      400,
      "invalid_request",
      NO_PROFILE,
    ],
    [
      "a requested_token_type",
      { requested_token_type: "urn:ietf:params:oauth:token-type:access_token" },
      400,
      "invalid_request",
      NO_PROFILE,
    ],
    [
      "an actor_token alone",
      { actor_token: "x" },
      400,
      "invalid_request",
      "actor_token and actor_token_type must be given together.",
    ],
    [
      "an actor_token_type alone",
      { actor_token_type: "x" },
      400,
      "invalid_request",
      "actor_token and actor_token_type must be given together.",
    ],
    ["no client_id", { client_id: undefined }, 401, "access_denied", "Unauthorized"],
    ["an unknown client", { client_id: "nobody" }, 401, "access_denied", "Unauthorized"],
    ["a missing secret", { client_id: CONFIDENTIAL }, 401, "access_denied", "Unauthorized"],
    [
      "a wrong secret",
      { client_id: CONFIDENTIAL, client_secret: "wrong" },
      401,
      "access_denied",
      "Unauthorized",
    ],
    [
      "a client without the token-exchange flag",
      { client_id: "noFlag" },
      403,
      "unauthorized_client",
      "Grant type 'urn:ietf:params:oauth:grant-type:token-exchange' not allowed for the client.",
    ],
    [
      "a third-party client",
      { client_id: "thirdParty" },
      403,
      "unauthorized_client",
      "Grant type 'urn:ietf:params:oauth:grant-type:token-exchange' not allowed for the client.",
    ],
    [
      "an unknown audience",
      { audience: "https://nowhere" },
      403,
      "access_denied",
      "Service not found: https://nowhere",
    ],
    [
      "an audience that needs consent",
      { audience: "https://consent" },
      400,
      "invalid_request",
      "consent_required",
    ],
    [
      "no audience",
      { audience: undefined },
      400,
      "invalid_target",
      "This API key may not be used for this audience.",
    ],
    [
      "an unknown organization",
      { organization: "org_none" },
      400,
      "invalid_request",
      "parameter organization is invalid: org_none",
    ],
  ])("%s", async (_, changes, status, error, description) => {
    const answer = await s.exchange(key, changes);
    expect([answer.status, answer.body]).toEqual([status, { error, error_description: description }]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  const form = () => exchangeParameters(key).toString();
  it.each<[string, () => string, Record<string, string>, number, string]>([
    ["a repeated parameter", () => `${form()}&scope=again`, FORM, 400, "Repeated parameter: scope"],
    [
      "a wrong content type",
      form,
      { "content-type": "text/plain" },
      400,
      "The body must be application/x-www-form-urlencoded.",
    ],
    ["an empty body", () => "", FORM, 400, "Missing required parameter: grant_type"],
    ["1 MB of body", () => `${form()}&pad=${"x".repeat(1_048_576)}`, FORM, 413, "The request is too large."],
    ["a binary body", () => "\u0000\u0001\u00ff&&&=%%%", FORM, 400, "Missing required parameter: grant_type"],
    ["broken JSON", () => "{", { "content-type": "application/json" }, 400, "The body is no valid JSON."],
    [
      "JSON that is no object",
      () => "[1]",
      { "content-type": "application/json" },
      400,
      "The body must be a JSON object of strings.",
    ],
    [
      "JSON with an object in it",
      () => '{"grant_type":{}}',
      { "content-type": "application/json" },
      400,
      "The body must be a JSON object of strings.",
    ],
  ])("%s", async (_, body, headers, status, description) => {
    const answer = await post(url, body(), headers);
    expect([answer.status, answer.body]).toEqual([
      status,
      { error: "invalid_request", error_description: description },
    ]);
  });

  it.each([
    ["a NUL", "\u0000"],
    ["bytes that are no UTF-8", "\u00ff\u00fe"],
    ["letters outside ASCII", "é".repeat(500)],
    ["50 kB", "x".repeat(50_000)],
    ["a prefix alone", "acme_live_"],
    ["JSON", "{}"],
    ["an escape", "%00"],
  ])("a subject_token of %s", async (_, token) => {
    const answer = await s.exchange(token);
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: "invalid_request", error_description: "Invalid API key." },
    ]);
  });

  it.each([
    ["a blocked user", async () => s.keys.users.read(GRACE).then(() => blockGrace(true))],
    ["a deleted user", async () => void s.local.tenant.users.delete(GRACE)],
  ])("%s is refused at the next exchange, and only the tenant log says why", async (_, happen) => {
    blockGrace(false);
    const made = await s.create(GRACE);
    expect((await s.exchange(made.key)).status).toBe(200);
    await happen();
    const answer = await s.exchange(made.key);
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: "invalid_request", error_description: "Token exchange failed." },
    ]);
    expect(s.local.tenant.logs.at(-1)).toMatchObject({
      type: "fecte",
      details: { actor: { sub: `api-key|${made.id}` } },
    });
  });

  it("another method, another path", async () => {
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(`${s.settings.origin}/nothing`)).status).toBe(404);
  });
});

function blockGrace(blocked: boolean): void {
  const { users } = s.local.tenant;
  const grace = users.get(GRACE);
  if (grace) users.set(GRACE, { ...grace, blocked });
}

describe("ways to ask", () => {
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}`,
  });
  it.each<[string, () => Promise<{ status: number }>]>([
    ["a public client", async () => s.exchange(key)],
    [
      "a secret in the body",
      async () => s.exchange(key, { client_id: CONFIDENTIAL, client_secret: "s3cret:+ %" }),
    ],
    [
      "a secret by Basic",
      async () => s.exchange(key, { client_id: undefined }, basic(CONFIDENTIAL, "s3cret:+ %")),
    ],
    [
      "JSON",
      async () =>
        post(url, JSON.stringify(Object.fromEntries(exchangeParameters(key))), {
          "content-type": "application/json",
        }),
    ],
    [
      "a form with a charset",
      async () =>
        post(url, exchangeParameters(key).toString(), {
          "content-type": `${FORM["content-type"]};charset=UTF-8`,
        }),
    ],
    ["unknown parameters", async () => s.exchange(key, { colour: "blue" })],
  ])("%s", async (_, ask) => {
    expect((await ask()).status).toBe(200);
  });

  it("a trusted client says whom it forwards for; a public one cannot", async () => {
    const bound = await s.create(ADA, { ipRanges: ["203.0.113.7"] });
    const forwarded = { "auth0-forwarded-for": "203.0.113.7" };
    const trusted = { client_id: CONFIDENTIAL, client_secret: "s3cret:+ %" };
    expect((await s.exchange(bound.key, trusted, forwarded)).status).toBe(200);
    expect((await s.exchange(bound.key, {}, forwarded)).status).toBe(400);
  });
});

describe("what a token holds", () => {
  it.each<[string, string | undefined, string | undefined, string | undefined, string | undefined]>([
    [
      "the scopes that were asked for",
      undefined,
      "read:things write:things",
      "read:things write:things",
      undefined,
    ],
    [
      "without those that the API does not define any more",
      undefined,
      "read:things delete:things",
      "read:things",
      "read:things",
    ],
    [
      "every scope that the tenant's API has, if none was asked for, of a key without scopes",
      undefined,
      undefined,
      "read:things write:things admin:things",
      "read:things write:things admin:things",
    ],
    ["the key's scopes", "read:things", "read:things", "read:things", undefined],
  ])("%s", async (_, keyScope, asked, granted, told) => {
    const made = await s.create(ADA, keyScope === undefined ? {} : { scope: keyScope });
    const { body } = await s.exchange(made.key, { scope: asked });
    const claims = claimsOf(body["access_token"]);
    expect(claims["scope"]).toBe(granted);
    expect(body["scope"]).toBe(told);
    expect(claims).not.toHaveProperty("jti");
    expect(claims).not.toHaveProperty("gty");
    expect(claims["aud"]).toBe(AUDIENCE);
  });

  it.each([
    ["a scope that no API defines", undefined, "read:things fly", "fly"],
    ["one that the API defines and the deployment does not name", undefined, "admin:things", "admin:things"],
    ["the first, of a key with scopes", "read:things", "read:things fly", "fly"],
    ["the second, of a key with scopes", "read:things", "admin:things read:things", "admin:things"],
  ])("nothing for %s", async (_, keyScope, asked, named) => {
    const made = await s.create(ADA, keyScope === undefined ? {} : { scope: keyScope });
    const answer = await s.exchange(made.key, { scope: asked });
    const error_description = `This API key does not have the scope: ${named}.`;
    expect([answer.status, answer.body]).toEqual([400, { error: "invalid_scope", error_description }]);
  });

  it("both audiences and an ID token if openid was granted", async () => {
    const { body } = await s.exchange(key, { scope: "openid email read:things" });
    expect(claimsOf(body["access_token"])["aud"]).toEqual([
      AUDIENCE,
      `${s.local.description.issuer}userinfo`,
    ]);
    expect(claimsOf(body["id_token"])).toMatchObject({ sub: ADA, aud: CLIENT_ID, email: "ada@acme.example" });
  });
});

test("the actor is in the ID token and at /userinfo too, and offline_access in no answer", async () => {
  const { body } = await s.exchange(key, { scope: "openid offline_access read:things" });
  const { act } = claimsOf(body["access_token"]);
  expect(act).toMatchObject({ sub: expect.stringMatching(/^api-key\|/) as string });
  expect(claimsOf(body["id_token"])["act"]).toEqual(act);
  const authorization = `Bearer ${String(body["access_token"])}`;
  const told = await fetch(`${s.settings.origin}/userinfo`, { headers: { authorization } });
  expect(await told.json()).toMatchObject({ sub: ADA, act });
  expect(body["scope"]).toBe("openid read:things");
});

test("where Auth0 grants nothing to a request without scope, nothing is granted", async () => {
  const careful = await stage({ fidelity: ["no_scope_grants=none"] });
  try {
    const made = await careful.create(ADA);
    const { body } = await careful.exchange(made.key, { scope: undefined });
    expect(claimsOf(body["access_token"])).not.toHaveProperty("scope");
  } finally {
    await careful.stop();
  }
});

test("with the policy openid, a key with scopes may have an ID token", async () => {
  const open = await stage({ config: { policy: { openid: true } } });
  try {
    const made = await open.create(ADA, { scope: "read:things" });
    const { body } = await open.exchange(made.key, { scope: "openid email read:things" });
    expect(claimsOf(body["access_token"])["scope"]).toBe("openid email read:things");
    expect(claimsOf(body["id_token"])).toMatchObject({ sub: ADA, email: "ada@acme.example" });
  } finally {
    await open.stop();
  }
});

test("a refresh token is never issued for a key, even where the API allows it", async () => {
  const { resourceServers } = s.local.tenant;
  const api = resourceServers.get(AUDIENCE);
  if (api) resourceServers.set(AUDIENCE, { ...api, allow_offline_access: true });
  expect((await s.exchange(key, { scope: "offline_access read:things" })).body).not.toHaveProperty(
    "refresh_token",
  );
});

test("four exchanges a second, then 429 with the time to wait", async () => {
  let now = Date.UTC(2026, 10, 22);
  const limited = await stage({ limits: true, nowMs: () => now });
  for (let at = 0; at < 4; at++) expect((await limited.exchange("hello")).status).toBe(400);
  const refused = await limited.exchange("hello");
  expect([refused.status, refused.body["error"]]).toEqual([429, "too_many_requests"]);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(Number(refused.headers.get("x-ratelimit-reset"))).toBe(now / 1000 + 1);
  expect(refused.headers.get("x-ratelimit-remaining")).toBe("0");
  now += 250;
  expect((await limited.exchange("hello")).status).toBe(400);
  expect((await limited.exchange("hello")).status).toBe(429);
  await limited.stop();
});
