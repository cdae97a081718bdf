import { processIo } from "../src/cli/io.ts";
import { runToken } from "../src/cli/token-program.ts";

// In a function: bundled as CommonJS, which has no top-level await.
async function main(): Promise<void> {
  process.exitCode = await runToken(process.argv.slice(2), processIo());
}

void main();
