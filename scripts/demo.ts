import { runDemo } from "../src/cli/demo.ts";
import { processIo } from "../src/cli/io.ts";
import { startLocalTenant } from "../src/local/start.ts";

process.exitCode = await runDemo(processIo(), async (options) => startLocalTenant(options));
