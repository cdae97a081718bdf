import { cpus } from "node:os";

import { Command, InvalidArgumentError } from "commander";

import type { Io } from "../cli/io.ts";
import { table } from "../cli/table.ts";
import { runProgram } from "../cli/run-program.ts";
import { bundleAction, TRIGGERS } from "../deploy/bundle.ts";
import { loadDeployConfig } from "../deploy/load-config.ts";
import { benchAction, type ActionTimes } from "./action.ts";
import { benchExchange, type ExchangeComparison } from "./exchange.ts";

interface Options {
  readonly json?: true;
  readonly requests: number;
}

/** Runs `npm run bench`: what is measured is measured in one run, and told as ratios first. */
export async function runBench(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  const program = new Command("bench")
    .description("Measure the Action and the exchange on this machine.")
    .option("--json", "print one JSON value")
    .option("--requests <number>", "requests a round under load", wholeNumber, 2_000)
    .action(async (options: Options) => {
      const config = await loadDeployConfig("deploy.config.ts");
      const bundles = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
      const [exchangeAction] = bundles;
      if (!exchangeAction) throw new Error("There is no exchange Action.");
      const action = await benchAction(exchangeAction, config, options.requests);
      const exchange = await benchExchange(bundles, config, options.requests);
      const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
      io.stdout(
        options.json
          ? `${JSON.stringify({ machine, action, exchange })}\n`
          : report(machine, action, exchange),
      );
    });
  return runProgram(program, argv, io);
}

function report(
  machine: { node: string; cpu: string; cores: number },
  action: ActionTimes,
  exchange: readonly ExchangeComparison[],
): string {
  const ofHmac = (action.own_p50_us / action.hmac_p50_us).toFixed(1);
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
${table([
  ["  in flight", "ratio", "exchanges/s", "p50 ms", "p99 ms", "bare/s", "p50 ms", "p99 ms"],
  ...exchange.map((one) =>
    [
      one.in_flight,
      one.ratio,
      one.exchange.per_second,
      one.exchange.p50_ms,
      one.exchange.p99_ms,
      one.bare.per_second,
      one.bare.p50_ms,
      one.bare.p99_ms,
    ].map((cell, column) => (column === 0 ? `  ${cell}` : String(cell))),
  ),
])}`;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 1 to 999999.");
}
