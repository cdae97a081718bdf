import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { expect, it } from "vitest";

import { fillTenant } from "../support/fill-tenant.ts";
import { environmentOf, stage } from "../support/stage.ts";

async function listOnce(userCount: number): Promise<Record<string, number>> {
  const s = await stage();
  try {
    fillTenant(s, userCount);
    const argv = ["--expose-gc", "--import", "tsx", "test/support/list-once.ts"];
    const env = { ...process.env, ...environmentOf(s) };
    const { stdout } = await promisify(execFile)(process.execPath, argv, { env });
    return JSON.parse(stdout) as Record<string, number>;
  } finally {
    await s.stop();
  }
}

it("the keys of 10,000 users take no more memory than those of 1,000", async () => {
  const [few, many] = [await listOnce(1_000), await listOnce(10_000)];
  expect([few, many]).toMatchObject([
    { code: 0, lines: 3_000 },
    { code: 0, lines: 30_000 },
  ]);
  // All of them at once were 6 MB and more.
  expect((many["heldBytes"] ?? Infinity) - (few["heldBytes"] ?? 0)).toBeLessThan(3_000_000);
}, 120_000);
