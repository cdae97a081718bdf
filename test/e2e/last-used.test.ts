import { setTimeout as sleep } from "node:timers/promises";

import { http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, test, vi } from "vitest";

import { pruneKeys } from "../../src/keys/prune.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { runKeysCli } from "../support/cli.ts";
import { unknownKey } from "../support/guesses.ts";
import { ADA, environmentOf, GRACE, stage, type Stage } from "../support/stage.ts";

const START = Date.UTC(2026, 10, 22, 12);
const server = setupServer();
let s: Stage;
let off: Stage;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  [s, off] = await Promise.all([stage({ config: { lastUsed: true } }), stage()]);
  server.listen({ onUnhandledRequest: "bypass" });
});
afterEach(async () => {
  server.resetHandlers();
  vi.setSystemTime(START);
  for (const user of [ADA, GRACE]) await s.keys.users.write(user, []);
});
afterAll(async () => {
  server.close();
  await s.stop();
  await off.stop();
  vi.useRealTimers();
});

const cli = async (...argv: string[]) => {
  const config = ["--config", "test/support/last-used.config.ts"];
  const run = await runKeysCli([...argv, ...config], environmentOf(s));
  expect(run).toMatchObject({ code: 0 });
  return run.out;
};
const list = async (userId = ADA) =>
  JSON.parse(await cli("list", "--user", userId, "--json")) as { id: string; last_used?: object | null }[];
const useOf = async (id: string) => (await list()).find((one) => one.id === id)?.last_used;
const redisOf = async (at: Stage, ...command: string[]) => at.local.redis.execute(command);
const requestsOf = async (at: Stage, work: () => Promise<unknown>) => {
  const before = at.local.redisRequests();
  await work();
  return at.local.redisRequests() - before;
};

