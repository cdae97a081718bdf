import type { Group } from "./mutant.ts";

/** Mutants of the decisions. */
export const CORE: readonly Group[] = [];
