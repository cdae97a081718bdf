// A process of its own for the tests of size: lists the keys of all users, and prints how many, and what was held in memory.
import { runKeys } from "../../src/cli/keys/keys-program.ts";

const LINES_A_LOOK = 1_000;
let lines = 0;
let heldBytes = 0;
const code = await runKeys(["list", "--all-users"], {
  env: process.env,
  stdout() {
    if (++lines % LINES_A_LOOK > 0) return;
    // Only there with --expose-gc: without it, what is held cannot be told from what is left over.
    globalThis.gc?.();
    heldBytes = Math.max(heldBytes, process.memoryUsage().heapUsed);
  },
  stderr: (text) => void process.stderr.write(text),
  readStdin: async () => "",
});
process.stdout.write(JSON.stringify({ code, lines, heldBytes }));
