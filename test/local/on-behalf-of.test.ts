import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import { clientOf, connectApis, passOn } from "../support/hops.ts";
import { manage } from "../support/management.ts";
import { ADA, AUDIENCE, claimsOf, OTHER_AUDIENCE, stage, type Stage } from "../support/stage.ts";

let s: Stage;
let token: unknown;
beforeAll(async () => {
  s = await stage();
  const { tenant } = s.local;
  connectApis(s, [AUDIENCE, OTHER_AUDIENCE]);
  const client = tenant.clients.get(clientOf(AUDIENCE));
  if (!client) throw new Error("The stage has no client of an API.");
  const variants = {
    "no flag": { token_exchange: { allow_any_profile_of_type: ["custom_authentication"] } },
    "no API": { app_type: "regular_web" },
    public: { token_endpoint_auth_method: "none" as const },
  };
  for (const [name, change] of Object.entries(variants)) {
    tenant.clients.set(clientOf(name), { ...client, client_id: clientOf(name), ...change });
  }
  tenant.clients.set(clientOf("nothing"), { ...client, client_id: clientOf("nothing") });
  token = (await s.exchange((await s.create(ADA)).key)).body["access_token"];
});
afterAll(async () => s.stop());

const NOT_ALLOWED =
  "Grant type 'urn:ietf:params:oauth:grant-type:token-exchange' not allowed for the client.";
const ask = { audience: OTHER_AUDIENCE, scope: "read:bills" };

describe("refuses", () => {
  it.each<[string, string, Readonly<Record<string, string | undefined>>, number, string, string]>([
    [
      "no audience",
      AUDIENCE,
      { audience: undefined },
      400,
      "invalid_request",
      "Missing required parameter: audience",
    ],
    [
      "no requested_token_type",
      AUDIENCE,
      { requested_token_type: undefined },
      400,
      "invalid_request",
      "Missing required parameter: requested_token_type",
    ],
    [
      "another requested_token_type",
      AUDIENCE,
      { requested_token_type: "urn:ietf:params:oauth:token-type:id_token" },
      400,
      "invalid_request",
      "requested_token_type must be that of an access token.",
    ],
    ["what is no token", AUDIENCE, { subject_token: "x" }, 400, "invalid_request", "Invalid subject_token."],
    ["a token for another API", OTHER_AUDIENCE, {}, 400, "invalid_request", "Invalid subject_token."],
    ["a client without the flag", "no flag", {}, 403, "unauthorized_client", NOT_ALLOWED],
    ["a client of no API", "no API", {}, 403, "unauthorized_client", NOT_ALLOWED],
    ["a public client", "public", {}, 403, "unauthorized_client", NOT_ALLOWED],
    ["a wrong secret", AUDIENCE, { client_secret: "x" }, 401, "access_denied", "Unauthorized"],
    [
      "an unknown audience",
      AUDIENCE,
      { audience: "https://nowhere" },
      403,
      "access_denied",
      "Service not found: https://nowhere",
    ],
    [
      "an audience without a grant",
      "nothing",
      {},
      403,
      "access_denied",
      `Client is not authorized to access "${OTHER_AUDIENCE}".`,
    ],
  ])("%s", async (_, from, changes, status, error, error_description) => {
    const answer = await passOn(s, from, token, { ...ask, ...changes });
    expect([answer.status, answer.body]).toEqual([status, { error, error_description }]);
  });

  it("the token of a machine", async () => {
    const { description, tenant } = s.local;
    const { managementAudience } = tenant;
    const client = tenant.clients.get(clientOf(AUDIENCE));
    if (client)
      tenant.clients.set(client.client_id, { ...client, resource_server_identifier: managementAudience });
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: description.management_client_id,
      client_secret: description.management_client_secret,
      audience: managementAudience,
    });
    const machine = (await (await fetch(description.token_endpoint, { method: "POST", body })).json()) as {
      access_token: string;
    };
    const answer = await passOn(s, AUDIENCE, machine.access_token, ask);
    expect(answer.body).toEqual({ error: "invalid_request", error_description: "Invalid subject_token." });
    if (client) tenant.clients.set(client.client_id, client);
  });

  it("a user who is blocked by now, and tells the log alone", async () => {
    const { users, logs } = s.local.tenant;
    const ada = users.get(ADA);
    users.set(ADA, { ...ada, user_id: ADA, blocked: true });
    const answer = await passOn(s, AUDIENCE, token, ask);
    users.set(ADA, { ...ada, user_id: ADA });
    expect([answer.status, answer.body["error_description"]]).toEqual([400, "Token exchange failed."]);
    expect(logs.at(-1)).toMatchObject({
      type: "failed_on_behalf_of_token_exchange",
      description: "The user is blocked.",
    });
  });

  it("a fifth level of actors, in Auth0's words", async () => {
    let passed = token;
    for (let hop = 0; hop < 3; hop++) {
      const { body } = await passOn(s, AUDIENCE, passed, { audience: AUDIENCE, scope: "read:things" });
      passed = body["access_token"];
    }
    const answer = await passOn(s, AUDIENCE, passed, { audience: AUDIENCE, scope: "read:things" });
    expect([answer.status, answer.body]).toEqual([
      400,
      {
        error: "invalid_request",
        error_description: "Delegation chain (`act` claim) depth exceeds the maximum allowed limit of 4",
      },
    ]);
  });
});

