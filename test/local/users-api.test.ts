import { afterAll, beforeAll, expect, it, test } from "vitest";

import { manage } from "../support/management.ts";
import { ADA, GRACE, post, stage, type Answer, type Stage } from "../support/stage.ts";

let s: Stage;
let token: string;
beforeAll(async () => {
  s = await stage();
  token = await tokenFor("read:users create:users update:users delete:users");
});
afterAll(async () => s.stop());

/** A Management API token of a client that was granted these scopes. */
async function tokenFor(scope: string): Promise<string> {
  const { tenant, description } = s.local;
  const grant = tenant.clientGrants.find((one) => one.client_id === description.management_client_id);
  if (grant) tenant.clientGrants[tenant.clientGrants.indexOf(grant)] = { ...grant, scope: scope.split(" ") };
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: description.management_client_id,
    client_secret: description.management_client_secret,
    audience: tenant.managementAudience,
  });
  return String((await post(description.token_endpoint, form)).body["access_token"]);
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  bearer: string | undefined = token,
): Promise<Answer> {
  const response = await fetch(`${s.settings.managementApi}${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      ...(bearer !== "" && { authorization: `Bearer ${bearer}` }),
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

const ada = `/users/${encodeURIComponent(ADA)}`;

test("app_metadata is merged at its first level only; null removes, and an empty one disappears", async () => {
  await ask("PATCH", ada, { app_metadata: { a: { x: 1 }, b: 2 }, user_metadata: { theme: "dark" } });
  await ask("PATCH", ada, { app_metadata: { a: { y: 2 } }, user_metadata: { theme: null } });
  expect((await ask("GET", ada)).body).toMatchObject({
    app_metadata: { a: { y: 2 }, b: 2 },
    user_metadata: {},
  });
  await ask("PATCH", ada, { app_metadata: { a: null, b: null } });
  expect((await ask("GET", ada)).body).not.toHaveProperty("app_metadata");
});

test("fields are included or left out as asked", async () => {
  expect((await ask("GET", `${ada}?fields=user_id,email`)).body).toEqual({
    user_id: ADA,
    email: "ada@acme.example",
  });
  const rest = (await ask("GET", `${ada}?fields=email,name&include_fields=false`)).body;
  expect(rest).toHaveProperty("user_id");
  expect(rest).not.toHaveProperty("email");
});

it.each<[string, () => Promise<Answer>, object]>([
  ["no token", async () => ask("GET", ada, undefined, ""), { statusCode: 401, error: "Unauthorized" }],
  [
    "a token that is none",
    async () => ask("GET", ada, undefined, "x.y.z"),
    { statusCode: 401, message: "Invalid token" },
  ],
  [
    "a user's token",
    async () =>
      ask("GET", ada, undefined, String((await s.exchange((await s.create(ADA)).key)).body["access_token"])),
    { statusCode: 401 },
  ],
  [
    "a missing scope",
    async () => ask("DELETE", ada, undefined, await tokenFor("read:users")),
    {
      statusCode: 403,
      message: "Insufficient scope, expected any of: delete:users",
      errorCode: "insufficient_scope",
    },
  ],
  [
    "an unknown user",
    async () => ask("GET", "/users/auth0%7Cnobody"),
    { statusCode: 404, message: "The user does not exist.", errorCode: "inexistent_user" },
  ],
  [
    "a taken email",
    async () =>
      ask("POST", "/users", { connection: "Username-Password-Authentication", email: "ada@acme.example" }),
    { statusCode: 409, errorCode: "auth0_idp_error" },
  ],
  [
    "an unknown connection",
    async () => ask("POST", "/users", { connection: "c", email: "x@acme.example" }),
    { statusCode: 400, errorCode: "inexistent_connection" },
  ],
  [
    "no connection",
    async () => ask("POST", "/users", { email: "x@acme.example" }),
    { statusCode: 400, errorCode: "invalid_body" },
  ],
  [
    "an unknown property",
    async () => ask("PATCH", ada, { colour: "blue" }),
    { statusCode: 400, errorCode: "invalid_body" },
  ],
  [
    "a metadata field with a dot",
    async () => ask("PATCH", ada, { app_metadata: { "a.b": 1 } }),
    { statusCode: 400, errorCode: "invalid_body" },
  ],
  ["no JSON", async () => ask("PATCH", ada, "{"), { statusCode: 400, errorCode: "invalid_body" }],
  [
    "a profile over 10 KB",
    async () => ask("PATCH", ada, { app_metadata: { pad: "x".repeat(10_240) } }),
    { statusCode: 400 },
  ],
  [
    "more than 1 MB",
    async () => ask("PATCH", ada, { app_metadata: { pad: "x".repeat(1_100_000) } }),
    { statusCode: 413 },
  ],
  [
    "an unknown query parameter",
    async () => ask("GET", "/users?colour=blue"),
    { statusCode: 400, errorCode: "invalid_query_string" },
  ],
  [
    "a page too large",
    async () => ask("GET", "/users?per_page=101"),
    { statusCode: 400, errorCode: "invalid_query_string" },
  ],
  ["an unknown path", async () => ask("GET", "/nothing"), { statusCode: 404, error: "Not Found" }],
])("%s is refused as Auth0 does it", async (_, work, expected) => {
  const answer = await work();
  expect(answer.body).toMatchObject(expected);
  expect(answer.status).toBe(answer.body["statusCode"]);
});

test("the client-credentials grant needs a client grant and the right grant type", async () => {
  const { description, tenant } = s.local;
  const form = {
    grant_type: "client_credentials",
    client_id: description.management_client_id,
    client_secret: description.management_client_secret,
  };
  const url = description.token_endpoint;
  expect(
    (await post(url, new URLSearchParams({ ...form, audience: "https://nowhere" }))).body[
      "error_description"
    ],
  ).toBe("Service not enabled within domain: https://nowhere");
  expect(
    (await post(url, new URLSearchParams({ ...form, audience: description.audience }))).body["error"],
  ).toBe("access_denied");
  const publicClient = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: description.client_id,
    audience: tenant.managementAudience,
  });
  expect([(await post(url, publicClient)).status, (await post(url, publicClient)).body["error"]]).toEqual([
    403,
    "unauthorized_client",
  ]);
});

test("a search finds a change after a while, a read by id or by email at once; it ends at 1,000", async () => {
  let nowMs = Date.now();
  const own = await stage({ nowMs: () => nowMs });
  const api = await manage(own, ["read:users", "update:users", "delete:users"]);
  nowMs += 1_000;
  const find = async () => {
    const { body } = await api("GET", "/users");
    const all = body as unknown as readonly { readonly user_id: string; readonly name?: string }[];
    return all.map(({ user_id, name }) => [user_id, name]);
  };
  const before = await find();
  await api("PATCH", ada, { name: "Countess" });
  await api("DELETE", `/users/${encodeURIComponent(GRACE)}`);
  nowMs += 999;
  const late = await find();
  expect((await api("GET", ada)).body["name"]).toBe("Countess");
  nowMs += 1;
  const now = await find();
  const tooFar = await api("GET", "/users?per_page=100&page=10");
  const last = await api("GET", "/users?per_page=100&page=9");
  await own.stop();
  expect(late).toEqual(before);
  expect(now).toEqual([[ADA, "Countess"]]);
  expect([tooFar.status, last.status]).toEqual([400, 200]);
});
