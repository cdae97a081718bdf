import { afterEach, beforeEach, expect, test } from "vitest";

import { createApiKeysHandler } from "../../src/self-service/index.ts";
import { stoppedClock, type Clock } from "../support/clock.ts";
import { SELF_SERVICE } from "../support/log-in.ts";
import { selfServiceStage, type SelfServiceStage } from "../support/self-service.ts";
import { ADA, GRACE, type Answer } from "../support/stage.ts";

const ONE = "org_0000000000000001";
const OTHER = "org_0000000000000002";
const NOBODYS_ID = "zzzzzzzzzzzz";

let stage: SelfServiceStage;
let clock: Clock;
let ada: string;
let inOne: string;
let isExhausted: boolean;
let asked: number;
/** Every request to either store. */
let sent: string[];
const realFetch = globalThis.fetch;
beforeEach(async () => {
  clock = stoppedClock();
  isExhausted = false;
  asked = 0;
  sent = [];
  stage = await selfServiceStage({ waits: clock });
  const { tenant } = stage.s.local;
  for (const [id, name] of [
    [ONE, "one"],
    [OTHER, "other"],
  ] as const) {
    const enabledConnections = new Set(tenant.connections.keys());
    tenant.organizations.set(id, {
      id,
      name,
      display_name: name,
      members: new Set([ADA]),
      enabledConnections,
    });
  }
  [ada, inOne] = [await stage.tokenOf(ADA), await stage.tokenOf(ADA, { organization: ONE })];
  // A tenant whose limit is used up for longer than anybody waits.
  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    sent.push(`${init?.method} ${new URL(url).pathname}`);
    if (!url.startsWith(stage.s.settings.managementApi)) return realFetch(input, init);
    asked++;
    if (!isExhausted) return realFetch(input, init);
    const headers = {
      "x-ratelimit-limit": "10",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": String(Math.ceil(clock.nowMs() / 1000) + 3_600),
      date: new Date(clock.nowMs()).toUTCString(),
    };
    return Response.json(
      { statusCode: 429, message: "Global limit has been reached" },
      { status: 429, headers },
    );
  };
});
afterEach(async () => {
  globalThis.fetch = realFetch;
  await stage.stop();
});

const ENDINGS: readonly [string, string, object | undefined, number][] = [
  ["revoke", "DELETE", undefined, 204],
  ["switch off", "PATCH", { disabled: true }, 200],
  ["switch off and rename", "PATCH", { disabled: true, name: "renamed" }, 200],
];
const end = async (method: string, id: string, body: object | undefined, token = ada): Promise<Answer> =>
  stage.call(method, `/api-keys/${id}`, { token, ...(body && { body }) });
const isEnded = async (id: string) => {
  const { revoked_at, disabled_at } = (await stage.stores.keys.records.read(id)) ?? {};
  return revoked_at !== undefined || disabled_at !== undefined;
};
const wipe = async (userId: string) => stage.stores.keys.users.write(userId, []);

test.each(ENDINGS)(
  "the tenant's limit is used up: %s ends the key all the same, says so, and is completed by the same request",
  async (_, method, body, status) => {
    const { key, id } = await stage.s.create(ADA);
    isExhausted = true;
    // From here on the process knows that there is no room.
    expect((await stage.call("GET", "/api-keys", { token: ada })).status).toBe(503);
    stage.errors.length = 0;
    const incomplete = await end(method, id, body);
    expect([incomplete.status, incomplete.body["code"]]).toEqual([503, "ending_incomplete"]);
    expect(incomplete.headers.get("retry-after")).toMatch(/^[2-9]$/);
    expect((await stage.s.exchange(key)).status).toBe(400);
    expect(stage.errors).toHaveLength(1);
    isExhausted = false;
    const [entry] = (await stage.s.keys.users.read(ADA)).keys;
    expect([entry?.revoked_at, entry?.disabled_at]).toEqual([undefined, undefined]);

    await clock.sleep(60_000);
    expect((await end(method, id, body)).status).toBe(status);
    const [after] = (await stage.s.keys.users.read(ADA)).keys;
    expect(after?.revoked_at ?? after?.disabled_at).toBeDefined();
  },
);

