import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { build } from "esbuild";

import { listen, type Listening } from "../../src/local/listen.ts";
import type { FleetMessage, FleetOrder, FleetReport } from "./fleet-worker.ts";
import { ADA, AUDIENCE, CLIENT_ID, GRACE, SUBJECT_TOKEN_TYPE, type Stage } from "./stage.ts";

/** Processes that share a Redis cache, and hands to disturb them. */
export interface Fleet {
  /** Runs as many processes as there are orders, at once. `onWarm` is called once each has had a token for every key. */
  run(orders: readonly FleetOrder[], onWarm?: () => void): Promise<readonly FleetReport[]>;
  /** Tells all processes. */
  tell(message: FleetMessage): void;
  readonly socket: string;
  killRedis(): Promise<void>;
  startRedis(): Promise<void>;
  /** Ends the time in which a new store settles, if so many tokens are there: then all of them have been put back. */
  settle(tokens: number): Promise<void>;
  /** Everything that the cache holds, as one text. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

const SETTLE_SCRIPT = `
local tokens = 0
for _, key in ipairs(redis.call('KEYS', 'apikey-token:*')) do
  if #key == #'apikey-token:' + 43 then tokens = tokens + 1 end
end
return tokens >= tonumber(ARGV[1]) and redis.call('DEL', 'apikey-token:settling')
`;

/** Builds the worker and starts the cache's Redis, on a unix socket. */
export async function fleet(): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-test-"));
  const socket = join(folder, "redis.sock");
  const worker = join(folder, "worker.cjs");
  await build({
    entryPoints: [new URL("fleet-worker.ts", import.meta.url).pathname],
    outfile: worker,
    bundle: true,
    format: "cjs",
    platform: "node",
    logLevel: "silent",
  });
  const workers = new Set<ChildProcess>();
  let redis: ChildProcess | undefined;
  const killRedis = async () => {
    const child = redis;
    redis = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  const startRedis = async () => {
    const child = spawn(
      "redis-server",
      ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    redis = child;
    for await (const chunk of child.stdout ?? []) if (/ready to accept/i.test(String(chunk))) break;
  };
  const runOne = async (order: FleetOrder, onWarm: () => void): Promise<FleetReport> => {
    const child = spawn(process.execPath, [worker], { stdio: ["pipe", "pipe", "inherit", "ipc"] });
    workers.add(child);
    child.stdin?.end(JSON.stringify(order));
    let text = "";
    for await (const chunk of child.stdout ?? []) {
      if (text === "" && String(chunk).startsWith("warm")) onWarm();
      text += String(chunk);
    }
    workers.delete(child);
    return JSON.parse(text.replace("warm", "")) as FleetReport;
  };
  await startRedis();
  return {
    socket,
    killRedis,
    startRedis,
    async run(orders, onWarm) {
      let cold = orders.length;
      const isWarm = () => {
        if (--cold === 0) onWarm?.();
      };
      return Promise.all(orders.map(async (order) => runOne(order, isWarm)));
    },
    tell(message) {
      for (const child of workers) child.send(message);
    },
    async settle(tokens) {
      const argv = ["-s", socket, "EVAL", SETTLE_SCRIPT, "0", String(tokens)];
      await once(spawn("redis-cli", argv, { stdio: "ignore" }), "exit");
    },
    async dump() {
      const child = spawn("redis-cli", ["-s", socket, "--scan"], { stdio: ["ignore", "pipe", "ignore"] });
      let names = "";
      for await (const chunk of child.stdout) names += String(chunk);
      const get = spawn("redis-cli", ["-s", socket, "MGET", ...names.trim().split("\n")]);
      let text = names;
      for await (const chunk of get.stdout) text += String(chunk);
      return text;
    },
    async stop() {
      for (const child of workers) child.kill("SIGKILL");
      await killRedis();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a faulty endpoint does with the next request: answer in place of the real one, or never. */
export type Fault = { readonly status: number; readonly headers?: Record<string, string> } | "hang";

/**
 * A token endpoint that passes requests on to the real one, but for the faults that are put before it. What the real one
 * answers is told to `onAnswer`.
 */
export async function faultyEndpoint(
  target: string,
  faults: Fault[],
  onAnswer?: (text: string) => void,
): Promise<Listening & { readonly underWay: () => number }> {
  let underWay = 0;
  const server = createServer((request, response) => {
    underWay++;
    response.once("close", () => underWay--);
    void (async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk as Uint8Array);
      const fault = faults.shift();
      if (fault === "hang") return;
      if (fault) {
        response.writeHead(fault.status, fault.headers).end();
        return;
      }
      const answer = await fetch(target, {
        method: "POST",
        headers: { "content-type": request.headers["content-type"] ?? "" },
        body: Buffer.concat(chunks),
      });
      const text = await answer.text();
      onAnswer?.(text);
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text);
    })();
  });
  const listening = await listen((request, response) => void server.emit("request", request, response), 0);
  return { ...listening, underWay: () => underWay };
}

const SCOPE = "read:things";

/** Makes the keys: half of them Ada's, half Grace's. */
export async function keysOf(s: Stage, count: number): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let at = 0; at < count; at++) keys.push((await s.create(at % 2 ? GRACE : ADA, { scope: SCOPE })).key);
  return keys;
}

/** The same order for each process, but for what `changes` says of it. */
export function orders(
  s: Stage,
  socket: string,
  processes: number,
  keys: readonly string[],
  changes: (at: number) => Partial<FleetOrder>,
): FleetOrder[] {
  const { issuer, token_endpoint } = s.local.description;
  const order: FleetOrder = {
    issuer,
    token_endpoint,
    client_id: CLIENT_ID,
    subject_token_type: SUBJECT_TOKEN_TYPE,
    audience: AUDIENCE,
    scope: SCOPE,
    keys,
    socket,
    requests: Number.MAX_SAFE_INTEGER,
    pauseMs: 0,
    timeoutMs: 10_000,
    skewMs: 0,
  };
  return Array.from({ length: processes }, (_, at) => ({ ...order, ...changes(at) }));
}

/** How many exchanges the tenant has granted for each key, by the actor that they name. */
export function grantedByKey(s: Stage): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { type, details } of s.local.tenant.logs) {
    const name = JSON.stringify((details as { actor?: unknown } | undefined)?.actor);
    if (type === "secte") counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** How many exchanges the tenant has granted. */
export function granted(s: Stage): number {
  return s.local.tenant.logs.filter(({ type }) => type === "secte").length;
}
