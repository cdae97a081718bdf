import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { benchPage } from "../../src/bench/bench-page.ts";
import type { KeyChecks } from "../../src/bench/key-check.ts";
import type { Results } from "../../src/bench/measure.ts";
import type { Page } from "../../src/report/page.ts";
import { scalePage } from "../../src/simulate/scale-page.ts";
import type { Scale } from "../../src/simulate/simulate.ts";
import { runSimulate } from "../../src/simulate/simulate-program.ts";
import { kindsIn, readNumbers } from "../support/kinds.ts";

test.each<[string, (numbers: never) => Page]>([
  ["docs/BENCHMARKS.md", benchPage],
  ["docs/SCALE.md", scalePage],
])("%s and its pictures are those of its numbers, and say nothing that is not there", (path, page) => {
  const { text, charts } = page(readNumbers(path) as never);
  expect(readFileSync(path, "utf8")).toBe(text);
  for (const [name, svg] of Object.entries(charts)) {
    expect(readFileSync(join("docs", name), "utf8"), name).toBe(svg);
    expect(text).toContain(`](${name})`);
  }
  expect([text, ...Object.values(charts)].join("\n")).not.toMatch(/undefined|NaN|Infinity|\[object/);
});

test("docs/BENCHMARKS.md reckons our check as a multiple of what it can cost at least, and names who is not compared", () => {
  const numbers = readNumbers("docs/BENCHMARKS.md") as Results;
  const limit = { "one SHA-256": 5, "one HMAC-SHA-256": 4, "JSON.parse of the record": 3 };
  const pageOf = (not_compared: KeyChecks["not_compared"], peers: Record<string, number> = {}) => {
    const us = Object.entries({ ours: 30, ...peers, ...limit });
    const without_store = us.map(([name, one]) => ({ name, us: one, of_ours: one / 30 }));
    return benchPage({ ...numbers, key_checks: { ...numbers.key_checks, without_store, not_compared } }).text;
  };
  expect(pageOf([])).toContain("**2.5 times**");
  expect(pageOf([])).not.toContain("Not compared");
  expect(pageOf([], { slowpal: 31 })).not.toContain("Faster than ours");
  expect(pageOf([], { slowpal: 31, quickpal: 11 })).toContain("and faster than the limit: `quickpal`.");
  expect(pageOf([], { quickpal: 11, brisk: 13 })).toContain("Faster than ours: `quickpal` and `brisk`.");
  expect(pageOf([{ name: "slowpal", reason: "it is gone" }])).toContain(
    "Not compared: `slowpal`, since it is gone.",
  );
});

test("docs/BENCHMARKS.md says with which options it was written", () => {
  const numbers = readNumbers("docs/BENCHMARKS.md") as Results;
  const [size] = numbers.reconcile.sizes;
  if (!size) throw new Error("no size");
  const pageOf = (peers: KeyChecks["peers"]) =>
    benchPage({
      ...numbers,
      key_checks: { ...numbers.key_checks, peers },
      reconcile: { ...numbers.reconcile, sizes: [size, { ...size, keys: 50_000 }] },
    }).text;
  expect(pageOf({})).toContain("`npm run bench -- --reconcile 1000,50000 --write`");
  expect(pageOf({ "prefixed-api-key": "1", keypal: "2" })).toContain(
    "`npm run bench -- --peers --keypal <checkout> --reconcile 1000,50000 --write`",
  );
});

test("docs/SCALE.md tells of the most jobs in the same second, and how fast the tenant could serve them", () => {
  const numbers = readNumbers("docs/SCALE.md") as Scale;
  const row = { every: "hour", design: "none", lifetime_hours: 24, spread_seconds: 0 } as const;
  const cron: Scale["cron"] = [
    { ...row, jobs: 10, wait_seconds: 60, runs: 20, failed: 0, p99_wait_ms: 9_000 },
    // Two hours, in each of which 100 of 404 failed.
    { ...row, jobs: 404, wait_seconds: 60, runs: 808, failed: 200, p99_wait_ms: 59_000 },
    { ...row, jobs: 900, wait_seconds: 20, runs: 900, failed: 900, p99_wait_ms: 20_000 },
    { ...row, design: "file", jobs: 999, wait_seconds: 60, runs: 999, failed: 0, p99_wait_ms: 1_000 },
  ];
  const { text } = scalePage({ ...numbers, cron });
  expect(text.replaceAll("\n", " ")).toContain(
    "of 404 that start in the same second and wait up to 60 s, 304 get their token, 99 percent of them within 59.0 s. The tenant grants as many in 100.0 s at best.",
  );
});

test("docs/SCALE.md reckons uses a second from the run with the most calls that shares a Redis", () => {
  const numbers = readNumbers("docs/SCALE.md") as Scale;
  const [run] = numbers.capacity_runs;
  if (!run) throw new Error("no run");
  const capacity_runs: Scale["capacity_runs"] = [
    { ...run, design: "redis", calls: 1_000, redis_commands: 4_000 },
    { ...run, design: "redis", calls: 2_000, redis_commands: 5_000 },
    { ...run, design: "file", calls: 9_000, redis_commands: 0 },
  ];
  // 5,000 commands for 2,000 uses; Upstash takes 10,000 a second.
  expect(scalePage({ ...numbers, capacity_runs }).text).toContain("2.5 commands a use: 4,000 uses a second");
});

async function simulateQuickly(): Promise<string> {
  let [out, err] = ["", ""];
  const code = await runSimulate(["--quick", "--json"], {
    env: {},
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    readStdin: async () => "",
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
}

test("what npm run simulate writes today is of the kind that docs/SCALE.md is made of, and the same for the same seed", async () => {
  const out = await simulateQuickly();
  expect(kindsIn(JSON.parse(out))).toEqual(kindsIn(readNumbers("docs/SCALE.md")));
  expect(await simulateQuickly()).toBe(out);
});
