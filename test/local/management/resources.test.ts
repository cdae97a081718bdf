import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { newClock } from "../../support/clock.ts";
import { stoppedClock } from "../../support/clock.ts";
import { manage, type Manage, type ManagementAnswer } from "../../support/management.ts";
import { AUDIENCE, CLIENT_ID, stage, SUBJECT_TOKEN_TYPE, type Stage } from "../../support/stage.ts";

let s: Stage;
let api: Manage;
const clock = newClock();
beforeAll(async () => {
  s = await stage({ nowMs: clock.nowMs });
  await clock.sleep(5_000);
  api = await manage(s);
});
afterAll(async () => s.stop());

describe("token exchange profiles", () => {
  const path = "/token-exchange-profiles";
  const profile = (more: object = {}) => ({
    name: "Another",
    type: "custom_authentication",
    subject_token_type: "urn:acme:other",
    action_id: [...s.local.tenant.profiles.values()][0]?.action_id,
    ...more,
  });

  test.each([
    ["a reserved namespace", { subject_token_type: "urn:ietf:params:oauth:token-type:jwt" }, 400],
    ["a type that is too short", { subject_token_type: "urn:a:b" }, 400],
    ["a type that is taken", { subject_token_type: SUBJECT_TOKEN_TYPE }, 409],
    ["an unknown Action", { action_id: "none" }, 400],
    ["an unknown field", { enabled: true }, 400],
  ])("refuses %s", async (_, more, status) => {
    expect((await api("POST", path, profile(more))).status).toBe(status);
  });

  test("refuses an Action of another trigger", async () => {
    const action_id = s.local.tenant.postLoginBindings[0]?.action_id;
    const { status, body } = await api("POST", path, profile({ action_id }));
    expect(status).toBe(400);
    expect(body["message"]).toBe("Action must have supported_triggers: custom-token-exchange");
  });

  test("changes name and type alone, and pages by checkpoint", async () => {
    const { status, body } = await api("POST", path, profile());
    expect(status).toBe(201);
    expect(body["id"]).toMatch(/^tep_[0-9A-Za-z]{16}$/);
    const renamed = await api("PATCH", `${path}/${body["id"]}`, { name: "Renamed" });
    expect(renamed.body).toMatchObject({ name: "Renamed", subject_token_type: "urn:acme:other" });
    expect((await api("PATCH", `${path}/${body["id"]}`, { action_id: "x" })).status).toBe(400);
    const first = await api("GET", `${path}?take=1`);
    expect(first.body["token_exchange_profiles"]).toHaveLength(1);
    const next = await api("GET", `${path}?take=1&from=${String(first.body["next"])}`);
    expect(next.body).toMatchObject({ token_exchange_profiles: [{ name: "Renamed" }] });
    expect(next.body).not.toHaveProperty("next");
    expect((await api("DELETE", `${path}/${body["id"]}`)).status).toBe(204);
    expect((await api("GET", `${path}/${body["id"]}`)).body["message"]).toBe(
      "Token exchange profile not found.",
    );
  });

  test("an Action that a profile names cannot be deleted", async () => {
    const { status } = await api("DELETE", `/actions/actions/${profile().action_id}?force=true`);
    expect(status).toBe(400);
  });

  test("are refused where the plan does not include them", async () => {
    s.local.tenant.isEntitledToTokenExchange = false;
    const { status, body } = await api("GET", path);
    s.local.tenant.isEntitledToTokenExchange = true;
    expect([status, body["errorCode"]]).toEqual([403, "insufficient_entitlement"]);
  });
});

describe("clients", () => {
  test("a client's secret stays hidden, fields are chosen, and token_exchange is removed with null", async () => {
    const id = s.local.description.management_client_id;
    expect((await api("GET", `/clients/${id}`)).body).not.toHaveProperty("client_secret");
    const { body } = await api("GET", `/clients/${CLIENT_ID}?fields=client_id,token_exchange`);
    expect(Object.keys(body).toSorted()).toEqual(["client_id", "token_exchange"]);
    const types = ["custom_authentication", "on_behalf_of_token_exchange"];
    await api("PATCH", `/clients/${CLIENT_ID}`, { token_exchange: { allow_any_profile_of_type: types } });
    expect(s.local.tenant.clients.get(CLIENT_ID)?.token_exchange?.allow_any_profile_of_type).toEqual(types);
    const removed = await api("PATCH", `/clients/${CLIENT_ID}`, { token_exchange: null });
    expect(removed.body).not.toHaveProperty("token_exchange");
    expect((await api("GET", "/clients/none")).body).toMatchObject({ errorCode: "inexistent_client" });
  });
});

