import { setTimeout as sleep } from "node:timers/promises";

import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it, test } from "vitest";

import { createRedis, readKeyRecord } from "../../src/stores/key-record-reader.ts";
import { reach } from "../../src/stores/reach.ts";

const url = "https://redis.acme.example";
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const redis = createRedis({ url, token: "the-token", timeoutMs: 50 });

it.each<[string, () => Response | Promise<Response>]>([
  ["HTML", () => HttpResponse.html("<h1>502</h1>")],
  ["a 502 in HTML", () => HttpResponse.html("<h1>502</h1>", { status: 502 })],
  ["a network error", () => HttpResponse.error()],
  ["an error", () => HttpResponse.json({ error: "ERR max requests limit exceeded" }, { status: 400 })],
  ["401", () => HttpResponse.json({ error: "WRONGPASS invalid password" }, { status: 401 })],
  ["one item", () => HttpResponse.json({ result: ["x"] })],
  ["three items", () => HttpResponse.json({ result: [null, null, null] })],
  ["a string", () => HttpResponse.json({ result: "x" })],
  ["null", () => HttpResponse.json({ result: null })],
  ["numbers", () => HttpResponse.json({ result: [1, 2] })],
  ["an empty object", () => HttpResponse.json({})],
  ["nothing", () => new HttpResponse(null, { status: 200 })],
  ["JSON that is no object", () => HttpResponse.json("OK")],
])("a look-up that is answered with %s is unavailable, after one attempt", async (_, resolver) => {
  let requests = 0;
  server.use(
    http.post(url, () => {
      requests++;
      return resolver();
    }),
  );
  expect(await readKeyRecord(redis, "4fJ2kQ9xZb1T")).toEqual({ kind: "unavailable" });
  expect(requests).toBe(1);
});

test("an answer without an end is given up long before the memory is", async () => {
  let sent = 0;
  const piece = new TextEncoder().encode("x".repeat(2 ** 20));
  const endless = new ReadableStream({
    pull(controller) {
      sent++;
      controller.enqueue(piece);
    },
  });
  const patient = createRedis({ url, token: "the-token", timeoutMs: 60_000 });
  server.use(http.post(url, () => new HttpResponse(endless)));
  expect(await readKeyRecord(patient, "4fJ2kQ9xZb1T")).toEqual({ kind: "unavailable" });
  expect(sent).toBeLessThan(32);
});

test("an answer whose letters come in parts is read whole", async () => {
  const bytes = new TextEncoder().encode('{"result":["ü€😀",null]}');
  const parts = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  server.use(http.post(url, () => new HttpResponse(parts)));
  expect(await readKeyRecord(redis, "4fJ2kQ9xZb1T")).toMatchObject({ record: "ü€😀" });
});

test("a look-up that hangs is given up, and no answer is made up", async () => {
  server.use(
    http.post(url, async () => {
      await sleep(500);
      return HttpResponse.json({ result: [null, null] });
    }),
  );
  expect(await readKeyRecord(redis, "4fJ2kQ9xZb1T")).toEqual({ kind: "unavailable" });
});

test("a look-up is one MGET of record and marker, without telemetry", async () => {
  let seen: { body: unknown; headers: string[] } | undefined;
  server.use(
    http.post(url, async ({ request }) => {
      seen = { body: await request.json(), headers: [...request.headers.keys()] };
      return HttpResponse.json({ result: ["1e3", null] });
    }),
  );
  expect(await readKeyRecord(redis, "4fJ2kQ9xZb1T")).toEqual({
    kind: "answered",
    record: "1e3",
    marker: null,
  });
  expect(seen?.body).toEqual(["mget", "apikey:4fJ2kQ9xZb1T", "apikey-store"]);
  expect(seen?.headers.filter((name) => name.includes("telemetry") || name.includes("sync"))).toEqual([]);
});

test("what is said of a failed command never gets out: it quotes the arguments", async () => {
  const error = "ERR unknown subcommand 'the-secret-value'";
  server.use(http.post(url, () => HttpResponse.json({ error }, { status: 400 })));
  const own: unknown = await redis.set("apikey:x", "the-secret-value").catch((error: unknown) => error);
  expect(String(own)).toContain("the-secret-value");
  const ours: unknown = await reach(redis.set("apikey:x", "the-secret-value")).catch(
    (error: unknown) => error,
  );
  expect(ours).toMatchObject({ code: "store_unavailable" });
  expect(ours).not.toHaveProperty("cause");
  expect(String(ours)).not.toContain("the-secret-value");
});

it.each([
  ["", "t"],
  ["redis.acme.example", "t"],
  [url, ""],
])("refuses to be made with %j and %j", (badUrl, token) => {
  expect(() => createRedis({ url: badUrl, token, timeoutMs: 1 })).toThrow(TypeError);
});
