import { createHash, createHmac } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { derivedBytes, derivedName } from "../../src/core/derived-bytes.ts";
import { unseal } from "../../src/core/sealed-json.ts";
import { createApiKeysHandler } from "../../src/self-service/index.ts";
import { SELF_SERVICE } from "../support/log-in.ts";
import { keyIn, selfServiceStage, type SelfServiceStage, type ShownKey } from "../support/self-service.ts";
import { ADA, GRACE, type Answer } from "../support/stage.ts";

let stage: SelfServiceStage;
let ada: string;
let grace: string;
beforeAll(async () => {
  stage = await selfServiceStage({ config: { policy: { maxKeysPerUser: 5, allowNoExpiry: true } } });
  [ada, grace] = await Promise.all([stage.tokenOf(ADA), stage.tokenOf(GRACE)]);
});
afterAll(async () => stage.stop());

const create = async (
  name: string,
  idempotencyKey: string | undefined,
  token = ada,
  more: object = {},
): Promise<Answer> =>
  stage.call("POST", "/api-keys", {
    token,
    body: { name, scopes: ["read:things"], ...more },
    ...(idempotencyKey !== undefined && { headers: { "idempotency-key": idempotencyKey } }),
  });
const living = async (token = ada): Promise<ShownKey[]> => {
  const { body } = await stage.call("GET", "/api-keys", { token });
  return (body["api_keys"] as ShownKey[]).filter(({ status }) => status !== "revoked");
};
const revokeAll = async (token = ada) => {
  for (const { id } of await living(token)) await stage.call("DELETE", `/api-keys/${id}`, { token });
};

test("a double click makes one key, and both answers show it", async () => {
  await revokeAll();
  const answers = await Promise.all(Array.from({ length: 4 }, async () => create("double click", "click-1")));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(new Set(answers.map(({ body }) => body["key"])).size).toBe(1);
  expect(await living()).toHaveLength(1);
  expect((await stage.s.exchange(answers[0]?.body["key"] as string)).status).toBe(200);
});

test("two tabs at once respect the limit, and the name", async () => {
  await revokeAll();
  const answers = await Promise.all(
    Array.from({ length: 9 }, async (_, at) => create(`tab ${at}`, `tab-${at}`)),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
  const refused = answers.filter(({ status }) => status !== 201);
  expect(new Set(refused.map(({ body }) => body["code"]))).toEqual(new Set(["key_limit_reached"]));
  await revokeAll();
  const same = await Promise.all([create("same", "same-1"), create("same", "same-2")]);
  expect(same.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409]);
});

test("the same Idempotency-Key shows another user another key, and never the first", async () => {
  await Promise.all([revokeAll(), revokeAll(grace)]);
  const [first, others, again] = [
    await create("shared", "shared"),
    await create("shared", "shared", grace),
    await create("shared", "shared"),
  ];
  expect(again.body["key"]).toBe(first.body["key"]);
  expect(others.body["key"]).not.toBe(first.body["key"]);
  expect(keyIn(others).id).not.toBe(keyIn(first).id);
  const [mine, theirs] = [await living(), await living(grace)];
  expect([mine.length, theirs.length]).toEqual([1, 1]);
});

test.each<[string, object]>([
  ["another-scope", { scopes: ["write:things"] }],
  ["another-lifetime", { expires_in_days: 7 }],
  ["no-expiry", { expires_in_days: null }],
])("the same Idempotency-Key with %s is another request", async (what, more) => {
  await revokeAll();
  const first = await create("one body", what);
  const other = await create("one body", what, ada, more);
  expect([other.status, other.body["code"]]).toEqual([422, "idempotency_key_reused"]);
  expect(other.text).not.toContain((first.body["key"] as string).slice(-38));
  expect(await living()).toHaveLength(1);
});

test.each<[string, (id: string) => Promise<unknown>]>([
  ["revoked", async (id) => stage.call("DELETE", `/api-keys/${id}`, { token: ada })],
  ["rotated", async (id) => stage.call("POST", `/api-keys/${id}/rotate`, { token: ada })],
  ["dropped", async () => stage.stores.keys.users.write(ADA, [])],
])("a key that was %s since is not shown, and not made, again", async (what, change) => {
  await revokeAll();
  const first = await create("since", `since-${what}`);
  await change(keyIn(first).id);
  const before = await living();
  const again = await create("since", `since-${what}`);
  expect([again.status, again.body["code"]]).toEqual([409, "key_shown_already"]);
  expect(await living()).toEqual(before);
});

