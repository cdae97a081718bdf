import { processIo } from "../src/cli/io.ts";
import { runKeys } from "../src/cli/keys/keys-program.ts";

process.exitCode = await runKeys(process.argv.slice(2), processIo());
