import { setTimeout as sleep } from "node:timers/promises";

import { expect, test, type TestContext } from "vitest";

import { faultyEndpoint, fleet, granted, keysOf, orders, type Fault, type Fleet } from "../support/fleet.ts";
import { ADA, AUDIENCE, GRACE, stage, type Stage, type StageOptions } from "../support/stage.ts";

async function open(
  context: Pick<TestContext, "onTestFinished">,
  options: StageOptions,
): Promise<{ readonly s: Stage; readonly f: Fleet }> {
  const policy = { allowNoExpiry: true, maxKeysPerUser: 50 };
  const s = await stage({ redis: "server", config: { policy }, ...options });
  const f = await fleet();
  context.onTestFinished(async () => {
    await f.stop();
    await s.stop();
  });
  return { s, f };
}

// At 4 a second 50 exchanges take 12 seconds, and the rest is up to the machine.
const TIMEOUT_MS = 90_000;

test(
  "8 processes with 2,000 requests each and 50 keys, at 4 exchanges a second: 50 exchanges, no failure",
  { timeout: TIMEOUT_MS },
  async (context) => {
    const { s, f } = await open(context, {
      limits: { exchangesPerSecond: 4, ipAttempts: 10, ipRegainMs: 600_000 },
    });
    const keys = await keysOf(s, 50);
    const reports = await f.run(orders(s, f.socket, 8, keys, () => ({ requests: 2_000 })));
    expect(granted(s)).toBe(50);
    for (const report of reports) {
      expect(report).toMatchObject({ succeeded: 2_000, refused: {}, stale: 0 });
      expect([...report.subjects].sort()).toEqual([ADA, GRACE]);
    }
    const dump = await f.dump();
    expect(dump.match(/^apikey-token:[A-Za-z0-9_-]{43}$/gm)).toHaveLength(50);
    for (const key of keys) {
      expect(dump).not.toContain(key);
      expect(dump).not.toContain(key.slice(-38));
      expect(dump).not.toContain(key.slice(10, 22));
    }
    // Tokens are JWTs, whose first part starts like this; the JWEs around them start with another.
    expect(dump).not.toContain(Buffer.from('{"alg":"RS').toString("base64url").slice(0, 12));
  },
);

test(
  "3 processes over a refresh, with Redis gone for a while, 429, 500, no answer, and clocks a minute off: no failure",
  { timeout: TIMEOUT_MS },
  async (context) => {
    let advancedMs = 0;
    const { s, f } = await open(context, { nowMs: () => Date.now() + advancedMs });
    const leap = (ms: number) => {
      advancedMs += ms;
      f.tell({ kind: "advance", ms });
    };
    const lifetimeMs = 3_600_000;
    const api = s.local.tenant.resourceServers.get(AUDIENCE);
    if (!api) throw new Error("the stage has no API");
    s.local.tenant.resourceServers.set(AUDIENCE, { ...api, token_lifetime: lifetimeMs / 1000 });
    const keys = await keysOf(s, 12);
    const faults: Fault[] = [{ status: 500 }, { status: 429, headers: { "retry-after": "0" } }];
    const endpoint = await faultyEndpoint(s.local.description.token_endpoint, faults);
    const order = orders(s, f.socket, 3, keys, (at) => ({
      token_endpoint: endpoint.url,
      pauseMs: 100,
      timeoutMs: 4_000,
      skewMs: (at - 1) * 60_000,
    }));
    let running: ReturnType<Fleet["run"]> | undefined;
    await new Promise<void>((resolve) => {
      running = f.run(order, resolve);
    });
    expect(granted(s)).toBe(12);

    // Tokens that are in memory need no Redis.
    await f.killRedis();
    await sleep(300);
    await f.startRedis();
    await sleep(500);
    faults.push({ status: 500 }, { status: 502 }, "hang", { status: 429, headers: { "retry-after": "0" } });
    // All tokens of all processes come into their refresh window at once.
    leap(lifetimeMs * 0.86);
    await grantedAre(s, 24);
    // The first tokens have ended, the second ones are fresh: who has not refreshed yet finds them in Redis.
    await sleep(300);
    leap(lifetimeMs * 0.16);
    await sleep(700);
    f.tell({ kind: "end" });
    const reports = (await running) ?? [];
    await endpoint.close();
    expect(faults).toEqual([]);
    for (const report of reports) {
      expect(report).toMatchObject({ refused: {}, stale: 0 });
      expect(report.succeeded).toBeGreaterThan(24);
    }
    expect(granted(s)).toBe(24);
  },
);

async function grantedAre(s: Stage, count: number): Promise<void> {
  while (granted(s) < count) await sleep(20);
}
