import type { Group } from "./mutant.ts";

/** Mutants of self-service. */
export const SELF_SERVICE: readonly Group[] = [];
