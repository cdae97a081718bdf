import { afterEach, expect, test } from "vitest";

import { deploySource, newAction } from "../../src/local/management/action-state.ts";
import { keyIn, selfServiceStage, type SelfServiceStage, type ShownKey } from "../support/self-service.ts";
import { ADA, AUDIENCE, GRACE, OTHER_AUDIENCE, claimsOf, type Stage } from "../support/stage.ts";

let stage: SelfServiceStage;
afterEach(async () => stage.stop());

const ONE = "org_0000000000000001";
const OTHER = "org_0000000000000002";

function addOrganizations({ local: { tenant } }: Stage): void {
  for (const [id, name, members] of [
    [ONE, "one", [ADA]],
    [OTHER, "other", [ADA, GRACE]],
  ] as const) {
    tenant.organizations.set(id, {
      id,
      name,
      display_name: name,
      members: new Set(members),
      enabledConnections: new Set(tenant.connections.keys()),
    });
  }
}

function setApi({ local: { tenant } }: Stage, change: object, audience = AUDIENCE): void {
  const api = tenant.resourceServers.get(audience);
  if (api) tenant.resourceServers.set(audience, { ...api, ...change });
}

const valuesOf = (scopes: unknown) => (scopes as { value: string }[]).map(({ value }) => value);

test("with RBAC, a user may give what the user's permissions hold, direct or by roles", async () => {
  stage = await selfServiceStage();
  const { tenant } = stage.s.local;
  setApi(stage.s, { enforce_policies: true });
  const permission = (permission_name: string, resource_server_identifier = AUDIENCE) => ({
    permission_name,
    resource_server_identifier,
  });
  tenant.userPermissions.set(ADA, [permission("read:things"), permission("write:things", OTHER_AUDIENCE)]);
  const role = { id: "rol_1", name: "deleter", description: "", permissions: [permission("delete:things")] };
  tenant.roles.set(role.id, role);
  tenant.userRoles.set(ADA, new Set([role.id]));
  const [ada, grace] = await Promise.all([stage.tokenOf(ADA), stage.tokenOf(GRACE)]);
  const scopes = async (token: string) =>
    valuesOf((await stage.call("GET", "/scopes", { token })).body["scopes"]);
  expect(await scopes(ada)).toEqual(["read:things", "delete:things", "read:bills"]);
  expect(await scopes(grace)).toEqual(["read:bills"]);
  const ask = async (scope: string) =>
    stage.call("POST", "/api-keys", { token: ada, body: { name: scope, scopes: [scope] } });
  expect((await ask("write:things")).body["code"]).toBe("scope_not_grantable");
  const key = (await ask("delete:things")).body["key"] as string;
  const token = (await stage.s.exchange(key, { scope: "delete:things" })).body["access_token"];
  expect(claimsOf(token)["scope"]).toBe("delete:things");
  // Whoever loses the right loses it in the keys that exist, too: Auth0 decides at each exchange.
  tenant.userRoles.delete(ADA);
  const later = (await stage.s.exchange(key, { scope: "delete:things" })).body["access_token"];
  expect(claimsOf(later)).not.toHaveProperty("scope");
});

test("an API whose tokens list permissions is not offered, and no key of self-service is for it", async () => {
  stage = await selfServiceStage();
  setApi(stage.s, { enforce_policies: true, token_dialect: "access_token_authz" });
  const token = await stage.tokenOf(ADA);
  const { body } = await stage.call("GET", "/scopes", { token });
  expect(valuesOf(body["scopes"])).toEqual(["read:bills"]);
  const made = await stage.call("POST", "/api-keys", { token, body: { name: "a", scopes: ["read:bills"] } });
  expect(keyIn(made)["audiences"]).toEqual([OTHER_AUDIENCE]);
  const asked = { name: "b", scopes: [], audiences: [AUDIENCE] };
  expect((await stage.call("POST", "/api-keys", { token, body: asked })).body["code"]).toBe(
    "audience_unknown",
  );
});

