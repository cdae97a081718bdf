import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openPrune, TAKING, type PruneWorld } from "../support/prune-world.ts";

let w: PruneWorld;
beforeAll(async () => {
  w = await openPrune();
});
afterAll(async () => w.close());

describe.each(TAKING)("%s", (_, argv) => {
  test.each(["kept", "lost"] as const)(
    "dies after anything that it changes, its journal is %s, and is run again: as if undisturbed, and nothing of the neighbour's is touched",
    async (journal) => {
      // Its own notes say nothing to whoever has lost them.
      const isPicked = (point: string) =>
        !point.startsWith("GET ") && (journal === "kept" || point.includes("/"));
      const points = await w.dieAndRunAgain(argv, journal === "lost", isPicked);
      expect(points.length).toBeGreaterThan(8);
    },
  );
});
