import { setTimeout as sleep } from "node:timers/promises";

import { expect, test } from "vitest";

import {
  faultyEndpoint,
  fleet,
  granted,
  grantedByKey,
  keysOf,
  orders,
  type Fault,
  type Fleet,
} from "../support/fleet.ts";
import { searchDump, tokensIn } from "../support/search-dump.ts";
import { ADA, AUDIENCE, GRACE, stage, type Stage, type StageOptions } from "../support/stage.ts";

// At 4 a second 50 exchanges take 12 seconds, and the rest is up to the machine.
const TIMEOUT_MS = 90_000;
const LIMITS = { exchangesPerSecond: 4, ipAttempts: 10, ipRegainMs: 600_000 };
// Long enough for all of a refresh to lie between its last possible beginning and the token's end.
const LIFETIME_MS = 14_400_000;
const MINUTE_MS = 60_000;
const FOR_EVER_MS = 3_600_000;
const SETTLE_EVERY_MS = 250;

test(
  "8 processes with 2,000 requests each and 50 keys, at 4 exchanges a second: 50 exchanges, no failure",
  { timeout: TIMEOUT_MS },
  async () =>
    withFleet({ limits: LIMITS }, async ({ s, f }) => {
      const keys = await keysOf(s, 50);
      const answers: string[] = [];
      const endpoint = await faultyEndpoint(
        s.local.description.token_endpoint,
        [],
        (text) => void answers.push(text),
      );
      const change = { requests: 2_000, token_endpoint: endpoint.url };
      const reports = await f.run(orders(s, f.socket, 8, keys, () => change));
      await endpoint.close();
      expect(granted(s)).toBe(50);
      for (const report of reports) {
        expect(report).toMatchObject({ succeeded: 2_000, refused: {}, stale: 0 });
        expect([...report.subjects].sort()).toEqual([ADA, GRACE]);
      }
      const dump = await f.dump();
      expect(dump.match(/^apikey-token:[A-Za-z0-9_-]{43}$/gm)).toHaveLength(50);
      const tokens = tokensIn(answers);
      expect(tokens).toHaveLength(50);
      expect(searchDump(Buffer.from(dump), keys, tokens)).toEqual([]);
    }),
);

/** What a fleet must bear. */
interface Trouble {
  /** Redis is killed, and started again empty: while tokens are obtained, once all are there, while they are refreshed. */
  readonly redisIsLost?: true;
  /** The tenant answers so, at the first exchange of each phase that is met. */
  readonly faults?: readonly Fault[];
  /** The clocks of the processes, in turn. */
  readonly skewsMs?: readonly number[];
}

const FAULTS: readonly Fault[] = [
  { status: 500 },
  "hang",
  { status: 429, headers: { "retry-after": "1" } },
  { status: 502 },
  "hang",
  { status: 503 },
];
const SKEWS_MS = [-MINUTE_MS, 0, MINUTE_MS];

test.each<[string, Trouble]>([
  ["Redis killed and restarted three times", { redisIsLost: true }],
  ["a tenant that answers 429, 500, 502, 503 and not at all", { faults: FAULTS }],
  ["clocks a minute off, either way", { skewsMs: SKEWS_MS }],
  ["all of that at once", { redisIsLost: true, faults: FAULTS, skewsMs: SKEWS_MS }],
])(
  "8 processes, 50 keys, 4 exchanges a second, over a refresh, with %s: 50 exchanges a token lifetime, no failure",
  { timeout: 2 * TIMEOUT_MS },
  async (_, { redisIsLost = false, faults = [], skewsMs = [0] }) => {
    await withFleet({ limits: LIMITS }, async ({ s, f, leap }) => {
      const keys = await keysOf(s, 50);
      const due: Fault[] = [];
      const endpoint = await faultyEndpoint(s.local.description.token_endpoint, due);
      const order = orders(s, f.socket, 8, keys, (at) => ({
        token_endpoint: endpoint.url,
        pauseMs: 100,
        skewMs: skewsMs[at % skewsMs.length] ?? 0,
        // How long this machine takes to start Redis, and all processes to put their tokens back, must not decide.
        ...(redisIsLost && { patience: { settleMs: FOR_EVER_MS, outageWaitMs: FOR_EVER_MS } }),
        ...(!faults.includes("hang") && { timeoutMs: TIMEOUT_MS }),
      }));
      // So a lost store has settled when every token of this lifetime is there, and none is being obtained.
      let before = 0;
      const settle = async () => endpoint.underWay() > 0 || f.settle(granted(s) - before);
      const settling = setInterval(() => void settle(), SETTLE_EVERY_MS);
      const loseRedis = async () => {
        if (!redisIsLost) return;
        await f.killRedis();
        await sleep(300);
        await f.startRedis();
      };
      const { warm, reports } = start(f, order);
      await grantedAre(s, 10);
      due.push(...faults);
      await grantedAre(s, 25);
      await loseRedis();
      await warm;
      expect(granted(s)).toBe(50);
      await loseRedis();
      // All tokens of all processes come into their refresh window at once.
      leap(LIFETIME_MS * 0.97);
      before = 50;
      due.push(...faults);
      await grantedAre(s, 75);
      await loseRedis();
      await grantedAre(s, 100);
      // Long enough for everybody to find what others have refreshed, where Redis was lost in between.
      await sleep(4_000);
      // The first tokens have ended, the second ones are fresh.
      leap(LIFETIME_MS * 0.06);
      await sleep(2_000);
      f.tell({ kind: "end" });
      for (const report of await reports) {
        expect(report).toMatchObject({ refused: {}, stale: 0 });
        expect(report.succeeded).toBeGreaterThan(2_000);
      }
      clearInterval(settling);
      await endpoint.close();
      expect(due).toEqual([]);
      expect(granted(s)).toBe(100);
      expect([...new Set(grantedByKey(s).values())]).toEqual([2]);
    });
  },
);