test("a user binds keys to organizations of the user's own; a token of one sees its keys alone", async () => {
  stage = await selfServiceStage();
  addOrganizations(stage.s);
  const personal = await stage.tokenOf(ADA);
  const inOne = await stage.tokenOf(ADA, { organization: "one" });
  const make = async (token: string, name: string, organization_id?: string) =>
    stage.call("POST", "/api-keys", {
      token,
      body: { name, scopes: ["read:things"], ...(organization_id && { organization_id }) },
    });
  await make(personal, "personal");
  await make(personal, "of other", OTHER);
  const bound = await make(inOne, "of one");
  expect(keyIn(bound)["organization_id"]).toBe(ONE);
  const exchanged = await stage.s.exchange(bound.body["key"] as string);
  expect(claimsOf(exchanged.body["access_token"])["org_id"]).toBe(ONE);
  expect((await make(inOne, "elsewhere", OTHER)).body["code"]).toBe("organization_not_allowed");
  const grace = await stage.tokenOf(GRACE);
  expect((await make(grace, "not a member", ONE)).body["code"]).toBe("organization_not_allowed");

  const names = async (token: string) =>
    ((await stage.call("GET", "/api-keys", { token })).body["api_keys"] as ShownKey[])
      .map(({ name }) => name)
      .toSorted();
  expect(await names(personal)).toEqual(["of one", "of other", "personal"]);
  expect(await names(inOne)).toEqual(["of one"]);
  const scopes = await stage.call("GET", "/scopes", { token: inOne });
  expect(scopes.body).toMatchObject({ organization_id: ONE, organizations: [{ id: ONE, name: "one" }] });
});

test("a member of more organizations than Auth0 lists may bind keys to each of them", async () => {
  stage = await selfServiceStage();
  const { tenant } = stage.s.local;
  const enabledConnections = new Set(tenant.connections.keys());
  const ids = Array.from({ length: 1_001 }, (_, at) => `org_${String(at).padStart(16, "0")}`);
  const of = (id: string, member: string) =>
    tenant.organizations.set(id, {
      id,
      name: id,
      display_name: id,
      members: new Set([member]),
      enabledConnections,
    });
  for (const id of ids) of(id, ADA);
  of(OTHER.replace("2", "x"), GRACE);
  const last = ids.at(-1) ?? "";
  const [personal, inLast] = [await stage.tokenOf(ADA), await stage.tokenOf(ADA, { organization: last })];
  const make = async (token: string, name: string, organization_id?: string) =>
    stage.call("POST", "/api-keys", {
      token,
      body: { name, scopes: ["read:things"], ...(organization_id !== undefined && { organization_id }) },
    });
  for (const made of [await make(personal, "named", last), await make(inLast, "of the token")]) {
    expect([made.status, keyIn(made)["organization_id"]]).toEqual([201, last]);
    const { body } = await stage.s.exchange(String(made.body["key"]));
    expect(claimsOf(body["access_token"])["org_id"]).toBe(last);
  }
  expect((await make(inLast, "of another", ids[0])).body["code"]).toBe("organization_not_allowed");
  const { body } = await stage.call("GET", "/scopes", { token: inLast });
  expect(body["organizations"]).toEqual([{ id: last, name: null }]);
  // That the list is cut proves no membership: Auth0 looks at it at each exchange.
  const foreign = await make(personal, "of no member", OTHER.replace("2", "x"));
  expect((await stage.s.exchange(String(foreign.body["key"]))).status).toBe(400);
});

test("where a recent login is demanded, an older one makes no key, rotates none, and still revokes", async () => {
  const claim = "https://acme.example/auth_time";
  let loggedInAgoSeconds = 0;
  stage = await selfServiceStage({ handler: { recentLogin: { maxAgeSeconds: 300, claim } } });
  const { tenant } = stage.s.local;
  const install = (code: string) => {
    const action = newAction(tenant, {
      name: `login-${Math.random()}`,
      trigger: "post-login",
      draft: { code, dependencies: [], runtime: "node22", secrets: [] },
    });
    deploySource(tenant, action, action.draft, true);
    tenant.postLoginBindings.splice(1);
    tenant.postLoginBindings.push({
      id: action.id,
      action_id: action.id,
      display_name: action.name,
      created_at: "",
    });
  };
  const tokenAged = async (ageSeconds: number | string) => {
    loggedInAgoSeconds = Number(ageSeconds);
    const value =
      typeof ageSeconds === "string" ? '"now"' : `Math.floor(Date.now() / 1000) - (${loggedInAgoSeconds})`;
    install(
      `exports.onExecutePostLogin = async (event, api) => { api.accessToken.setCustomClaim("${claim}", ${value}); };`,
    );
    return stage.tokenOf(ADA);
  };
  const fresh = await tokenAged(0);
  const body = { name: "fresh", scopes: [] };
  const made = await stage.call("POST", "/api-keys", { token: fresh, body });
  expect(made.status).toBe(201);
  const { id } = keyIn(made);
  for (const age of [400, -100, "text"] as const) {
    const token = await tokenAged(age);
    for (const [method, path, sent] of [
      ["POST", "/api-keys", { name: "late", scopes: [] }],
      ["POST", `/api-keys/${id}/rotate`, {}],
      ["POST", `/api-keys/${id}/cancel-rotation`, undefined],
      ["POST", `/api-keys/${id}/end-overlap`, undefined],
      ["PATCH", `/api-keys/${id}`, { disabled: false }],
    ] as const) {
      const answer = await stage.call(method, path, { token, body: sent });
      expect([age, answer.status, answer.body["code"]]).toEqual([age, 401, "recent_login_required"]);
      expect(answer.headers.get("www-authenticate")).toBe(
        'Bearer error="insufficient_user_authentication", max_age="300"',
      );
    }
  }
  const old = await tokenAged(400);
  expect(
    (await stage.call("PATCH", `/api-keys/${id}`, { token: old, body: { disabled: true } })).status,
  ).toBe(200);
  expect((await stage.call("DELETE", `/api-keys/${id}`, { token: old })).status).toBe(204);
});

