import { spawnSync } from "node:child_process";

import { expect, it } from "vitest";

const MIB = 2 ** 20;
const PROGRAM = `
  import { peakResidentMib } from "./src/bench/peak-memory.ts";
  const held = Buffer.alloc(Number(process.env.HELD_MIB) * ${MIB}, 1);
  process.stdout.write(String(peakResidentMib() + 0 * held.length));
`;
const peakOf = (heldMib: number): number => {
  const argv = ["--import", "tsx", "--input-type=module", "--eval", PROGRAM];
  const env = { ...process.env, HELD_MIB: String(heldMib) };
  return Number(spawnSync(process.execPath, argv, { env, encoding: "utf8" }).stdout);
};

it("tells what a process itself held at most, and not what the process held that started it", () => {
  const ballast = Buffer.alloc(600 * MIB, 1);
  const [alone, holding] = [peakOf(0), peakOf(200)];
  expect(alone).toBeGreaterThan(20);
  expect(alone).toBeLessThan(ballast.length / MIB / 2);
  expect(holding - alone).toBeGreaterThan(150);
});
