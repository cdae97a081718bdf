import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { MUTANTS, mutate } from "./list.ts";

test("names are told apart", () => {
  const names = MUTANTS.map(({ name }) => name);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))("%s can still be tried", (_, mutant) => {
  const source = readFileSync(mutant.file, "utf8");
  const mutated = mutate(source, mutant);
  expect(mutated, `its text is not in ${mutant.file} just once`).toBeDefined();
  expect(mutated).not.toBe(source);
  expect(mutant.tests.filter((file) => !existsSync(file))).toEqual([]);
});
