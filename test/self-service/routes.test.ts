import { afterAll, beforeAll, expect, test } from "vitest";

import { ADA, AUDIENCE, CLIENT_ID, OTHER_AUDIENCE, OTHER_CLIENT_ID } from "../support/stage.ts";
import { keyIn, selfServiceStage, type SelfServiceStage, type ShownKey } from "../support/self-service.ts";

let stage: SelfServiceStage;
let token: string;
beforeAll(async () => {
  stage = await selfServiceStage({ config: { lastUsed: true } });
  token = await stage.tokenOf(ADA);
});
afterAll(async () => stage.stop());

const call: SelfServiceStage["call"] = async (method, path, options) =>
  stage.call(method, path, { token, ...options });
const list = async () => (await call("GET", "/api-keys")).body["api_keys"] as ShownKey[];

test("the whole life of a key: made, used, renamed, switched off and on, rotated, revoked", async () => {
  const made = await call("POST", "/api-keys", {
    body: { name: "laptop", scopes: ["read:things"], expires_in_days: 30 },
  });
  expect(made.status).toBe(201);
  const key = made.body["key"] as string;
  const { id, hint } = keyIn(made);
  expect(key.startsWith(String(hint).replace("…", ""))).toBe(true);
  expect(keyIn(made)).toMatchObject({ status: "active", scopes: ["read:things"], last_used: null });
  expect((await stage.s.exchange(key)).status).toBe(200);
  const used = keyIn(await call("GET", `/api-keys/${id}`));
  expect(used["last_used"]).toMatchObject({ count: 1, ip: "127.0.0.1" });

  const renamed = await call("PATCH", `/api-keys/${id}`, { body: { name: "desktop", disabled: true } });
  expect(keyIn(renamed)).toMatchObject({ name: "desktop", status: "disabled" });
  expect((await stage.s.exchange(key)).status).toBe(400);
  await call("PATCH", `/api-keys/${id}`, { body: { disabled: false } });
  expect((await stage.s.exchange(key)).status).toBe(200);

  const rotated = await call("POST", `/api-keys/${id}/rotate`, { body: { overlap_seconds: 3_600 } });
  const second = rotated.body["key"] as string;
  expect(keyIn(rotated)["rotation"]).not.toBeNull();
  expect([(await stage.s.exchange(key)).status, (await stage.s.exchange(second)).status]).toEqual([200, 200]);
  expect((await call("POST", `/api-keys/${id}/rotate`)).body["code"]).toBe("rotation_under_way");
  await call("POST", `/api-keys/${id}/cancel-rotation`);
  expect([(await stage.s.exchange(key)).status, (await stage.s.exchange(second)).status]).toEqual([200, 400]);

  const third = (await call("POST", `/api-keys/${id}/rotate`)).body["key"] as string;
  await call("POST", `/api-keys/${id}/end-overlap`);
  expect([(await stage.s.exchange(key)).status, (await stage.s.exchange(third)).status]).toEqual([400, 200]);
  expect((await call("POST", `/api-keys/${id}/end-overlap`)).body["code"]).toBe("no_rotation_under_way");

  expect((await call("DELETE", `/api-keys/${id}`)).status).toBe(204);
  expect((await call("DELETE", `/api-keys/${id}`)).status).toBe(204);
  expect((await stage.s.exchange(third)).status).toBe(400);
  expect((await call("POST", `/api-keys/${id}/rotate`)).body["code"]).toBe("key_dead");
  expect(keyIn(await call("GET", `/api-keys/${id}`))).toMatchObject({
    status: "revoked",
    revoked_reason: "revoked by its user",
  });
});

test("a key is shown once: no later answer, error or log has it", async () => {
  const made = await call("POST", "/api-keys", { body: { name: "once", scopes: [] } });
  const key = made.body["key"] as string;
  const { id } = keyIn(made);
  const answers = [
    await call("GET", "/api-keys"),
    await call("GET", `/api-keys/${id}`),
    await call("PATCH", `/api-keys/${id}`, { body: { name: "still once" } }),
    await call("POST", "/api-keys", { body: { name: "still once", scopes: [] } }),
    await call("DELETE", `/api-keys/${id}`),
  ];
  const secret = key.slice(-38);
  for (const { text } of answers) expect(text).not.toContain(secret);
  expect(JSON.stringify([stage.s.logs, stage.s.local.tenant.logs, stage.errors])).not.toContain(secret);
});

