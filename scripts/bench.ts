import { runBench } from "../src/bench/bench-program.ts";
import { processIo } from "../src/cli/io.ts";

process.exitCode = await runBench(process.argv.slice(2), processIo());
