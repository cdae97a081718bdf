import { Command, InvalidArgumentError } from "commander";

import type { Io } from "../cli/io.ts";
import { progressLine } from "../cli/progress-line.ts";
import { runProgram } from "../cli/run-program.ts";
import { writePage } from "../report/page.ts";
import { benchPage } from "./bench-page.ts";
import { FULL, QUICK } from "./bench-size.ts";
import { measure } from "./measure.ts";
import { openPeers } from "./peers.ts";
import { report } from "./report.ts";

interface Options {
  readonly json?: true;
  readonly peers?: true;
  readonly keypal?: string;
  readonly quick?: true;
  readonly write?: true;
  readonly requests?: number;
  readonly reconcile?: readonly number[];
}

const PAGE = "docs/BENCHMARKS.md";
const PEERS_FOLDER = ".bench";

/** Runs `npm run bench`: all is measured in one run, and told as ratios first. */
export async function runBench(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  const program = new Command("bench")
    .description("Measure the Action, the operations on keys, the exchange and the client on this machine.")
    .option("--json", "print one JSON value")
    .option("--peers", "beside other libraries' checks of a key too: installs them from npm into .bench")
    .option(
      "--keypal <checkout>",
      "beside keypal as well, of github.com/izadoesdev/keypal: it is gone from npm",
    )
    .option("--quick", "everything once, in seconds: shows that it runs, its times say nothing")
    .option("--write", `write ${PAGE}, its pictures and its numbers`)
    .option("--requests <number>", `requests a round under load (default: ${FULL.requests})`, wholeNumber)
    .option(
      "--reconcile <numbers>",
      `rebuild a lost Redis with so many keys, up to 1000000 (default: ${FULL.reconcileKeys.join()})`,
      (text) => text.split(",").map(wholeNumber),
    )
    .action(async ({ json, peers: withPeers, keypal, quick, write, requests, reconcile }: Options) => {
      const size = {
        ...(quick ? QUICK : FULL),
        ...(requests !== undefined && { requests }),
        ...(reconcile && { reconcileKeys: reconcile }),
      };
      const progress = progressLine(io);
      const onSection = (name: string) => progress.show(`Measuring ${name} …`);
      const peers = withPeers || keypal ? await openPeers({ folder: PEERS_FOLDER, keypal }) : undefined;
      const results = await measure(size, peers, onSection).finally(progress.clear);
      if (write) await writePage(PAGE, benchPage(results), results);
      io.stdout(json ? `${JSON.stringify(results)}\n` : report(results));
    });
  return runProgram(program, argv, io);
}

function wholeNumber(text: string): number {
  const number = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= 1_000_000) return number;
  throw new InvalidArgumentError("It must be a number from 1 to 1000000.");
}