test("keys are listed newest first, with a hash of none", async () => {
  const names = ["first", "second"];
  for (const name of names) await call("POST", "/api-keys", { body: { name, scopes: [] } });
  const keys = await list();
  expect(keys.map(({ created_at }) => created_at)).toEqual(
    keys.map(({ created_at }) => created_at).toSorted((a, b) => String(b).localeCompare(String(a))),
  );
  expect(JSON.stringify(keys)).not.toMatch(/hash|"v"/);
});

test("/scopes says what may be given, and how a key is exchanged", async () => {
  const { body } = await call("GET", "/scopes");
  expect(body["scopes"]).toEqual([
    { value: "read:things", description: "Read", audience: AUDIENCE },
    { value: "write:things", description: "Write", audience: AUDIENCE },
    { value: "delete:things", description: "Delete", audience: AUDIENCE },
    { value: "read:bills", description: "Read bills", audience: OTHER_AUDIENCE },
  ]);
  expect(body["policy"]).toMatchObject({ max_keys: 20, allow_no_expiry: true, default_lifetime_days: 90 });
  expect(body["exchange"]).toEqual({
    token_endpoint: stage.s.local.description.token_endpoint,
    subject_token_type: "urn:acme:api-key",
    client_ids: [CLIENT_ID, OTHER_CLIENT_ID],
  });
});

test.each<[string, object, number, string]>([
  ["a scope that is none", { scopes: ["root"] }, 422, "scope_not_grantable"],
  ["a scope of another API", { scopes: ["read:bills"], audiences: [AUDIENCE] }, 422, "scope_not_grantable"],
  ["two scopes in one", { scopes: ["read:things write:things"] }, 422, "scope_not_grantable"],
  ["an API that is none", { audiences: ["https://nobody.example"] }, 422, "audience_unknown"],
  ["an organization of others", { organization_id: "org_0000000000000000" }, 422, "organization_not_allowed"],
  ["a range that is none", { ip_ranges: ["300.1.1.1"] }, 422, "ip_range_invalid"],
  ["a lifetime over the policy", { expires_in_days: 400 }, 422, "lifetime_not_allowed"],
  ["a name with a line break", { name: "a\nb" }, 422, "name_invalid"],
  ["a name of another key", { name: "taken" }, 409, "name_taken"],
  ["no name", { name: "" }, 400, "invalid_request"],
  ["a lifetime of 0", { expires_in_days: 0 }, 400, "invalid_request"],
  ["a field that is none", { client_ids: [CLIENT_ID] }, 400, "invalid_request"],
  ["a prototype", JSON.parse('{"__proto__":{"name":"x"}}') as object, 400, "invalid_request"],
])("%s is refused, and nothing is made", async (_, changes, status, code) => {
  await call("POST", "/api-keys", { body: { name: "taken", scopes: [] } });
  const before = (await list()).length;
  const body = JSON.stringify({ name: `n${Math.random()}`, scopes: [], ...changes });
  const raw = _ === "a prototype" ? '{"name":"x","scopes":[],"__proto__":{"a":1}}' : body;
  const answer = await call("POST", "/api-keys", { body: raw });
  expect([answer.status, answer.body["code"]]).toEqual([status, code]);
  expect((await list()).length).toBe(before);
});

test.each<[string, { readonly body?: string; readonly headers?: Record<string, string> }, number, string]>([
  [
    "no content type",
    { body: "{}", headers: { "content-type": "text/plain" } },
    415,
    "unsupported_media_type",
  ],
  ["no body", {}, 415, "unsupported_media_type"],
  ["no JSON", { body: "{" }, 400, "invalid_request"],
  ["a list", { body: "[]" }, 400, "invalid_request"],
  ["ten thousand brackets", { body: "[".repeat(10_000) }, 400, "invalid_request"],
  ["65 KiB", { body: `{"name":"${"x".repeat(65 * 1024)}"}` }, 413, "content_too_large"],
])("a request with %s is refused", async (_, request, status, code) => {
  const answer = await call("POST", "/api-keys", request);
  expect([answer.status, answer.body["code"]]).toEqual([status, code]);
});

test("a body without an announced length is read no further than the limit", async () => {
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1_024;
      controller.enqueue(new Uint8Array(1_024).fill(32));
    },
  });
  const request = new Request("http://self-service.example/api-keys", {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body,
    duplex: "half",
  });
  expect((await stage.handler(request)).status).toBe(413);
  expect(sent).toBeLessThan(128 * 1024);
});
