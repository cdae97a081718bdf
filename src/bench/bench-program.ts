import { cpus } from "node:os";

import { Command, InvalidArgumentError } from "commander";

import type { Io } from "../cli/io.ts";
import { runProgram } from "../cli/run-program.ts";
import { table } from "../cli/table.ts";
import { bundleAction, TRIGGERS } from "../deploy/bundle.ts";
import { loadDeployConfig } from "../deploy/load-config.ts";
import { benchAction, type ActionTimes } from "./action.ts";
import { startBenchTenant } from "./bench-tenant.ts";
import { benchCaches, benchGateway, type CacheTimes } from "./client.ts";
import { benchExchange } from "./exchange.ts";
import { benchKeyChecks, type KeyChecks } from "./key-check.ts";
import type { Comparison } from "./load.ts";
import { benchStart, type StartTimes } from "./start.ts";

interface Options {
  readonly json?: true;
  readonly peers?: true;
  readonly requests: number;
}

interface Results {
  readonly machine: { readonly node: string; readonly cpu: string; readonly cores: number };
  readonly action: ActionTimes;
  readonly exchange: readonly Comparison[];
  readonly gateway: readonly Comparison[];
  /** The same before an API that goes on validating tokens itself. */
  readonly gateway_and_validation: readonly Comparison[];
  readonly caches: CacheTimes;
  readonly start: StartTimes;
  /** Only where it was asked for. */
  readonly key_checks?: KeyChecks;
}

const STARTS = 21;

/** Runs `npm run bench`: all is measured in one run, and told as ratios first. */
export async function runBench(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  const program = new Command("bench")
    .description("Measure the Action, the exchange and the client on this machine.")
    .option("--json", "print one JSON value")
    .option("--peers", "beside other libraries' checks of a key too: installs them from npm into .bench")
    .option("--requests <number>", "requests a round under load", wholeNumber, 2_000)
    .action(async (options: Options) => {
      const results = await measure(options.requests, options.peers === true);
      io.stdout(options.json ? `${JSON.stringify(results)}\n` : report(results));
    });
  return runProgram(program, argv, io);
}

async function measure(requests: number, withPeers: boolean): Promise<Results> {
  const config = await loadDeployConfig("deploy.config.ts");
  const bundles = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
  const exchangeAction = bundles.find(({ trigger }) => trigger === "custom-token-exchange");
  if (!exchangeAction) throw new Error("There is no exchange Action.");
  const action = await benchAction(exchangeAction, config, requests);
  const tenant = await startBenchTenant(bundles, config);
  try {
    return {
      machine: { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length },
      action,
      exchange: await benchExchange(tenant, requests),
      gateway: await benchGateway(tenant, requests, false),
      gateway_and_validation: await benchGateway(tenant, requests, true),
      caches: await benchCaches(tenant, requests),
      start: await benchStart(tenant, STARTS),
      ...(withPeers && { key_checks: await benchKeyChecks(config, tenant.local.redis) }),
    };
  } finally {
    await tenant.local.stop();
  }
}

function report({
  machine,
  action,
  exchange,
  gateway,
  gateway_and_validation,
  caches,
  start,
  key_checks,
}: Results): string {
  const ofHmac = (action.own_p50_us / action.hmac_p50_us).toFixed(1);
  const cacheRows = Object.entries(caches).map(([name, one]) => [
    `  ${name}`,
    `${one.p50_us} µs`,
    `${one.p99_us} µs`,
  ]);
  return `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}

The Action, all but the answer of Redis
${table([
  ["  own time p50", `${action.own_p50_us} µs`, `${ofHmac} × one HMAC-SHA-256 (${action.hmac_p50_us} µs)`],
  ["  own time p99", `${action.own_p99_us} µs`],
  [
    "  loading its module",
    `${action.load_p50_us} µs`,
    `${action.bundle_bytes} bytes, without @upstash/redis`,
  ],
])}
Whole exchanges through the local tenant, beside a bare endpoint that only signs RS256
${comparisonTable(exchange, "bare")}
An API behind the gateway, called with a key, beside the same API validating a token itself
${comparisonTable(gateway, "direct")}
The same, where the API behind the gateway validates the token once more
${comparisonTable(gateway_and_validation, "direct")}
A token from each cache
${table([["  cache", "p50", "p99"], ...cacheRows])}
A call of auth0-api-keys token with a cached token, a process of its own, ${start.starts} times in turn with node -e 0
${table([["  p50", `${start.token_p50_ms} ms`, `${start.ratio} × node -e 0 (${start.node_p50_ms} ms)`]])}${key_checks ? keyCheckTables(key_checks) : ""}`;
}

function keyCheckTables({ peers, redis, without_store, with_store }: KeyChecks): string {
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  return `
A check of a key, beside others (${versions.join(", ")}) and beside the least that it can cost
${table([
  ["  check, without its store", "of ours", "median"],
  ...without_store.map(({ name, of_ours, us }) => [`  ${name}`, String(of_ours), `${us} µs`]),
])}
${table([
  [`  with its store (${redis})`, "added", "of ours", "median", "round trips"],
  ...with_store.map(({ name, added_ms, of_ours, us, round_trips }) => [
    `  ${name}`,
    `${added_ms} ms`,
    String(of_ours),
    `${us} µs`,
    String(round_trips),
  ]),
])}`;
}

function comparisonTable(rows: readonly Comparison[], other: string): string {
  return table([
    ["  in flight", "ratio", "ours/s", "p50 ms", "p99 ms", `${other}/s`, "p50 ms", "p99 ms"],
    ...rows.map((one) => [
      `  ${one.in_flight}`,
      ...[one.ratio, one.ours.per_second, one.ours.p50_ms, one.ours.p99_ms].map(String),
      ...[one.other.per_second, one.other.p50_ms, one.other.p99_ms].map(String),
    ]),
  ]);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 1 to 999999.");
}