test(
  // Its timeout must outlast a burst of exchanges without a limit: an answer that comes too late is an exchange more.
  "tokens that were in a lost Redis and in no process are exchanged again, once a key",
  { timeout: TIMEOUT_MS },
  async () => {
    await withFleet({}, async ({ s, f }) => {
      const keys = await keysOf(s, 50);
      const run = async () =>
        f.run(orders(s, f.socket, 8, keys, () => ({ requests: 200, timeoutMs: TIMEOUT_MS })));
      await run();
      await run();
      expect(granted(s)).toBe(50);
      await f.killRedis();
      await f.startRedis();
      for (const report of await run()) expect(report).toMatchObject({ succeeded: 200, refused: {} });
      expect(granted(s)).toBe(100);
    });
  },
);

test(
  "without any Redis: at most one exchange a key and process; once it is there, one a key again",
  { timeout: TIMEOUT_MS },
  async () => {
    await withFleet({}, async ({ s, f, leap }) => {
      const keys = await keysOf(s, 50);
      await f.killRedis();
      const { warm, reports } = start(
        f,
        orders(s, f.socket, 8, keys, () => ({ pauseMs: 100, timeoutMs: TIMEOUT_MS })),
      );
      await warm;
      const alone = granted(s);
      expect(alone).toBeLessThanOrEqual(8 * 50);
      expect(Math.max(...grantedByKey(s).values())).toBeLessThanOrEqual(8);
      await f.startRedis();
      await sleep(5_000);
      leap(LIFETIME_MS * 0.97);
      await grantedAre(s, alone + 50);
      await sleep(2_000);
      f.tell({ kind: "end" });
      for (const report of await reports) expect(report).toMatchObject({ refused: {}, stale: 0 });
      expect(granted(s)).toBe(alone + 50);
    });
  },
);

interface Scene {
  readonly s: Stage;
  readonly f: Fleet;
  /** Puts the clocks of the tenant and of all processes forward. */
  readonly leap: (ms: number) => void;
}

/** A fleet before a tenant whose tokens live for an hour, by a clock that can leap. */
async function withFleet(options: StageOptions, use: (scene: Scene) => Promise<void>): Promise<void> {
  let advancedMs = 0;
  const policy = { allowNoExpiry: true, maxKeysPerUser: 50 };
  const nowMs = () => Date.now() + advancedMs;
  const s = await stage({ redis: "server", config: { policy }, nowMs, ...options });
  const f = await fleet();
  const api = s.local.tenant.resourceServers.get(AUDIENCE);
  if (!api) throw new Error("the stage has no API");
  s.local.tenant.resourceServers.set(AUDIENCE, { ...api, token_lifetime: LIFETIME_MS / 1000 });
  const leap = (ms: number) => {
    advancedMs += ms;
    f.tell({ kind: "advance", ms });
  };
  try {
    await use({ s, f, leap });
  } finally {
    await f.stop();
    await s.stop();
  }
}

/** Starts a fleet that works until it is told to end. `warm` is when each process has had a token for every key. */
function start(f: Fleet, order: Parameters<Fleet["run"]>[0]) {
  const { promise: warm, resolve } = withResolvers();
  return { warm, reports: f.run(order, resolve) };
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function grantedAre(s: Stage, count: number): Promise<void> {
  while (granted(s) < count) await sleep(20);
}
