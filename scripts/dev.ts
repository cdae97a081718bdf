import { processIo } from "../src/cli/io.ts";
import { runStart } from "../src/cli/start-program.ts";
import { startLocalTenant } from "../src/local/start.ts";

process.exitCode = await runStart(process.argv.slice(2), processIo(), async (options) =>
  startLocalTenant(options),
);
