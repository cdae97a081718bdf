import { processIo } from "../src/cli/io.ts";
import { runSimulate } from "../src/simulate/simulate-program.ts";

process.exitCode = await runSimulate(process.argv.slice(2), processIo());
