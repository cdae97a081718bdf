import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import type { ActionBundle } from "../deploy/bundle.ts";
import type { ActionFacts, ActionTask } from "./action-process.ts";
import type { MeasuredConfig } from "./action-under-test.ts";
import type { BenchSize } from "./bench-size.ts";
import { hundredths, median } from "./load.ts";

/** The exchange Action in processes of its own. */
export interface ActionAlone {
  /** How often a process was started for the times, which are their medians. */
  readonly starts: number;
  /** Loading its module for the first time, once `@upstash/redis` is there. */
  readonly cold_load_ms: number;
  /** Loading `@upstash/redis` for the first time. */
  readonly cold_client_load_ms: number;
  /** Bytes held on the heap after so many executions, garbage collected. */
  readonly heap: readonly { readonly executions: number; readonly held_bytes: number }[];
  /** What was held more at the end than at the first look, for each execution in between. */
  readonly held_bytes_an_execution: number;
}

/** Loads the Action cold in one process after the other, and executes it many times in one more. */
export async function benchActionAlone(
  { code }: Pick<ActionBundle, "code">,
  { tenant, name, keyPrefixes, subjectTokenType, clients, apis }: MeasuredConfig,
  { starts, executions }: Pick<BenchSize, "starts" | "executions">,
): Promise<ActionAlone> {
  // Plain JavaScript: a loader of TypeScript would be measured as well.
  const outfile = join(tmpdir(), `bench-${randomUUID()}`, "action-process.cjs");
  const entry = fileURLToPath(new URL("action-process.ts", import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, format: "cjs", platform: "node" });
  const config = { tenant, name, keyPrefixes, subjectTokenType, clients, apis };
  const look = async (executions: readonly number[]) => run(outfile, { code, config, executions });
  try {
    const cold: ActionFacts[] = [];
    for (let at = 0; at < starts; at++) cold.push(await look([]));
    const { heapBytes } = await look(executions);
    const heap = executions.map((number, at) => ({
      executions: number,
      held_bytes: heapBytes[at] ?? Number.NaN,
    }));
    const [first, last] = [heap[0], heap.at(-1)];
    const grown = (last?.held_bytes ?? 0) - (first?.held_bytes ?? 0);
    return {
      starts,
      cold_load_ms: hundredths(median(cold.map(({ moduleMs }) => moduleMs))),
      cold_client_load_ms: hundredths(median(cold.map(({ clientMs }) => clientMs))),
      heap,
      held_bytes_an_execution: hundredths(grown / ((last?.executions ?? 0) - (first?.executions ?? 0))),
    };
  } finally {
    await rm(join(outfile, ".."), { recursive: true, force: true });
  }
}

async function run(program: string, task: ActionTask): Promise<ActionFacts> {
  const env = { PATH: process.env["PATH"] };
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, ["--expose-gc", program], { env }, (error, stdout) => {
      if (error) reject(error);
      else resolve(JSON.parse(stdout) as ActionFacts);
    });
    child.stdin?.end(JSON.stringify(task));
  });
}
