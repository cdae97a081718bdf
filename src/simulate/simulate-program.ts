import { Command, InvalidArgumentError } from "commander";

import type { Io } from "../cli/io.ts";
import { progressLine } from "../cli/progress-line.ts";
import { runProgram } from "../cli/run-program.ts";
import { writePage } from "../report/page.ts";
import { withPromptCrypto } from "./prompt-crypto.ts";
import { scalePage } from "./scale-page.ts";
import { simulate } from "./simulate.ts";

interface Options {
  readonly json?: true;
  readonly quick?: true;
  readonly write?: true;
  readonly seed: number;
}

const PAGE = "docs/SCALE.md";

/** Runs `npm run simulate`. The same seed gives the same numbers. */
export async function runSimulate(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  const progress = progressLine(io);
  const program = new Command("simulate")
    .description("Model a tenant with up to 10,000,000 keys, whose client is the library itself.")
    .option("--json", "print one JSON value")
    .option("--write", `write ${PAGE}, its pictures and its numbers`)
    .option("--quick", "everything in small: to see that it works, not what comes of it")
    .option("--seed <number>", "of the random numbers", wholeNumber, 1)
    .action(async ({ seed, json, quick, write }: Options) => {
      const run = { seed, isQuick: quick === true, note: progress.show };
      const scale = await withPromptCrypto(async () => simulate(run));
      progress.clear();
      const page = scalePage(scale);
      if (write) await writePage(PAGE, page, scale);
      io.stdout(json ? `${JSON.stringify(scale)}\n` : page.text);
    });
  return runProgram(program, argv, io);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}
