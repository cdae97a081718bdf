import { afterAll, beforeAll, expect, it, test } from "vitest";

import { deployAction } from "../../src/local/actions/run-action.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

test("the bundled Actions grant a key to its user, and say so in one line without the key", async () => {
  const { key, id } = await s.create(ADA);
  s.logs.length = 0;
  expect((await s.exchange(key)).status).toBe(200);
  expect(s.logs).toEqual([
    `api-keys-custom-token-exchange: {"event":"api_key_exchange","cause":"granted","key_id":"${id}"}`,
  ]);
});

test("one exchange is one request to Redis", async () => {
  const { key } = await s.create(ADA);
  const before = s.local.redisRequests();
  await s.exchange(key);
  expect(s.local.redisRequests() - before).toBe(1);
});

test("interleaved executions answer each for their own key", async () => {
  const made = await Promise.all(
    [ADA, "auth0|grace"].map(async (user) => ({ user, ...(await s.create(user)) })),
  );
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, at) => s.exchange(made[at % 2]?.key ?? "")),
  );
  const actors = answers.map(
    ({ body }) =>
      JSON.parse(Buffer.from(String(body["access_token"]).split(".")[1] ?? "", "base64url").toString()) as {
        sub: string;
        act: { sub: string };
      },
  );
  actors.forEach(({ sub, act }, at) =>
    expect([sub, act.sub]).toEqual([made[at % 2]?.user, `api-key|${made[at % 2]?.id}`]),
  );
});

/** Swaps the exchange Action's version for one with other secrets or code, as a deployment would. */
async function withAction(
  changes: { readonly code?: string; readonly secrets?: Record<string, string> },
  work: () => Promise<void>,
) {
  const { actions } = s.local.tenant;
  const [id, deployed] =
    [...actions].find(([, one]) => one.version.trigger === "custom-token-exchange") ?? [];
  if (id === undefined || !deployed) throw new Error("The stage has no exchange Action.");
  actions.set(id, deployAction({ ...deployed.version, ...changes }));
  await work().finally(() => actions.set(id, deployed));
}

it.each([
  ["no secrets at all", {}],
  [
    "a pepper that is none",
    {
      API_KEY_PEPPER: "hunter2",
      UPSTASH_REDIS_REST_URL: "http://127.0.0.1:9",
      UPSTASH_REDIS_REST_TOKEN: "t",
    },
  ],
  ["no database", { API_KEY_PEPPER: "A".repeat(43) }],
])("an Action with %s refuses everything, and tells nobody why but the operator", async (_, secrets) => {
  const { key } = await s.create(ADA);
  await withAction({ secrets }, async () => {
    s.logs.length = 0;
    const answer = await s.exchange(key);
    expect([answer.status, answer.body["error"]]).toEqual([500, "server_error"]);
    expect(s.logs.join()).toContain("unprepared");
    expect(s.logs.join()).not.toContain("hunter2");
  });
});

it.each([
  [
    "that throws",
    "exports.onExecuteCustomTokenExchange = async () => { throw new Error('secret detail'); };",
  ],
  ["that does not parse", "exports.onExecuteCustomTokenExchange = async () => {;"],
  ["that is no async function", "exports.onExecuteCustomTokenExchange = () => Promise.resolve();"],
  ["with another export", "exports.onContinuePostLogin = async () => {};"],
  [
    "that requires what it did not declare",
    "require('jose'); exports.onExecuteCustomTokenExchange = async () => {};",
  ],
  [
    "that imports at run time",
    "exports.onExecuteCustomTokenExchange = async () => { await import('node:fs'); };",
  ],
  [
    "with a bad argument",
    "exports.onExecuteCustomTokenExchange = async (event, api) => { api.access.deny('', 'x'); };",
  ],
])("an Action %s is a server error that says nothing of itself", async (_, code) => {
  await withAction({ code }, async () => {
    const answer = await s.exchange("whatever");
    expect([answer.status, answer.body["error"]]).toEqual([500, "server_error"]);
    expect(answer.text).not.toContain("secret detail");
  });
});

it.each([
  ["no user", "", "invalid_request"],
  [
    "two users",
    "api.authentication.setUserById('auth0|ada'); api.authentication.setUserById('auth0|grace');",
    "invalid_request",
  ],
  [
    "a user and then a denial",
    "api.authentication.setUserById('auth0|ada'); api.access.deny('own_code', 'no');",
    "own_code",
  ],
  [
    "a denial and then a user",
    "api.access.deny('own_code', 'no'); api.authentication.setUserById('auth0|ada');",
    "own_code",
  ],
])("an Action that records %s grants nothing", async (_, body, error) => {
  const code = `exports.onExecuteCustomTokenExchange = async (event, api) => { ${body} };`;
  await withAction({ code }, async () => {
    const answer = await s.exchange("whatever");
    expect([answer.status, answer.body["error"]]).toEqual([400, error]);
  });
});

test("an actor rules out a refresh token; without one it is issued", async () => {
  const api = s.local.tenant.resourceServers.get("https://api.acme.example");
  if (api) s.local.tenant.resourceServers.set(api.identifier, { ...api, allow_offline_access: true });
  const { key } = await s.create(ADA);
  const scope = { scope: "offline_access read:things" };
  expect((await s.exchange(key, scope)).body).not.toHaveProperty("refresh_token");
  const code =
    "exports.onExecuteCustomTokenExchange = async (event, api) => { api.authentication.setUserById('auth0|ada'); };";
  await withAction({ code }, async () => {
    const { postLoginBindings } = s.local.tenant;
    const bound = postLoginBindings.splice(0);
    expect((await s.exchange(key, scope)).body).toHaveProperty("refresh_token");
    postLoginBindings.push(...bound);
  });
});

test("what Auth0 keeps of the console is cut to 256 characters", async () => {
  const code =
    "exports.onExecuteCustomTokenExchange = async (event, api) => { console.log('x'.repeat(1000)); api.access.deny('a', 'b'); };";
  await withAction({ code }, async () => {
    s.logs.length = 0;
    await s.exchange("whatever");
    expect(s.logs[0]).toBe(`api-keys-custom-token-exchange: ${"x".repeat(256)}`);
  });
});
