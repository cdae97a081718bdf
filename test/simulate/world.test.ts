import { expect, test } from "vitest";

import { World } from "../../src/simulate/world.ts";

test("what is to happen happens in the order of its time, and of two at one time in the order of its telling", async () => {
  const world = new World(0);
  const happened: string[] = [];
  const times = [50, 10, 40, 10, 0, 30, 20, 40, 60, 5];
  for (const [order, atMs] of times.entries())
    world.at(atMs, () => void happened.push(`${atMs} ${order} at ${world.nowMs()}`));
  await world.run(50);
  const expected = times
    .map((atMs, order) => ({ atMs, order }))
    .filter(({ atMs }) => atMs <= 50)
    .sort((one, other) => one.atMs - other.atMs || one.order - other.order);
  expect(happened).toEqual(expected.map(({ atMs, order }) => `${atMs} ${order} at ${atMs}`));
});

test("no time passes while promises are settled, however many there are in a row", async () => {
  const world = new World(1_000);
  let seenMs = 0;
  const work = (async () => {
    await world.sleep(10);
    for (let turn = 0; turn < 1_000; turn++) await Promise.resolve();
    seenMs = world.nowMs();
  })();
  world.at(1_011, () => undefined);
  await world.run(2_000);
  await work;
  expect(seenMs).toBe(1_010);
  expect(world.nowMs()).toBe(2_000);
});

test("what is told too late happens now, not in the past", async () => {
  const world = new World(1_000);
  await world.run(2_000);
  let atMs = 0;
  world.at(500, () => {
    atMs = world.nowMs();
  });
  await world.run(3_000);
  expect(atMs).toBe(2_000);
});