describe("with lastUsed on", () => {
  test("an exchange notes when, from where and the how manyth it was, in one request after its look-up", async () => {
    const { key, id } = await s.create(ADA);
    expect(await useOf(id)).toBeNull();
    expect(await requestsOf(s, async () => s.exchange(key))).toBe(2);
    expect(await useOf(id)).toEqual({ at: "2026-11-22T12:00:00Z", ip: "127.0.0.1", count: 1 });
    vi.setSystemTime(START + 3_600_000);
    expect((await s.exchange(key)).status).toBe(200);
    vi.setSystemTime(START + 3 * 3_600_000);
    expect(await cli("show", id, "--user", ADA)).toMatch(
      /^last_used +2026-11-22T13:00:00Z \(2 hours ago\) from 127\.0\.0\.1, 2 times in all$/m,
    );
    expect(await cli("list", "--user", ADA)).toMatch(/LAST USED\n.* 2 hours ago\n$/);
  });

  test("a refused exchange notes nothing, whoever asks", async () => {
    const { key, id } = await s.create(ADA, { scope: "read:things" });
    const refused = [
      await s.exchange(key, { scope: "write:things" }),
      await s.exchange(unknownKey()),
      await s.exchange(`${key}x`),
    ];
    await revokeKey(s.keys, ADA, id, "leaked");
    refused.push(await s.exchange(key));
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(await redisOf(s, "EXISTS", `apikey-use:${id}`)).toBe(0);
    expect(await useOf(id)).toBeNull();
  });

  const unwell: readonly [string, () => Response | Promise<Response>][] = [
    ["is dropped", () => HttpResponse.error()],
    ["hangs", async () => sleep(3_000).then(() => passthrough())],
    ["is answered with HTML", () => HttpResponse.html("<h1>Bad Gateway</h1>", { status: 502 })],
    ["is answered with HTML and 200", () => HttpResponse.html("<h1>Login</h1>")],
    ["is not permitted", () => HttpResponse.json([{ error: "NOPERM" }, { error: "NOPERM" }, { result: 1 }])],
    ["is over the limit", () => HttpResponse.json({ error: "ERR max requests limit" }, { status: 400 })],
    ["is answered with nonsense", () => HttpResponse.json("OK")],
  ];
  it.each(unwell)(
    "an exchange whose note %s is granted all the same, long before it ends",
    async (_, how) => {
      const { key, id } = await s.create(ADA);
      const undisturbed = await s.exchange(key);
      await redisOf(s, "DEL", `apikey-use:${id}`);
      server.use(http.post(`${s.settings.redisUrl}/pipeline`, how));
      s.logs.length = 0;
      const startedMs = performance.now();
      const { status, body } = await s.exchange(key);
      expect(performance.now() - startedMs).toBeLessThan(1_500);
      expect([status, Object.keys(body)]).toEqual([200, Object.keys(undisturbed.body)]);
      const line = JSON.stringify({ event: "api_key_exchange", cause: "granted", key_id: id });
      expect(s.logs).toEqual([`api-keys-custom-token-exchange: ${line}`]);
      server.resetHandlers();
      expect(await useOf(id)).toBeNull();
    },
  );

  test("the uses of a user's keys are read in one request, and of no keys in none", async () => {
    for (let at = 0; at < 20; at++) await s.exchange((await s.create(GRACE)).key);
    const ids = (await list(GRACE)).map(({ id }) => id);
    expect(await requestsOf(s, async () => expect((await s.keys.uses.readUses(ids)).size).toBe(20))).toBe(1);
    expect(await requestsOf(s, async () => s.keys.uses.readUses([]))).toBe(0);
  });

  test("a list of all users' keys has the uses too, in one request to Redis", async () => {
    const { key } = await s.create(ADA);
    await s.create(GRACE);
    await s.exchange(key);
    let out = "";
    expect(await requestsOf(s, async () => (out = await cli("list", "--all-users")))).toBe(1);
    const lines = out.split("\n").slice(0, -1);
    expect(lines.map((line) => (JSON.parse(line) as { last_used: object | null }).last_used)).toEqual([
      { at: "2026-11-22T12:00:00Z", ip: "127.0.0.1", count: 1 },
      null,
    ]);
  });

  test("a list hides no key while Redis is down: what was used when is missing, and not null", async () => {
    const { id } = await s.create(ADA);
    server.use(http.post(`${s.settings.redisUrl}/pipeline`, () => HttpResponse.error()));
    const [listed] = await list();
    expect(listed?.id).toBe(id);
    expect(listed).not.toHaveProperty("last_used");
    expect(await cli("show", id, "--user", ADA)).not.toContain("last_used");
  });

  test("a use is forgotten after 400 days, with its key where that is pruned, and by nothing else", async () => {
    const [one, other] = [await s.create(ADA, { lifetimeDays: 1 }), await s.create(ADA)];
    for (const { key } of [one, other]) await s.exchange(key);
    expect(await redisOf(s, "TTL", `apikey-use:${one.id}`)).toBe(400 * 86_400);
    await revokeKey(s.keys, ADA, one.id, "leaked");
    expect(await useOf(one.id)).toMatchObject({ count: 1 });
    vi.setSystemTime(START + 32 * 86_400_000);
    await pruneKeys(s.keys, ADA);
    expect(await redisOf(s, "EXISTS", `apikey-use:${one.id}`)).toBe(0);
    expect(await useOf(other.id)).toMatchObject({ count: 1 });
  });

  test("a use is no record: reconcile counts none, and a lost one is only lost", async () => {
    const { key, id } = await s.create(ADA);
    await s.exchange(key);
    const seen: unknown[] = [];
    const options = { fix: true, restoreEntries: false, restoreMany: false };
    const run = async () =>
      reconcile(s.keys, { ...options, onDifference: ({ kind }) => void seen.push(kind) });
    const [, records] = [
      await s.keys.records.hasRecords(),
      (await redisOf(s, "SCAN", "0", "MATCH", "apikey:*")) as [string, string[]],
    ];
    expect(await run()).toMatchObject({ entries: 1, records: records[1].length });
    expect(records[1].join()).not.toContain("use");
    seen.length = 0;
    await redisOf(s, "FLUSHALL");
    await run();
    expect(seen).toEqual(["missing_record"]);
    expect(await useOf(id)).toBeNull();
    expect((await s.exchange(key)).status).toBe(200);
  });

  test("nonsense in the place of a use is none, and brings no control character to a terminal", async () => {
    const { id } = await s.create(ADA);
    const put = async (...fields: string[]) => redisOf(s, "HSET", `apikey-use:${id}`, ...fields);
    await put("at", "soon", "ip", "192.0.2.1");
    expect(await useOf(id)).toBeNull();
    await put("at", "99999999999999", "count", "1");
    expect(await useOf(id)).toBeNull();
    await put("at", String(START / 1000), "ip", "\u001B[2J", "count", "3");
    expect(await useOf(id)).toEqual({ at: "2026-11-22T12:00:00Z", ip: null, count: 3 });
  });
});

test("with lastUsed off, an exchange is one request, notes nothing, and the Action could not if it tried", async () => {
  const { key, id } = await off.create(ADA);
  expect(await requestsOf(off, async () => off.exchange(key))).toBe(1);
  expect(await redisOf(off, "EXISTS", `apikey-use:${id}`)).toBe(0);
  const held = [...off.local.tenant.actions.values()].map(({ version }) => JSON.stringify(version));
  expect(held.join()).not.toContain("apikey-use");
  expect(held.join()).not.toContain(off.settings.redisToken);
  const run = await runKeysCli(["list", "--user", ADA, "--json"], environmentOf(off));
  expect(JSON.parse(run.out)).toEqual([expect.not.objectContaining({ last_used: expect.anything() })]);
  expect(run.out).not.toContain("last_used");
});
