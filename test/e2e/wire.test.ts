import { AuthClient } from "@auth0/auth0-auth-js";
import * as oauth from "oauth4webapi";
import { afterAll, beforeAll, expect, test } from "vitest";

import { exchangeApiKeyRequest, processExchangeResponse } from "../../src/client/exchange.ts";
import { ApiKey } from "../../src/core/api-key.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  stage,
  SUBJECT_TOKEN_TYPE,
  TOKEN_EXCHANGE,
  type Stage,
} from "../support/stage.ts";

const SCOPE = "read:things";

let s: Stage;
let key: string;
beforeAll(async () => {
  s = await stage();
  ({ key } = await s.create(ADA, { scope: SCOPE }));
});
afterAll(async () => s.stop());

/** A `fetch` that notes the token requests that go through it. Some SDKs insist on https: their origin is replaced. */
function recorder() {
  const bodies: Record<string, string>[] = [];
  const methods: string[] = [];
  const send: typeof fetch = async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if (url.endsWith("/oauth/token")) {
      const sent = new Request(url, init);
      methods.push(`${sent.method} ${sent.headers.get("content-type")?.split(";")[0]}`);
      bodies.push(Object.fromEntries(new URLSearchParams(await sent.text())));
    }
    return fetch(url.replace(/^https:\/\/[^/]+\//, s.local.description.issuer), init);
  };
  return { bodies, methods, send };
}

async function ours() {
  const { bodies, methods, send } = recorder();
  const { token_endpoint } = s.local.description;
  const endpoint = { token_endpoint, client_id: CLIENT_ID, subject_token_type: SUBJECT_TOKEN_TYPE };
  const apiKey = ApiKey.parse(key);
  if (!apiKey) throw new Error("the stage made no key");
  const parameters = { audience: AUDIENCE, scope: SCOPE };
  const response = await exchangeApiKeyRequest(endpoint, apiKey, parameters, { fetch: send });
  const { access_token } = await processExchangeResponse(response);
  return { body: bodies[0], method: methods[0], access_token };
}

test("oauth4webapi sends the same request, parameter by parameter, and reads the same answer", async () => {
  const { bodies, methods, send } = recorder();
  const issuer = new URL(s.local.description.issuer);
  // Its own type of options is narrower than RequestInit only in name.
  const customFetch = send as (url: string, options: object) => Promise<Response>;
  const options = { [oauth.customFetch]: customFetch, [oauth.allowInsecureRequests]: true } as const;
  const discovered = await oauth.discoveryRequest(issuer, options);
  const server = await oauth.processDiscoveryResponse(issuer, discovered);
  const client = { client_id: CLIENT_ID };
  const parameters = new URLSearchParams({
    subject_token: key,
    subject_token_type: SUBJECT_TOKEN_TYPE,
    audience: AUDIENCE,
    scope: SCOPE,
  });
  const response = await oauth.genericTokenEndpointRequest(
    server,
    client,
    oauth.None(),
    TOKEN_EXCHANGE,
    parameters,
    options,
  );
  const theirs = await oauth.processGenericTokenEndpointResponse(server, client, response);
  const { body, method, access_token } = await ours();
  expect(body).toEqual(bodies[0]);
  expect(method).toBe(methods[0]);
  expect(claimsOf(access_token)["sub"]).toBe(claimsOf(theirs.access_token)["sub"]);
});

test("@auth0/auth0-auth-js sends the same request, parameter by parameter", async () => {
  const { bodies, methods, send } = recorder();
  const discovering: typeof fetch = async (input, init) => {
    const response = await send(input, init);
    const url = String(input instanceof Request ? input.url : input);
    if (!url.includes("/.well-known/openid-configuration")) return response;
    // The SDK insists on https and on the issuer of its domain: both names mean the local tenant here.
    return new Response(
      (await response.text()).replaceAll(s.local.description.issuer, "https://dev.auth0.local/"),
      {
        headers: { "content-type": "application/json" },
      },
    );
  };
  const client = new AuthClient({
    domain: "dev.auth0.local",
    clientId: CLIENT_ID,
    clientSecret: "unused",
    customFetch: discovering,
  });
  const theirs = await client.exchangeToken({
    subjectToken: key,
    subjectTokenType: SUBJECT_TOKEN_TYPE,
    audience: AUDIENCE,
    scope: SCOPE,
  });
  const { body, method, access_token } = await ours();
  // It has no public clients: with a secret in the body, which the tenant ignores for this one, all else is equal.
  const { client_secret: _, ...withoutSecret } = bodies[0] ?? {};
  expect(body).toEqual(withoutSecret);
  expect(method).toBe(methods[0]);
  expect(claimsOf(access_token)["sub"]).toBe(claimsOf(theirs.accessToken)["sub"]);
});
