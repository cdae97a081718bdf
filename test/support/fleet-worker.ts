import { createClient } from "@redis/client";

import {
  ApiKeyGateway,
  ApiKeyTokenSource,
  layeredTokenCache,
  memoryTokenCache,
  redisClientPort,
  redisTokenCache,
  type ExchangeEndpoint,
} from "../../src/client/index.ts";

/** What one process of a fleet is to do. It comes on standard input: it holds keys. */
export interface FleetOrder extends ExchangeEndpoint {
  readonly issuer: string;
  readonly audience: string;
  readonly scope: string;
  readonly keys: readonly string[];
  /** The unix socket of the cache's Redis. */
  readonly socket: string;
  /** It ends after so many requests, or when it is told to. */
  readonly requests: number;
  readonly pauseMs: number;
  readonly timeoutMs: number;
  /** How long a new store settles, and how long a lost one is waited for. Default: as the cache has it. */
  readonly patience?: { readonly settleMs: number; readonly outageWaitMs: number };
  /** How far this process's clock is off. */
  readonly skewMs: number;
}

/** What it may be told while it works. */
export type FleetMessage = { readonly kind: "advance"; readonly ms: number } | { readonly kind: "end" };

/** What it did. Before that it says `warm`, once it has had a token for every key. */
export interface FleetReport {
  readonly succeeded: number;
  /** How often it was refused, by status and error. */
  readonly refused: Readonly<Record<string, number>>;
  /** How many tokens it was given after their end, by the true time. */
  readonly stale: number;
  readonly subjects: readonly string[];
  readonly p99HitMicroseconds: number;
}

const LANES = 16;
const sleep = async (ms: number) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

async function work(order: FleetOrder): Promise<FleetReport> {
  const client = createClient({
    socket: { path: order.socket, tls: false, reconnectStrategy: 50 },
    disableOfflineQueue: true,
  });
  client.on("error", () => undefined);
  // It goes on trying. A fleet must be able to start without its cache.
  void client.connect().catch(() => undefined);
  let advancedMs = 0;
  const end = new AbortController();
  process.on("message", (message: FleetMessage) => {
    if (message.kind === "advance") advancedMs += message.ms;
    else end.abort();
  });
  const trueNowMs = () => Date.now() + advancedMs;
  const nowMs = () => trueNowMs() + order.skewMs;
  const { token_endpoint, client_id, subject_token_type, timeoutMs, issuer, audience, scope } = order;
  const source = new ApiKeyTokenSource({
    token_endpoint,
    client_id,
    subject_token_type,
    timeoutMs,
    cache: layeredTokenCache(
      memoryTokenCache({ nowMs }),
      redisTokenCache(redisClientPort(client), { nowMs, ...order.patience }),
    ),
    // It must outlast the leaps of the clock.
    waitBudgetMs: 86_400_000,
    clock: { nowMs, sleep: async (ms) => void (await sleep(ms)) },
  });
  const gateway = new ApiKeyGateway({ issuer, audience, scope, source, nowMs });

  const refused: Record<string, number> = {};
  const subjects = new Set<string>();
  const warm = new Set<string>();
  const hitsMs: number[] = [];
  let [succeeded, stale, asked] = [0, 0, 0];
  const lane = async () => {
    while (asked < order.requests && !end.signal.aborted) {
      const apiKey = order.keys[asked++ % order.keys.length] ?? "";
      const startMs = performance.now();
      const decision = await gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": apiKey } });
      hitsMs.push(performance.now() - startMs);
      if (decision.kind === "authorized") {
        succeeded++;
        if (!warm.has(apiKey) && warm.add(apiKey).size === order.keys.length) process.stdout.write("warm\n");
        subjects.add(String(decision.auth.payload.sub));
        if (Number(decision.auth.payload.exp) * 1000 <= trueNowMs()) stale++;
      } else {
        const what =
          decision.kind === "refused" ? `${decision.status} ${decision.body.error}` : decision.kind;
        refused[what] = (refused[what] ?? 0) + 1;
      }
      if (order.pauseMs > 0) await sleep(order.pauseMs * 2 * Math.random());
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  client.destroy();
  const sorted = hitsMs.sort((a, b) => a - b);
  const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  return { succeeded, refused, stale, subjects: [...subjects], p99HitMicroseconds: Math.round(p99Ms * 1000) };
}

async function main(): Promise<void> {
  let text = "";
  for await (const chunk of process.stdin) text += String(chunk);
  process.stdout.write(JSON.stringify(await work(JSON.parse(text) as FleetOrder)));
  process.disconnect();
}

void main();
