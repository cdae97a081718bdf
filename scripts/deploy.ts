import { setTimeout as sleep } from "node:timers/promises";

import { runDeploy } from "../src/cli/deploy/deploy-program.ts";
import { processIo } from "../src/cli/io.ts";
import { processTerminal } from "../src/cli/deploy/terminal.ts";

const clock = { nowMs: Date.now, sleep: async (ms: number) => sleep(ms) };
process.exitCode = await runDeploy(process.argv.slice(2), processIo(), {
  clock,
  terminal: processTerminal(),
});
