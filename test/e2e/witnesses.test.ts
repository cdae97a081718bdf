import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { promisify } from "node:util";

import { AuthClient } from "@auth0/auth0-auth-js";
import { ManagementClient } from "auth0";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import { afterAll, beforeAll, expect, test } from "vitest";

import { revokeKey } from "../../src/keys/revoke.ts";
import {
  ADA,
  AUDIENCE,
  CLIENT_ID,
  exchangeParameters,
  stage,
  SUBJECT_TOKEN_TYPE,
  TOKEN_EXCHANGE,
  type Stage,
  connect,
} from "../support/stage.ts";

const run = promisify(execFile);
let s: Stage;
let key: string;
let id: string;
beforeAll(async () => {
  s = await stage({ fidelity: ["search_lag_ms=0"] });
  ({ key, id } = await s.create(ADA, { scope: "read:things" }));
});
afterAll(async () => s.stop());

/** The `fetch` that takes SDKs which insist on https to the local tenant. */
const overHttp: typeof fetch = async (input, init) =>
  fetch((input instanceof Request ? input.url : input.toString()).replace("https://", "http://"), init);

/** What a witness got is a token that the unchanged API accepts as the user's, and jose verifies against the JWKS. */
async function isAcceptedAsAda(token: string): Promise<void> {
  const { description } = s.local;
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(description.jwks_uri)), {
    issuer: description.issuer,
    audience: AUDIENCE,
    algorithms: ["RS256"],
    typ: "JWT",
  });
  expect(payload).toMatchObject({ sub: ADA, azp: CLIENT_ID, act: { sub: `api-key|${id}` } });
  const headers = { authorization: `Bearer ${token}` };
  const me = await fetch(`${description.api_url}/me`, { headers });
  expect([me.status, await me.json()]).toMatchObject([200, { sub: ADA, act: { sub: `api-key|${id}` } }]);
  expect((await fetch(`${description.api_url}/things`, { headers })).status).toBe(200);
  expect((await fetch(`${description.api_url}/things`, { headers, method: "POST" })).status).toBe(403);
  expect((await fetch(`${description.api_url}/me`)).status).toBe(401);
}

test("curl", async () => {
  const { token_endpoint } = s.local.description;
  const fields = [...exchangeParameters(key)].flatMap(([name, value]) => [
    "--data-urlencode",
    `${name}=${value}`,
  ]);
  const { stdout } = await run("curl", ["-sS", "--fail-with-body", token_endpoint, ...fields]);
  await isAcceptedAsAda((JSON.parse(stdout) as { access_token: string }).access_token);
});

test("oauth4webapi: discovery and its generic token-endpoint request", async () => {
  const issuer = new URL(s.local.description.issuer);
  const options = { [oauth.allowInsecureRequests]: true } as const;
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...options }),
  );
  const client = { client_id: CLIENT_ID };
  const parameters = {
    subject_token: key,
    subject_token_type: SUBJECT_TOKEN_TYPE,
    audience: AUDIENCE,
    scope: "read:things",
  };
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    oauth.None(),
    TOKEN_EXCHANGE,
    parameters,
    options,
  );
  const result = await oauth.processGenericTokenEndpointResponse(as, client, response);
  expect(result).toMatchObject({ token_type: "bearer", expires_in: 86_400 });
  await isAcceptedAsAda(result.access_token);
});

test("@auth0/auth0-auth-js exchangeToken, which speaks https to the tenant's domain alone", async () => {
  const { description, tenant } = s.local;
  const { host } = new URL(description.issuer);
  const customFetch: typeof fetch = async (input, init) => {
    const response = await overHttp(input, init);
    if (!response.url.includes(".well-known/openid-configuration")) return response;
    // This SDK insists on an https issuer: the discovery document alone is told so.
    return Response.json(JSON.parse((await response.text()).replaceAll("http://", "https://")));
  };
  const [client] = tenant.clients.values();
  const confidential = {
    ...client,
    client_id: "sdk",
    client_secret: "sdk secret",
    token_endpoint_auth_method: "client_secret_post",
  };
  tenant.clients.set("sdk", confidential as never);
  connect(s, "sdk");
  const sdk = new AuthClient({ domain: host, clientId: "sdk", clientSecret: "sdk secret", customFetch });
  const token = await sdk.exchangeToken({
    subjectToken: key,
    subjectTokenType: SUBJECT_TOKEN_TYPE,
    audience: AUDIENCE,
    scope: "read:things",
  });
  const { payload } = await jwtVerify(token.accessToken, createRemoteJWKSet(new URL(description.jwks_uri)));
  expect(payload).toMatchObject({ sub: ADA, azp: "sdk", scope: "read:things" });
  const refused: unknown = await sdk
    .exchangeToken({ subjectToken: "hello", subjectTokenType: SUBJECT_TOKEN_TYPE, audience: AUDIENCE })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: "token_exchange_error",
    cause: { error: "invalid_request", error_description: "Invalid API key." },
  });
});

test("the auth0 SDK does every management call on users", async () => {
  const { description } = s.local;
  const { host } = new URL(description.issuer);
  const client = new ManagementClient({
    domain: host,
    audience: `${description.issuer}api/v2/`,
    clientId: description.management_client_id,
    clientSecret: description.management_client_secret,
    fetch: overHttp,
  });
  const made = await client.users.create({
    connection: "Username-Password-Authentication",
    email: "hedy@acme.example",
    password: "correct horse",
  });
  const userId = made.user_id ?? "";
  await client.users.update(userId, { app_metadata: { plan: "pro", deep: { a: 1 } } });
  await client.users.update(userId, { app_metadata: { deep: { b: 2 }, plan: null } });
  expect((await client.users.get(userId)).app_metadata).toEqual({ deep: { b: 2 } });
  expect(
    (await client.users.listUsersByEmail({ email: "hedy@acme.example" })).map((user) => user.user_id),
  ).toEqual([userId]);
  const listed: unknown[] = [];
  for await (const user of await client.users.list({ per_page: 2 })) listed.push(user.user_id);
  expect(listed).toEqual([ADA, "auth0|grace", userId]);
  await client.users.delete(userId);
  await expect(client.users.get(userId)).rejects.toMatchObject({
    statusCode: 404,
    body: { errorCode: "inexistent_user" },
  });
  await expect(
    client.users.create({ connection: "Username-Password-Authentication", email: "ada@acme.example" }),
  ).rejects.toMatchObject({
    statusCode: 409,
  });
  await expect(client.users.create({ connection: "c", email: "no" })).rejects.toMatchObject({
    statusCode: 400,
    body: { errorCode: "invalid_body" },
  });
});

test("a token that was issued before the key was revoked lives until its own end, and no new one is issued", async () => {
  const made = await s.create(ADA, { scope: "read:things" });
  const token = String((await s.exchange(made.key)).body["access_token"]);
  await revokeKey(s.keys, ADA, made.id, "leaked");
  const headers = { authorization: `Bearer ${token}` };
  expect((await fetch(`${s.local.description.api_url}/me`, { headers })).status).toBe(200);
  expect((await s.exchange(made.key)).status).toBe(400);
});

test("it listens on 127.0.0.1 alone", async () => {
  const { port } = new URL(s.local.description.issuer);
  const second = createServer();
  // The same port is free on another address of this machine.
  await new Promise<void>((resolve, reject) => {
    second.once("error", reject);
    second.listen(Number(port), "127.0.0.2", resolve);
  });
  second.close();
});
