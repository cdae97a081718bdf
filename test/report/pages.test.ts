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
  const us = { ours: 30, "one SHA-256": 5, "one HMAC-SHA-256": 4, "JSON.parse of the record": 3 };
  const without_store = Object.entries(us).map(([name, one]) => ({ name, us: one, of_ours: one / 30 }));
  const pageOf = (not_compared: KeyChecks["not_compared"]) =>
    benchPage({ ...numbers, key_checks: { ...numbers.key_checks, without_store, not_compared } }).text;
  expect(pageOf([])).toContain("**2.5 times**");
  expect(pageOf([])).not.toContain("Not compared");
  expect(pageOf([{ name: "slowpal", reason: "it is gone" }])).toContain(
    "Not compared: `slowpal`, since it is gone.",
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
