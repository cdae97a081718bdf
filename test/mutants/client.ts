import type { Group } from "./mutant.ts";

/** Mutants of the client, the gateway and the kill switch. */
export const CLIENT: readonly Group[] = [];
