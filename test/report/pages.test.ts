import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { benchPage } from "../../src/bench/bench-page.ts";
import type { Page } from "../../src/report/page.ts";
import { scalePage } from "../../src/simulate/scale-page.ts";
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