test("after an hour the answer is not given again, whatever Redis still holds", async () => {
  await revokeAll();
  const first = await create("an hour", "hour");
  const at = Math.floor(Date.now() / 1000);
  const answerAt = async (nowSeconds: number) => {
    const keys = { ...stage.stores.keys, nowSeconds: () => nowSeconds };
    const handler = createApiKeysHandler({
      stores: { ...stage.stores, keys },
      issuer: stage.s.local.description.issuer,
      audience: SELF_SERVICE.audience,
    });
    const headers = {
      authorization: `Bearer ${ada}`,
      "content-type": "application/json",
      "idempotency-key": "hour",
    };
    const body = JSON.stringify({ name: "an hour", scopes: ["read:things"] });
    const url = "http://self-service.example/api-keys";
    return handler(new Request(url, { method: "POST", headers, body }));
  };
  const before = (await (await answerAt(at + 3_590)).json()) as Record<string, unknown>;
  expect(before["key"]).toBe(first.body["key"]);
  const after = (await (await answerAt(at + 3_601)).json()) as Record<string, unknown>;
  expect(after["code"]).toBe("key_shown_already");
});

test("a rotation that is sent twice rotates once", async () => {
  await revokeAll();
  const { id } = keyIn(await create("rotated", undefined));
  const rotate = async (body?: object) =>
    stage.call("POST", `/api-keys/${id}/rotate`, {
      token: ada,
      ...(body && { body }),
      headers: { "idempotency-key": "rotation" },
    });
  const [one, other] = await Promise.all([rotate(), rotate()]);
  expect(one.status).toBe(200);
  expect(other.body["key"]).toBe(one.body["key"]);
  expect((await rotate({ overlap_seconds: 0 })).body["code"]).toBe("idempotency_key_reused");
  await stage.call("POST", `/api-keys/${id}/cancel-rotation`, { token: ada });
  expect((await rotate()).body["code"]).toBe("key_shown_already");
  expect((await stage.s.exchange(one.body["key"] as string)).status).toBe(400);
});

const claims = async (): Promise<readonly string[]> => {
  const found = await stage.s.local.redis.execute(["SCAN", "0", "MATCH", "apikey-request:*"]);
  return (found as [string, string[]])[1];
};

test("what Redis holds of a request is encrypted; altered, or put under another name, it is refused", async () => {
  await revokeAll();
  const before = new Set(await claims());
  const { body } = await create("sealed", "sealed-request");
  const { redis } = stage.s.local;
  const name = (await claims()).find((one) => !before.has(one)) ?? "";
  const text = String(await redis.execute(["GET", name]));
  expect(text).toMatch(/^[\w-]+$/);
  expect(Buffer.from(text, "base64url").toString("latin1")).not.toMatch(/nonce|sealed/);
  expect(text).not.toContain((body["key"] as string).slice(-38, -6));
  const [other = ""] = before;
  for (const forged of [
    text.replace(/^./, (first) => (first === "A" ? "B" : "A")),
    text.slice(0, -1),
    "",
    String(await redis.execute(["GET", other])),
  ]) {
    await redis.execute(["SET", name, forged]);
    const answer = await create("sealed", "sealed-request");
    expect([answer.status, answer.body["code"]]).toEqual([500, "internal_error"]);
  }
  await redis.execute(["SET", name, text]);
  expect((await create("sealed", "sealed-request")).body["key"]).toBe(body["key"]);
});

test("a guessed Idempotency-Key, the Action's secrets and a look into Redis do not lead to the API key", async () => {
  await revokeAll();
  const { keys } = stage.stores;
  const pepper = keys.peppers.current;
  const { body } = await create("guessed", "create-key-17");
  const asked = JSON.stringify([ADA, "create-key-17"]);
  const guesses = [
    createHash("sha256").update(asked),
    createHmac("sha256", pepper.sealKey).update(asked),
    createHmac("sha256", pepper.hashKey).update(asked),
  ].map((hash) => `apikey-request:${hash.digest("base64url")}`);
  guesses.push(`apikey-request:${derivedName(pepper, [asked])}`, `apikey-request:${asked}`);
  for (const name of guesses) expect(await stage.s.local.redis.execute(["GET", name])).toBeNull();
  // Nor is any claim readable: one that were, under the pepper or as it is, would hold the nonce.
  const read = { name: "guessed", scopes: ["read:things"] };
  const context = [ADA, ADA, "create-key-17", "create", "", JSON.stringify(read)];
  for (const name of await claims()) {
    const text = String(await stage.s.local.redis.execute(["GET", name]));
    expect(unseal(text, keys.peppers).kind).toBe("untrusted");
    const nonces = [text, text.slice(0, 22), ...text.split(".")];
    for (const nonce of nonces) {
      const bytes = derivedBytes(pepper, ["api key", nonce, ...context]);
      expect(ApiKey.generate("acme_live", bytes).reveal()).not.toBe(body["key"]);
    }
  }
});