test("answers with an access token of the client, around the actors before it, and with no other token", async () => {
  const { resourceServers, logs } = s.local.tenant;
  const api = resourceServers.get(OTHER_AUDIENCE);
  if (api) resourceServers.set(OTHER_AUDIENCE, { ...api, allow_offline_access: true });
  const scope = "openid offline_access read:bills";
  const { body } = await passOn(s, AUDIENCE, token, { ...ask, scope });
  const issued_token_type = "urn:ietf:params:oauth:token-type:access_token";
  const access_token = expect.any(String) as string;
  expect(body).toEqual({
    access_token,
    expires_in: 86_400,
    token_type: "Bearer",
    issued_token_type,
    scope: "read:bills",
  });
  const { act } = claimsOf(token);
  expect(claimsOf(body["access_token"])).toMatchObject({
    sub: ADA,
    aud: OTHER_AUDIENCE,
    azp: clientOf(AUDIENCE),
    act: { sub: clientOf(AUDIENCE), act },
  });
  expect(logs.at(-1)).toMatchObject({
    type: "success_on_behalf_of_token_exchange",
    details: {
      // No custom properties.
      actor: { sub: clientOf(AUDIENCE), act: { sub: (act as { sub: string }).sub } },
      requested_token_type: issued_token_type,
      subject_token_type: issued_token_type,
    },
  });
  expect(JSON.stringify(logs.at(-1))).not.toContain((act as { tag: string }).tag);
});

test("who names no scope gets what the client was granted, and a user's rights narrow that", async () => {
  const { resourceServers, userPermissions } = s.local.tenant;
  const scopeOf = async () => {
    const { body } = await passOn(s, AUDIENCE, token, { audience: AUDIENCE });
    return claimsOf(body["access_token"])["scope"];
  };
  expect(await scopeOf()).toBe("read:things write:things delete:things");
  const api = resourceServers.get(AUDIENCE);
  if (api) resourceServers.set(AUDIENCE, { ...api, enforce_policies: true });
  const permission = { resource_server_identifier: AUDIENCE, permission_name: "read:things" };
  userPermissions.set(ADA, [permission]);
  expect(await scopeOf()).toBe("read:things");
});

test("a client is made for it by the Management API alone", async () => {
  const api = await manage(s, ["create:clients", "create:client_grants"]);
  const made = await api("POST", "/clients", {
    name: "things",
    app_type: "resource_server",
    resource_server_identifier: AUDIENCE,
    token_exchange: { allow_any_profile_of_type: ["on_behalf_of_token_exchange"] },
  });
  expect(made.status).toBe(201);
  const { client_id, client_secret } = made.body as unknown as Record<string, string>;
  const grant = { client_id, audience: OTHER_AUDIENCE, scope: ["read:bills"], subject_type: "user" };
  expect((await api("POST", "/client-grants", grant)).status).toBe(201);
  const answer = await passOn(s, AUDIENCE, token, { ...ask, client_id, client_secret });
  expect(answer.status).toBe(200);
});

test.each([
  ["free", 2],
  ["professional", 8],
  ["enterprise", 30],
] as const)(
  "on the plan %s %i a second are taken, whatever the exchanges of keys",
  async (plan, perSecond) => {
    let nowMs = Date.now();
    const limited = await stage({ plan, nowMs: () => nowMs });
    try {
      connectApis(limited, [AUDIENCE, OTHER_AUDIENCE]);
      const { key } = await limited.create(ADA);
      const { access_token } = (await limited.exchange(key)).body;
      const hop = async () => (await passOn(limited, AUDIENCE, access_token, ask)).status;
      const answers: number[] = [];
      for (let count = 0; count <= perSecond; count++) answers.push(await hop());
      expect(answers).toEqual([...Array<number>(perSecond).fill(200), 429]);
      nowMs += 1_000;
      expect(await hop()).toBe(200);
    } finally {
      await limited.stop();
    }
  },
);
