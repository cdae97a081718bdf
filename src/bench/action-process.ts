// A process of its own for the exchange Action: how long it takes to load cold, and what is held after many executions.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { actionUnderTest, loadHandler, type MeasuredConfig } from "./action-under-test.ts";

/** What the process reads on standard input. */
export interface ActionTask {
  readonly code: string;
  readonly config: MeasuredConfig;
  /** After how many executions to look at the heap: growing numbers, or none. */
  readonly executions: readonly number[];
}

/** What it writes to standard output. */
export interface ActionFacts {
  /** Loading `@upstash/redis`. */
  readonly clientMs: number;
  /** Loading the Action's own module, once that is there. */
  readonly moduleMs: number;
  /** Bytes held after each number of executions, garbage collected. */
  readonly heapBytes: readonly number[];
}

// The process needs --expose-gc for that.
const collect = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

async function look({ code, config, executions }: ActionTask): Promise<ActionFacts> {
  const require = createRequire(join(process.cwd(), "package.json"));
  const startedMs = performance.now();
  require("@upstash/redis");
  const clientAtMs = performance.now();
  loadHandler(code, require);
  const moduleAtMs = performance.now();
  const heapBytes: number[] = [];
  if (executions.length > 0) {
    const { run } = await actionUnderTest(code, config, require);
    let done = 0;
    for (const goal of executions) {
      while (done++ < goal) await run();
      done = goal;
      heapBytes.push(collect());
    }
  }
  return { clientMs: clientAtMs - startedMs, moduleMs: moduleAtMs - clientAtMs, heapBytes };
}

void look(JSON.parse(readFileSync(0, "utf8")) as ActionTask).then((facts) =>
  process.stdout.write(JSON.stringify(facts)),
);
