import { expect } from "vitest";

import { openDeaths } from "./deaths.ts";
import { expectedOf, grantsOf, type Held, type OldWorld, type Party } from "./old-world.ts";

/** Applies with the present release; throws unless that ends well. */
export async function apply(party: Party): Promise<void> {
  const { code, stdout, stderr } = await party.deploy("apply", "--yes");
  if (code !== 0) throw new Error(`${stdout}${stderr}`);
}

/** Every key is granted what it always was, or refused as it always was. */
export async function expectGrants(held: readonly Held[], label: string): Promise<void> {
  expect([label, ...(await grantsOf(held))]).toEqual([label, ...expectedOf(held)]);
}

/** The world is this one. */
export async function expectContent(world: OldWorld, label: string, expected: object): Promise<void> {
  expect({ label, ...(await world.content()) }).toEqual({ label, ...expected });
}

/**
 * Lets `deploy apply` die after each of the things that it does which are picked, and in the middle of those that write to
 * a file, applies again, and compares what is then with an undisturbed run. Gives what was picked.
 */
export async function dieAndApplyAgain(
  world: OldWorld,
  party: Party,
  held: readonly Held[],
  back: () => Promise<void>,
  isPicked: (point: string) => boolean,
): Promise<readonly string[]> {
  const deaths = openDeaths(world.s);
  try {
    await deaths.run(async () => apply(party));
    const picked = deaths.points.flatMap((point, at) => (isPicked(point) ? [{ point, at }] : []));
    const expected = await world.content();
    const half = picked.filter(({ point }) => /^(writeFile|appendFile)$/.test(point));
    const all = [...picked, ...half.map((one) => ({ ...one, isHalf: true }))];
    for (const { point, at, isHalf } of all as readonly ((typeof picked)[number] & {
      readonly isHalf?: true;
    })[]) {
      await back();
      const label = `dies ${isHalf ? "in" : "after"} ${at} ${point}`;
      expect(await deaths.kill(at, async () => apply(party), isHalf)).toEqual({ kind: "died" });
      await world.letLocksEnd();
      await expectGrants(held, label);
      await apply(party);
      await expectContent(world, label, expected);
    }
    return all.map(({ point }) => point);
  } finally {
    deaths.close();
  }
}
