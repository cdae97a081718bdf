import { createRequire } from "node:module";

import { Bench } from "tinybench";

import type { ActionBundle } from "../deploy/bundle.ts";
import { actionUnderTest, type MeasuredConfig } from "./action-under-test.ts";

/** The Action's own time, in microseconds: everything but the answer of Redis, which is there at once. */
export interface ActionTimes {
  readonly own_p50_us: number;
  readonly own_p99_us: number;
  /** One HMAC-SHA-256 of the same key in the same run: the least that a check can cost. */
  readonly hmac_p50_us: number;
  readonly load_p50_us: number;
  readonly bundle_bytes: number;
}

/** Measures the bundled exchange Action, warm, and how long its code takes to load again. */
export async function benchAction(
  { code }: Pick<ActionBundle, "code">,
  config: MeasuredConfig,
  timeMs: number,
): Promise<ActionTimes> {
  const { run, hmac, load } = await actionUnderTest(code, config, createRequire(import.meta.url));
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4 })
    .add("own", run)
    .add("hmac", hmac)
    .add("load", load);
  await bench.run();
  const percentile = (name: string, which: "p50" | "p99") => {
    const result = bench.getTask(name)?.result;
    if (result === undefined || !("latency" in result)) throw new Error(`"${name}" was not measured.`);
    return Math.round(result.latency[which] * 10_000) / 10;
  };
  return {
    own_p50_us: percentile("own", "p50"),
    own_p99_us: percentile("own", "p99"),
    hmac_p50_us: percentile("hmac", "p50"),
    load_p50_us: percentile("load", "p50"),
    bundle_bytes: Buffer.byteLength(code),
  };
}