test("a user's requests are counted in a minute, whatever process they come to; changes are fewer", async () => {
  stage = await selfServiceStage({ handler: { rateLimit: { requestsPerMinute: 6, changesPerMinute: 2 } } });
  const [ada, grace] = await Promise.all([stage.tokenOf(ADA), stage.tokenOf(GRACE)]);
  const statuses: number[] = [];
  for (let at = 0; at < 3; at++) {
    const body = { name: `n${at}`, scopes: [] };
    statuses.push((await stage.call("POST", "/api-keys", { token: ada, body })).status);
  }
  for (let at = 0; at < 4; at++) statuses.push((await stage.call("GET", "/api-keys", { token: ada })).status);
  // On the stroke of a minute a new window begins: then one more may pass.
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1);
  expect(statuses.slice(0, 2)).toEqual([201, 201]);
  expect((await stage.call("GET", "/api-keys", { token: grace })).status).toBe(200);
});

test("without Redis keys are still listed, and nothing is changed", async () => {
  stage = await selfServiceStage({ config: { lastUsed: true } });
  const token = await stage.tokenOf(ADA);
  const body = { name: "before", scopes: [] };
  await stage.call("POST", "/api-keys", { token, body });
  Object.assign(stage.s.local.redis, { execute: async () => Promise.reject(new Error("down")) });
  const listed = await stage.call("GET", "/api-keys", { token });
  expect((listed.body["api_keys"] as ShownKey[]).map(({ name }) => name)).toEqual(["before"]);
  const refused = await stage.call("POST", "/api-keys", { token, body: { name: "after", scopes: [] } });
  expect([refused.status, refused.body["code"]]).toEqual([503, "temporarily_unavailable"]);
  expect(refused.headers.get("retry-after")).toMatch(/^[2-9]$/);
  expect(refused.text).not.toMatch(/redis/i);
});

test("pages of other origins may call it only if they are configured", async () => {
  const origin = "https://app.acme.example";
  stage = await selfServiceStage({ handler: { corsOrigins: [origin] } });
  const preflight = async (from: string) => {
    const headers = {
      origin: from,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,idempotency-key",
    };
    const request = new Request("http://self-service.example/api-keys", { method: "OPTIONS", headers });
    return (await stage.handler(request)).headers.get("access-control-allow-origin");
  };
  expect(await preflight(origin)).toBe(origin);
  for (const from of ["https://evil.example", "null", `${origin}.evil.example`, "http://app.acme.example"]) {
    expect(await preflight(from)).toBeNull();
  }
  const refused = await stage.call("GET", "/api-keys", { headers: { origin } });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, origin]);
});

test("every scope that is offered is taken, all 300 of them in one key", async () => {
  const scopes = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`r:${at}`, ""]));
  stage = await selfServiceStage({ config: { apis: [{ identifier: AUDIENCE, scopes }] } });
  const token = await stage.tokenOf(ADA);
  const offered = valuesOf((await stage.call("GET", "/scopes", { token })).body["scopes"]);
  expect(offered).toHaveLength(300);
  const made = await stage.call("POST", "/api-keys", { token, body: { name: "all", scopes: offered } });
  expect([made.status, keyIn(made)["scopes"]]).toEqual([201, offered]);
});

test("1,001 scopes are offered as 1,000, which is what a request may name", async () => {
  const scopes = Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`r:${at}`, ""]));
  stage = await selfServiceStage({ config: { apis: [{ identifier: AUDIENCE, scopes }] } });
  const token = await stage.tokenOf(ADA);
  const offered = valuesOf((await stage.call("GET", "/scopes", { token })).body["scopes"]);
  expect(offered).toHaveLength(1_000);
  const codeOf = async (asked: readonly string[]) =>
    (await stage.call("POST", "/api-keys", { token, body: { name: "all", scopes: asked } })).body["code"];
  expect(await codeOf(offered)).toBeUndefined();
  expect(await codeOf([...offered, "r:1000"])).toBe("invalid_request");
});
