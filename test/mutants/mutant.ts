/** One bug, and what must see it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly tests: readonly string[];
  readonly only?: string;
}

/** A file, the tests that are run for its mutants unless they name others, and these. */
export type Group = readonly [
  file: string,
  tests: readonly string[],
  mutants: readonly (Omit<Mutant, "file" | "tests"> & Partial<Pick<Mutant, "tests">>)[],
];
