import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import { takeOver } from "../../src/keys/take-over.ts";
import { openDeaths } from "../support/deaths.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { fillOldWorld, startOldWorld, type Held, type OldWorld, type Party } from "../support/old-world.ts";
import { apply, dieAndApplyAgain, expectContent, expectGrants } from "../support/take-over-again.ts";
import { FAULTS, openWire, type Fault } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

let clock: TestClock;
let w: OldWorld;
let billing: Party;
let held: readonly Held[];
let back: () => Promise<void>;
beforeAll(async () => {
  clock = openWorldClock();
  w = await startOldWorld();
  ({ billing } = w.of);
  held = await fillOldWorld(w);
  back = await w.checkpoint();
});
afterEach(async () => back());
afterAll(async () => {
  vi.useRealTimers();
  await w.close();
});

test("takeOver: whatever becomes of any of its requests, no key stops, and the next run ends as an undisturbed one", async () => {
  // The Actions read both fields, and nothing has moved.
  const deaths = openDeaths(w.s);
  await deaths.run(async () => apply(billing));
  const export_ = deaths.points.findIndex((point) => point.includes("users-exports"));
  await back();
  await deaths.kill(export_ - 1, async () => apply(billing));
  deaths.close();
  const start = await w.checkpoint();

  const wire = openWire(w.s);
  try {
    const work = async () => takeOver(freshKeys(billing.stage, clock), false);
    await wire.disturb(-1, FAULTS["never arrives"], work);
    const requests = [...wire.requests];
    expect(requests.length).toBeGreaterThan(18);
    const expected = await w.content();
    await expectGrants(held, "undisturbed");
    const runs = [
      ...Object.entries(FAULTS as Record<string, Fault>).flatMap(([name, fault]) =>
        requests.map((request, at) => ({
          label: `${at} ${request} ${name}`,
          run: async () => wire.disturb(at, fault, work),
          isLooked: false,
        })),
      ),
      ...requests.map((request, at) => ({
        label: `dies after ${at} ${request}`,
        run: async () => wire.kill(at, work),
        // Whatever else may become of a request, it took effect or did not: what is between two, these show.
        isLooked: true,
      })),
    ];
    for (const { label, run, isLooked } of runs) {
      await start();
      await run();
      if (isLooked) await expectGrants(held, label);
      await work();
      await expectContent(w, label, expected);
    }
  } finally {
    wire.close();
  }
});

test("deploy apply that dies after anything that it changes stops no key, and the next one ends as an undisturbed one", async () => {
  const { length } = await dieAndApplyAgain(w, billing, held, back, (point) => !point.startsWith("GET "));
  expect(length).toBeGreaterThan(40);
});

test("deploy apply stops no key if the store could not be read at first", async () => {
  const deaths = openDeaths(w.s);
  try {
    await deaths.run(async () => apply(billing));
    const expected = await w.content();
    expect(deaths.points[0]).toBe("POST /");
    await back();
    const between = async (point: string) => {
      if (/\/deploy$|PATCH/.test(point)) await expectGrants(held, point);
    };
    await deaths.run(async () => apply(billing), between, 0);
    await expectContent(w, "the first request is lost", expected);
  } finally {
    deaths.close();
  }
});
