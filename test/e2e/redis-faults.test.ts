import { setTimeout as sleep } from "node:timers/promises";

import { http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it, test } from "vitest";

import { initStore } from "../../src/keys/init.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";

const server = setupServer();
let s: Stage;
let key: string;
beforeAll(async () => {
  s = await stage({ limits: { exchangesPerSecond: 1_000, ipAttempts: 10, ipRegainMs: 600_000 } });
  ({ key } = await s.create(ADA));
  server.listen({ onUnhandledRequest: "bypass" });
});
afterEach(() => server.resetHandlers());
afterAll(async () => {
  server.close();
  await s.stop();
});

const unwell: readonly [string, () => Response | Promise<Response>][] = [
  ["is down", () => HttpResponse.error()],
  ["hangs for 3 seconds", async () => sleep(3_000).then(() => passthrough())],
  ["answers HTML", () => HttpResponse.html("<h1>Bad Gateway</h1>", { status: 502 })],
  ["answers HTML with status 200", () => HttpResponse.html("<h1>Login</h1>")],
  [
    "answers an error",
    () => HttpResponse.json({ error: "ERR max daily request limit exceeded" }, { status: 400 }),
  ],
  ["does not know the token", () => HttpResponse.json({ error: "WRONGPASS" }, { status: 401 })],
  ["answers nonsense", () => HttpResponse.json({ result: { sub: "auth0|ada" } })],
  ["answers too little", () => HttpResponse.json({ result: [null] })],
];

it.each(unwell)(
  "an exchange while Redis %s is refused, not counted, and says nothing",
  async (_, resolver) => {
    server.use(http.all(`${s.settings.redisUrl}/*`, resolver));
    s.logs.length = 0;
    const before = s.local.tenant.ipAttempts?.left("127.0.0.1");
    const answer = await s.exchange(key);
    expect([answer.status, answer.body]).toEqual([
      500,
      {
        error: "server_error",
        error_description: "API keys cannot be checked at the moment. Try again later.",
      },
    ]);
    expect(s.local.tenant.ipAttempts?.left("127.0.0.1")).toBe(before);
    expect(s.logs).toEqual([expect.stringContaining("store_unavailable")]);
    expect(s.logs.join()).not.toContain(key.slice(-38));
    server.resetHandlers();
    expect((await s.exchange(key)).status).toBe(200);
  },
);

test("a flushed database locks nobody out: refused as ours, not counted, and no key is made in it", async () => {
  await s.local.redis.execute(["FLUSHALL"]);
  for (let at = 0; at < 20; at++) {
    const answer = await s.exchange(key);
    expect([answer.status, answer.body["error"]]).toEqual([500, "server_error"]);
  }
  await expect(s.create(ADA)).rejects.toMatchObject({ code: "store_unmarked" });
  expect((await initStore(s.keys)).marked).toBe(true);
  expect((await s.exchange(key)).status).toBe(400);
});
