import type { Group } from "./mutant.ts";

/** Mutants of the operations on keys and of the stores. */
export const KEYS: readonly Group[] = [];
