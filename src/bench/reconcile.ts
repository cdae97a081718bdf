import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

import type { ApiKey } from "../core/api-key.ts";
import type { ActionBundle } from "../deploy/bundle.ts";
import type { Deployment } from "../core/deployment.ts";
import type { DeployConfig } from "../deploy/config.ts";
import { startBenchTenant, type BenchTenant } from "./bench-tenant.ts";
import { fillUsers, KEYS_A_USER } from "./fill-users.ts";
import { hundredths } from "./load.ts";
import { countRequests, type WireCount } from "./wire-count.ts";

/** What rebuilding a lost Redis takes at one size. */
interface Rebuild {
  readonly keys: number;
  readonly users: number;
  /** From the first request of the process to its end. */
  readonly seconds: number;
  readonly us_a_key: number;
  /** Resident at most in the process that rebuilds, which is not the tenant's. */
  readonly peak_mib: number;
  readonly requests: Pick<WireCount, "token" | "management" | "download" | "redis">;
  /** How often as many keys, seconds, memory and requests to Redis as the size before took. */
  readonly of_before?: Readonly<Record<"keys" | "seconds" | "memory" | "redis", number>>;
}

/** A lost Redis rebuilt with `keys reconcile --fix`, at several sizes. */
export interface Rebuilds {
  readonly redis: string;
  readonly keys_a_user: number;
  readonly sizes: readonly Rebuild[];
}

/** Fills a tenant for each number of keys, flushes its Redis, and lets the keys program rebuild it in a process of its own. */
export async function benchReconcile(
  actions: readonly ActionBundle[],
  config: DeployConfig & Deployment,
  keyCounts: readonly number[],
): Promise<Rebuilds> {
  const sizes: Rebuild[] = [];
  let redis = "";
  for (const keyCount of keyCounts) {
    const bench = await startBenchTenant(actions, config);
    try {
      redis = bench.local.redis.name;
      sizes.push(await rebuild(bench, keyCount, sizes.at(-1)));
    } finally {
      await bench.local.stop();
    }
  }
  return { redis, keys_a_user: KEYS_A_USER, sizes };
}

async function rebuild(bench: BenchTenant, keyCount: number, before: Rebuild | undefined): Promise<Rebuild> {
  const { local } = bench;
  local.tenant.users.clear();
  const lastKey = fillUsers(bench, keyCount);
  await local.redis.execute(["FLUSHALL"]);
  const { result, requests, firstAtMs } = await countRequests(local, async () => runReconcile(bench));
  const { entries, mended, remaining, marked } = result.done;
  if (entries !== keyCount || mended !== keyCount || remaining !== 0 || !marked) {
    throw new Error(`A rebuild of ${keyCount} keys ended with ${JSON.stringify(result.done)}.`);
  }
  await requireWorking(bench, lastKey);
  const seconds = (result.endedAtMs - firstAtMs) / 1000;
  const { token, management, download, redis } = requests;
  const one: Omit<Rebuild, "of_before"> = {
    keys: keyCount,
    users: local.tenant.users.size,
    seconds: hundredths(seconds),
    us_a_key: hundredths((seconds * 1_000_000) / keyCount),
    peak_mib: result.peakMib,
    requests: { token, management, download, redis },
  };
  if (!before) return one;
  const of_before = {
    keys: hundredths(one.keys / before.keys),
    seconds: hundredths(one.seconds / before.seconds),
    memory: hundredths(one.peak_mib / before.peak_mib),
    redis: hundredths(redis / before.requests.redis),
  };
  return { ...one, of_before };
}

interface PackageJson {
  readonly scripts: { readonly keys: string };
}

interface Reconciled {
  readonly entries: number;
  readonly mended: number;
  readonly remaining: number;
  readonly marked: boolean;
}

async function runReconcile({ settings, pepper }: BenchTenant) {
  const { options, script } = await keysCommand();
  const told = [...options, "--import", "./src/bench/tell-peak-memory.ts"];
  const child = spawn(process.execPath, [...told, script, "reconcile", "--fix", "--json"], {
    env: {
      PATH: process.env["PATH"],
      AUTH0_DOMAIN: settings.origin,
      AUTH0_CLIENT_ID: settings.clientId,
      AUTH0_CLIENT_SECRET: settings.clientSecret,
      UPSTASH_REDIS_REST_URL: settings.redisUrl,
      UPSTASH_REDIS_REST_TOKEN: settings.redisToken,
      API_KEY_PEPPER: pepper,
    },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const pipe = async (number: 1 | 2 | 3) => text(child.stdio[number] as Readable);
  const [stdout, stderr, peakMib, [code]] = await Promise.all([
    pipe(1),
    pipe(2),
    pipe(3),
    once(child, "close"),
  ]);
  const endedAtMs = performance.now();
  if (code !== 0) throw new Error(`keys reconcile ended with ${code}: ${stderr}`);
  const { entries, mended, remaining, marked } = JSON.parse(stdout) as Reconciled;
  return { done: { entries, mended, remaining, marked }, peakMib: Number(peakMib), endedAtMs };
}

/** What `npm run keys` runs in Node, with its options. */
async function keysCommand(): Promise<{ readonly options: readonly string[]; readonly script: string }> {
  const { scripts } = JSON.parse(await readFile("package.json", "utf8")) as PackageJson;
  const [, options = "", script = ""] = /^node (.*) (\S+)$/.exec(scripts.keys) ?? [];
  return { options: options.split(" "), script };
}

/** One key of the rebuilt store, through the whole exchange. */
async function requireWorking({ local: { description } }: BenchTenant, key: ApiKey): Promise<void> {
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: description.subject_token_type,
    subject_token: key.reveal(),
    client_id: description.client_id,
    audience: description.audience,
  });
  const { status } = await fetch(description.token_endpoint, { method: "POST", body });
  if (status !== 200) throw new Error(`A key of a rebuilt store was answered with ${status}.`);
}