describe("resource servers", () => {
  test("one is found by its encoded identifier; a change replaces the scopes", async () => {
    const path = `/resource-servers/${encodeURIComponent(AUDIENCE)}`;
    const { body } = await api("PATCH", path, { scopes: [{ value: "read:it", description: "Read" }] });
    expect(body).toMatchObject({ identifier: AUDIENCE, scopes: [{ value: "read:it", description: "Read" }] });
    expect((await api("GET", `/resource-servers/${body["id"]}`)).body).toEqual(body);
  });

  test("a new one asks for consent, and its identifier is taken once", async () => {
    const create = async () => api("POST", "/resource-servers", { identifier: "https://new.example" });
    expect((await create()).body).toMatchObject({
      skip_consent_for_verifiable_first_party_clients: false,
      token_lifetime: 86_400,
      allow_offline_access: false,
    });
    expect((await create()).status).toBe(409);
    await api("DELETE", `/resource-servers/${encodeURIComponent("https://new.example")}`);
    const { body } = await api("GET", `/resource-servers/${encodeURIComponent("https://new.example")}`);
    expect(body["errorCode"]).toBe("inexistent_resource_server");
  });
});

test("a change of the throttling of addresses merges into its stages", async () => {
  const path = "/attack-protection/suspicious-ip-throttling";
  const before = (await api("GET", path)).body;
  const stage = { "pre-custom-token-exchange": { max_attempts: 20 } };
  const { body } = await api("PATCH", path, { stage });
  expect(body).toEqual({
    ...before,
    stage: {
      ...(before["stage"] as object),
      "pre-custom-token-exchange": { max_attempts: 20, rate: 600_000 },
    },
  });
});

test("a connection is enabled for clients one by one", async () => {
  const { body } = await api("GET", "/connections?name=Username-Password-Authentication");
  const id = (body as unknown as readonly { readonly id: string }[])[0]?.id;
  const clients = (await api("GET", `/connections/${id}/clients`)).body["clients"];
  expect(clients).toContainEqual({ client_id: CLIENT_ID });
});

test("each endpoint asks for its scope", async () => {
  const few = await manage(s, ["read:users"]);
  for (const [method, path, scope] of [
    ["GET", "/actions/actions", "read:actions"],
    ["POST", "/actions/actions", "create:actions"],
    ["PATCH", "/actions/triggers/post-login/bindings", "update:actions"],
    ["GET", "/token-exchange-profiles", "read:token_exchange_profiles"],
    ["GET", "/guardian/policies", "read:mfa_policies"],
    ["GET", "/connections", "read:connections"],
    ["PATCH", `/clients/${CLIENT_ID}`, "update:clients"],
    ["POST", "/resource-servers", "create:resource_servers"],
  ] as const) {
    const { status, body } = await few(method, path, method === "GET" ? undefined : {});
    expect([path, status, body["errorCode"]]).toEqual([path, 403, "insufficient_scope"]);
    expect(body["message"]).toContain(scope);
  }
});

test("the rate limit shows in headers, and answers 429 once it is used up", async () => {
  const { nowMs } = stoppedClock();
  const limited = await stage({ plan: "enterprise", nowMs });
  try {
    const call = await manage(limited);
    const answers: ManagementAnswer[] = [];
    for (let at = 0; at < 51; at++) answers.push(await call("GET", "/guardian/policies"));
    expect(answers[0]?.headers.get("x-ratelimit-limit")).toBe("50");
    expect(answers.map(({ headers }) => Number(headers.get("x-ratelimit-remaining")))).toEqual([
      ...Array.from({ length: 50 }, (_, at) => 49 - at),
      0,
    ]);
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array<number>(50).fill(answers[0]?.status ?? 0),
      429,
    ]);
    expect(answers[50]?.body["errorCode"]).toBe("too_many_requests");
    expect(Number(answers[50]?.headers.get("x-ratelimit-reset"))).toBe(Math.ceil((nowMs() + 63) / 1000));
  } finally {
    await limited.stop();
  }
});

test.each([
  ["free", "/users", 10, 2],
  ["professional", "/users", 10, 2.5],
  ["professional", "/connections", 5, 50 / 60],
  ["professional", "/organizations", 5, 50 / 60],
  ["enterprise-nonproduction", "/connections", 10, 2],
  ["enterprise", "/users", 50, 16],
] as const)("on the plan %s, %s takes %i at once, and %d a second", async (plan, path, burst, perSecond) => {
  const clock = stoppedClock();
  const limited = await stage({ plan, nowMs: clock.nowMs });
  try {
    const call = await manage(limited);
    const countAllowed = async () => {
      for (let count = 0; ; count++) if ((await call("GET", path)).status === 429) return count;
    };
    expect(await countAllowed()).toBe(burst);
    await clock.sleep(4_000);
    expect(await countAllowed()).toBe(Math.min(burst, Math.floor(4 * perSecond)));
    // What is used up of one kind is not of another.
    const other = path === "/users" ? "/connections" : "/users";
    const isOwn = plan === "professional";
    expect((await call("GET", other)).status === 200).toBe(isOwn);
  } finally {
    await limited.stop();
  }
});

test("the smallest plan with Custom Token Exchange is the default; the free one has none", async () => {
  const [usual, free] = [await stage({ limits: true }), await stage({ plan: "free" })];
  expect(usual.local.tenant.managementRate("users")?.size).toBe(10);
  expect(usual.local.tenant.exchangeRate?.size).toBe(4);
  expect([usual, free].map((one) => one.local.tenant.isEntitledToTokenExchange)).toEqual([true, false]);
  await Promise.all([usual.stop(), free.stop()]);
});
