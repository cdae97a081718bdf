import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openPrune, TAKING, type PruneWorld } from "../support/prune-world.ts";

describe.each([
  ["was applied before its neighbour", false],
  ["was applied after its neighbour", true],
])("a deployment that %s", (_, isNeighbourFirst) => {
  let w: PruneWorld;
  beforeAll(async () => {
    w = await openPrune(isNeighbourFirst);
  });
  afterAll(async () => w.close());

  describe.each(TAKING)("%s", (__, argv) => {
    test.each(["kept", "lost"] as const)(
      "dies after each of its requests, its journal is %s, and is run again: as if undisturbed, and nothing of the neighbour's is touched",
      async (journal) => {
        const points = await w.dieAndRunAgain(argv, journal === "lost", () => true);
        expect(points.length).toBeGreaterThan(40);
      },
      600_000,
    );
  });
});
