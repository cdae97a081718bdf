import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { openDeaths } from "../support/deaths.ts";
import { fillOldWorld, NAMES, startOldWorld, type Held, type OldWorld } from "../support/old-world.ts";
import { apply, dieAndApplyAgain, expectContent, expectGrants } from "../support/take-over-again.ts";

let w: OldWorld;
let held: readonly Held[];
let back: () => Promise<void>;
beforeAll(async () => {
  w = await startOldWorld();
  held = await fillOldWorld(w);
  back = await w.checkpoint();
});
afterEach(async () => back());
afterAll(async () => w.close());

test.each(NAMES)(
  "deploy apply of %s dies after each of its requests, and between any two operations on a file: nothing is lost",
  async (name) => {
    const points = await dieAndApplyAgain(w, w.of[name], held, back, () => true);
    expect(points.length).toBeGreaterThan(name === "billing" ? 100 : 40);
  },
  600_000,
);

test("deploy apply of billing loses any one of its requests: no key stops, and the next run ends as an undisturbed one", async () => {
  const { billing } = w.of;
  const deaths = openDeaths(w.s);
  try {
    await deaths.run(async () => apply(billing));
    const expected = await w.content();
    const requests = deaths.points.flatMap((point, at) => (/^[A-Z]+ /.test(point) ? [at] : []));
    expect(requests.length).toBeGreaterThan(90);
    for (const at of requests) {
      await back();
      const label = `without ${at}`;
      const between = async (point: string) => {
        if (/\/deploy$|PATCH/.test(point)) await expectGrants(held, label);
      };
      await deaths.run(async () => billing.deploy("apply", "--yes"), between, at);
      await expectGrants(held, label);
      await apply(billing);
      await expectContent(w, label, expected);
    }
  } finally {
    deaths.close();
  }
}, 600_000);
