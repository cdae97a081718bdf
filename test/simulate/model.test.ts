import { expect, test } from "vitest";

import { activeKeysOf, expectedExchangesPerSecond, keysFor } from "../../src/simulate/demand.ts";
import type { Design } from "../../src/simulate/fleet.ts";
import { Model, type ModelOptions, type Span } from "../../src/simulate/model.ts";
import { withPromptCrypto } from "../../src/simulate/prompt-crypto.ts";

const USE = { usesPerKeyPerDay: 10, exponent: 1 };
const DESIGNS: readonly Design[] = ["none", "memory", "file", "redis"];

async function spanOf(changes: Partial<ModelOptions>, seconds: number, warmUpSeconds = 600): Promise<Span> {
  return withPromptCrypto(async () => {
    const model = new Model({
      seed: 1,
      design: "redis",
      exchangesPerSecond: 1_000,
      lifetimeSeconds: 3_600,
      processes: 8,
      population: { ...USE, keys: 5_000 },
      ...changes,
    });
    await model.fill();
    model.begin();
    await model.pass(warmUpSeconds);
    return model.pass(seconds);
  });
}

test.each(DESIGNS)(
  "without a limit the library makes the exchanges that are counted on paper: %s",
  async (design) => {
    const population = { ...USE, keys: 5_000 };
    const keeping = { design, lifetimeSeconds: 3_600, processes: 8 };
    const { exchanges, seconds, failed, limited } = await spanOf({ design, population }, 7_200);
    const expected = expectedExchangesPerSecond(population, keeping) * seconds;
    expect(Math.abs(exchanges / expected - 1)).toBeLessThan(0.08);
    expect({ failed, limited }).toEqual({ failed: 0, limited: 0 });
  },
);

test("a tenant grants no more than its plan and what it had saved up, however much is asked", async () => {
  const span = await spanOf(
    { design: "none", exchangesPerSecond: 4, population: { ...USE, keys: 60_000 } },
    120,
    30,
  );
  expect(span.exchanges).toBeLessThanOrEqual(120 * 4 + 4);
  expect(span.exchanges).toBeGreaterThan(120 * 4 * 0.95);
  expect(span.failures).toEqual({ too_many_requests: span.failed });
  expect(span.failed).toBeGreaterThan(0);
});

test("on paper: without caches every use is an exchange, and a key in constant use makes one a due token", () => {
  const [keys, lifetimeSeconds] = [1_000, 86_400];
  const constant = { keys, usesPerKeyPerDay: 1_000_000, exponent: 0 };
  const keeping = { lifetimeSeconds, processes: 8 };
  expect(expectedExchangesPerSecond(constant, { ...keeping, design: "none" })).toBeCloseTo(
    (keys * 1_000_000) / 86_400,
  );
  // Due at 90 percent of all but the last two minutes.
  const due = 0.9 * (86_400 - 120);
  expect(expectedExchangesPerSecond(constant, { ...keeping, design: "redis" })).toBeCloseTo(keys / due, 4);
  expect(expectedExchangesPerSecond(constant, { ...keeping, design: "memory" })).toBeCloseTo(
    (8 * keys) / due,
    3,
  );
  expect(keysFor((10 * 1_000) / 86_400, USE, { ...keeping, design: "none" })).toBeCloseTo(1_000, -1);
  expect(activeKeysOf(constant)).toBe(keys);
  expect(activeKeysOf({ keys, usesPerKeyPerDay: 1, exponent: 0 })).toBe(
    Math.round(keys * (1 - Math.exp(-1))),
  );
});
