import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";

import { authorizationOf, Browser, logIn, loginStateOf, redeem, SELF_SERVICE } from "../support/log-in.ts";
import { ADA, claimsOf, GRACE, stage, type Stage } from "../support/stage.ts";

let s: Stage;
let issuer: string;
beforeAll(async () => {
  s = await stage({ selfService: SELF_SERVICE });
  ({ issuer } = s.local.description);
});
afterAll(async () => s.stop());

const errorOf = (response: Response) =>
  new URL(response.headers.get("location") ?? "http://nowhere").searchParams.get("error");

test("a login ends with tokens that the tenant's keys verify: nonce, audience, scopes", async () => {
  const { status, body } = await logIn(s, ADA, { max_age: "60" });
  expect(status).toBe(200);
  expect(body["scope"]).toBe("openid profile email read:api_keys write:api_keys");
  const jwks = createRemoteJWKSet(new URL(s.local.description.jwks_uri));
  const verify = async (token: unknown, audience: string) =>
    (await jwtVerify(token as string, jwks, { issuer, audience })).payload;
  const access = await verify(body["access_token"], SELF_SERVICE.audience);
  expect(access).toMatchObject({
    sub: ADA,
    aud: [SELF_SERVICE.audience, `${issuer}userinfo`],
    scope: body["scope"],
  });
  expect(access).not.toHaveProperty("act");
  const id = await verify(body["id_token"], SELF_SERVICE.clientId);
  expect(id).toMatchObject({ sub: ADA, nonce: "the nonce", email: "ada@acme.example" });
  expect(id["auth_time"]).toBeTypeOf("number");
  const userinfo = await fetch(`${issuer}userinfo`, {
    headers: { authorization: `Bearer ${String(body["access_token"])}` },
  });
  expect(await userinfo.json()).toMatchObject({ sub: ADA, name: "Ada Lovelace", email: "ada@acme.example" });
  expect((await fetch(`${issuer}userinfo`)).status).toBe(401);
});

test("a session logs in again without a form, in a frame too, until it ends", async () => {
  const browser = new Browser();
  const first = authorizationOf(s);
  const silent = authorizationOf(s, { prompt: "none", response_mode: "web_message" });
  expect(await (await browser.get(silent.url)).text()).toContain('"error":"login_required"');

  const state = await loginStateOf(await browser.get(first.url));
  await browser.submit(`${issuer}u/login`, { state, user_id: GRACE });
  const frame = await browser.get(silent.url);
  const { origin } = new URL(silent.redirectUri);
  expect(frame.headers.get("content-security-policy")).toContain(`frame-ancestors ${origin}`);
  const page = await frame.text();
  expect(page).toContain(`, "${origin}");`);
  const code = /"code":"([^"]+)"/.exec(page)?.[1] ?? "";
  expect(claimsOf((await redeem(s, code, silent)).body["access_token"])["sub"]).toBe(GRACE);
  expect((await browser.get(authorizationOf(s, { prompt: "login" }).url)).status).toBe(200);

  const out = `${issuer}v2/logout?client_id=${SELF_SERVICE.clientId}&returnTo=`;
  expect((await browser.get(out + encodeURIComponent("https://evil.example/"))).status).toBe(400);
  expect((await browser.get(out + encodeURIComponent(silent.redirectUri))).headers.get("location")).toBe(
    silent.redirectUri,
  );
  expect(await (await browser.get(silent.url)).text()).toContain('"error":"login_required"');
});

test.each<[string, Record<string, string | undefined>, string]>([
  ["no PKCE", { code_challenge: undefined }, "invalid_request"],
  ["PKCE in plain", { code_challenge_method: "plain" }, "invalid_request"],
  ["the implicit flow", { response_type: "token" }, "unsupported_response_type"],
  ["an unknown API", { audience: "https://nobody.example" }, "access_denied"],
  ["an unknown organization", { organization: "org_none" }, "invalid_request"],
  ["nobody logged in", { prompt: "none" }, "login_required"],
])("%s is told to the page, with its state", async (_, changes, error) => {
  const response = await new Browser().get(authorizationOf(s, changes).url);
  const location = new URL(response.headers.get("location") ?? "");
  expect(location.href).toMatch(new RegExp(`^${authorizationOf(s).redirectUri}\\?error=${error}&`));
  expect(location.searchParams.get("state")).toBe("the state");
});

test.each<[string, Record<string, string | undefined>]>([
  ["an unknown client", { client_id: "<script>" }],
  ["an address that is not the client's", { redirect_uri: "https://evil.example/" }],
  ["no address", { redirect_uri: undefined }],
  ["another way to answer", { response_mode: "form_post" }],
])("%s is told to the person, and goes nowhere", async (_, changes) => {
  const response = await new Browser().get(authorizationOf(s, changes).url);
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.headers.get("location")).toBeNull();
  const page = await response.text();
  expect(page).not.toContain("<script>");
});

test("a code is good once, for its client, its address and its verifier", async () => {
  const codeFor = async (request: { readonly url: string }) => {
    const browser = new Browser();
    const state = await loginStateOf(await browser.get(request.url));
    const done = await browser.submit(`${issuer}u/login`, { state, user_id: ADA });
    return new URL(done.headers.get("location") ?? "").searchParams.get("code") ?? "";
  };
  const request = authorizationOf(s);
  const once = await codeFor(request);
  expect((await redeem(s, once, request)).status).toBe(200);
  expect((await redeem(s, once, request)).body).toMatchObject({ error: "invalid_grant" });
  const wrong = { ...request, verifier: "x".repeat(43) };
  expect((await redeem(s, await codeFor(request), wrong)).body).toMatchObject({ error: "invalid_grant" });
  const elsewhere = { ...request, redirectUri: "https://evil.example/" };
  expect((await redeem(s, await codeFor(request), elsewhere)).body).toMatchObject({ error: "invalid_grant" });
});

test("a login form is of the browser that asked for it", async () => {
  const victim = new Browser();
  const state = await loginStateOf(await victim.get(authorizationOf(s).url));
  const attacker = new Browser();
  await attacker.get(authorizationOf(s).url);
  const stolen = await attacker.submit(`${issuer}u/login`, { state, user_id: ADA });
  expect([stolen.status, errorOf(stolen)]).toEqual([400, null]);
  const again = await victim.submit(`${issuer}u/login`, { state, user_id: ADA });
  expect(again.status).toBe(400);
  const form = await victim.get(authorizationOf(s).url);
  expect(form.headers.get("content-security-policy")).toMatch(/^default-src 'none'.*frame-ancestors 'none'$/);
});

test("post-login Actions run at a login, and ours leaves it alone", async () => {
  const { body } = await logIn(s, ADA, { audience: s.local.description.audience, scope: "read:things" });
  expect(claimsOf(body["access_token"])).toMatchObject({ scope: "read:things" });
});

test("only pages of a client's web origins may call the token endpoint", async () => {
  const { origin } = new URL(authorizationOf(s).redirectUri);
  const allowed = async (from: string) => {
    const headers = { origin: from, "access-control-request-method": "POST" };
    const response = await fetch(`${issuer}oauth/token`, { method: "OPTIONS", headers });
    return response.headers.get("access-control-allow-origin");
  };
  expect(await allowed(origin)).toBe(origin);
  expect(await allowed("https://evil.example")).toBeNull();
});
