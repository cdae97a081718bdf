import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import type { Io } from "../../src/cli/io.ts";
import { numbersOf, type Page } from "../../src/report/page.ts";
import { scalePage } from "../../src/simulate/scale-page.ts";
import { runSimulate } from "../../src/simulate/simulate-program.ts";

const PAGES: readonly [path: string, page: (numbers: never) => Page, quick: () => Promise<unknown>][] = [
  ["docs/SCALE.md", scalePage, async () => quickly(async (argv, io) => runSimulate(argv, io))],
];

test.each(PAGES)("%s and its pictures are those of its numbers", (path, page) => {
  const { text, charts } = page(readNumbers(path) as never);
  expect(readFileSync(path, "utf8")).toBe(text);
  for (const [name, svg] of Object.entries(charts))
    expect(readFileSync(join("docs", name), "utf8"), name).toBe(svg);
});

test.each(PAGES)(
  "the numbers of %s are of the kind that its command writes today",
  async (path, _, quick) => {
    expect([...new Set(kindsIn(await quick()))].toSorted()).toEqual(
      [...new Set(kindsIn(readNumbers(path)))].toSorted(),
    );
  },
);

function readNumbers(path: string): unknown {
  return JSON.parse(readFileSync(join("docs", numbersOf(path)), "utf8"));
}

async function quickly(program: (argv: readonly string[], io: Io) => Promise<number>): Promise<unknown> {
  let [out, err] = ["", ""];
  const code = await program(["--quick", "--json"], {
    env: {},
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    readStdin: async () => "",
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out);
}

/** What there is in some JSON, by its place: `.waiting[].load number`. Failures are named after what failed. */
function kindsIn(value: unknown, place = ""): readonly string[] {
  if (place.endsWith(".failures")) return [place];
  if (Array.isArray(value)) return [`${place} array`, ...value.flatMap((one) => kindsIn(one, `${place}[]`))];
  if (typeof value !== "object" || value === null) return [`${place} ${typeof value}`];
  return Object.entries(value).flatMap(([name, one]) => kindsIn(one, `${place}.${name}`));
}