test.each(ENDINGS)(
  "without Auth0, nobody can %s another's key, nor tell it from one that is none",
  async (...of) => {
    const [, method, body] = of;
    const { key, id } = await stage.s.create(GRACE);
    isExhausted = true;
    const answers = [await end(method, id, body), await end(method, NOBODYS_ID, body)];
    for (const answer of answers) {
      expect([answer.status, answer.body["code"]]).toEqual([503, "temporarily_unavailable"]);
    }
    expect(answers[0]?.text).toBe(answers[1]?.text);
    expect((await stage.s.exchange(key)).status).toBe(200);
  },
);

test.each(ENDINGS.slice(0, 2))(
  "an entry that is gone: its user can %s the key",
  async (_, method, body, status) => {
    const { id } = await stage.s.create(ADA);
    await wipe(ADA);
    expect((await end(method, id, body)).status).toBe(status);
    expect(await isEnded(id)).toBe(true);
  },
);

test.each(ENDINGS)(
  "an entry that is gone: no other user can %s the key, and no token of another organization",
  async (...of) => {
    const [, method, body] = of;
    const graces = await stage.s.create(GRACE);
    const others = await stage.s.create(ADA, { organizationId: OTHER });
    const ones = await stage.s.create(ADA, { name: "of one", organizationId: ONE });
    await wipe(ADA);
    await wipe(GRACE);
    for (const [id, token] of [
      [graces.id, ada],
      [graces.id, inOne],
      [others.id, inOne],
    ] as const) {
      await end(method, NOBODYS_ID, body, token);
      sent = [];
      const answer = await end(method, id, body, token);
      const [ofThis] = [sent, (sent = [])];
      expect([answer.status, answer.body["code"]]).toEqual([404, "not_found"]);
      expect(answer.text).toBe((await end(method, NOBODYS_ID, body, token)).text);
      expect(ofThis).toEqual(sent);
      expect(await isEnded(id)).toBe(false);
    }
    await end(method, ones.id, body, inOne);
    expect(await isEnded(ones.id)).toBe(true);
  },
);

test("a key whose record is gone is found among the entries, and revoked", async () => {
  const { key, id } = await stage.s.create(ADA);
  await stage.s.local.redis.execute(["DEL", `apikey:${id}`]);
  expect((await end("DELETE", id, undefined)).status).toBe(204);
  expect((await stage.s.exchange(key)).status).toBe(400);
  expect((await stage.s.keys.users.read(ADA)).keys[0]?.revoked_at).toBeDefined();
});

test("to end a key that was not seen before costs Auth0 two requests", async () => {
  const { id } = await stage.s.create(ADA);
  asked = 0;
  expect((await end("DELETE", id, undefined)).status).toBe(204);
  expect(asked).toBe(2);
});

test("switched off with a name that is taken, the key is off, and the name is refused", async () => {
  await stage.s.create(ADA, { name: "taken" });
  const { key, id } = await stage.s.create(ADA, { name: "other" });
  const answer = await end("PATCH", id, { disabled: true, name: "taken" });
  expect([answer.status, answer.body["code"]]).toEqual([409, "name_taken"]);
  expect((await stage.s.exchange(key)).status).toBe(400);
});

test("where the issuer's keys cannot be had, it is said when to come back, and told on our side", async () => {
  const errors: unknown[] = [];
  const handler = createApiKeysHandler({
    stores: stage.stores,
    issuer: stage.s.local.description.issuer,
    audience: SELF_SERVICE.audience,
    fetch: async () => Promise.reject(new TypeError("fetch failed")),
    onError: (error) => void errors.push(error),
  });
  const headers = { authorization: `Bearer ${ada}` };
  const answer = await handler(new Request("http://self-service.example/api-keys", { headers }));
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, expect.stringMatching(/^[2-9]$/)]);
  expect(errors).toEqual([expect.objectContaining({ cause: expect.any(Error) as Error })]);
});
