import { activeKeysOf, expectedExchangesPerSecond, keysFor, type Population } from "../demand.ts";
import type { Design } from "../fleet.ts";
import { Model, type Span } from "../model.ts";
import {
  DAY_SECONDS,
  HOUR_SECONDS,
  PLANNED_LOAD,
  PLANS,
  PROCESSES,
  QUICK_PART,
  USE,
  type Run,
} from "./run.ts";

/** What a plan carries on paper, at the planned load. */
export interface CapacityRow {
  readonly plan: string;
  readonly lifetime_hours: number;
  readonly design: Design;
  readonly keys: number;
  readonly active_keys_a_day: number;
}

/** A day of the model, or a part of one. */
export interface CapacityRun extends Span {
  readonly what: string;
  readonly plan: string;
  readonly lifetime_hours: number;
  readonly design: Design;
  readonly keys: number;
  readonly active_keys_a_day: number;
  /** Exchanges as a part of what they are on paper. */
  readonly of_expected: number;
}

const DESIGNS = ["none", "memory", "file", "redis"] as const;
const LIFETIMES_HOURS = [1, 8, 24];

/** Active keys a day by plan, lifetime and design, on paper. */
export function capacity(): readonly CapacityRow[] {
  return Object.entries(PLANS).flatMap(([plan, exchangesPerSecond]) =>
    LIFETIMES_HOURS.flatMap((lifetime_hours) =>
      DESIGNS.map((design) => {
        const keeping = { design, lifetimeSeconds: lifetime_hours * HOUR_SECONDS, processes: PROCESSES };
        const keys = keysFor(exchangesPerSecond * PLANNED_LOAD, USE, keeping);
        return { plan, lifetime_hours, design, keys, active_keys_a_day: activeKeysOf({ ...USE, keys }) };
      }),
    ),
  );
}

interface Case {
  readonly plan: keyof typeof PLANS;
  readonly lifetimeHours: number;
  readonly design: Design;
  readonly hours: number;
  /** Default: as many as the plan carries on paper. */
  readonly keys?: number;
}

const CASES: readonly Case[] = [
  ...DESIGNS.map(
    (design) => ({ plan: "Professional, 4 a second", lifetimeHours: 1, design, hours: 3 }) as const,
  ),
  { plan: "Enterprise, 15 a second", lifetimeHours: 1, design: "redis", hours: 3 },
  { plan: "Professional, 4 a second", lifetimeHours: 8, design: "redis", hours: 8 },
  { plan: "Professional, 4 a second", lifetimeHours: 24, design: "redis", hours: 24 },
  { plan: "Professional, 4 a second", lifetimeHours: 24, design: "redis", hours: 24, keys: 10_000_000 },
];

/** Some of the table's rows, run. */
export async function capacityRuns({ seed, isQuick, note }: Run): Promise<readonly CapacityRun[]> {
  const runs: CapacityRun[] = [];
  for (const one of isQuick ? CASES.slice(0, 4) : CASES) {
    const { plan, lifetimeHours, design, hours } = one;
    const keeping = { design, lifetimeSeconds: lifetimeHours * HOUR_SECONDS, processes: PROCESSES };
    const exchangesPerSecond = PLANS[plan];
    const population = populationOf(one, exchangesPerSecond * PLANNED_LOAD * (isQuick ? QUICK_PART : 1));
    const what = `${population.keys.toLocaleString("en-US")} keys, ${design}, ${lifetimeHours} h tokens`;
    note(`${what}, ${hours} hours`);
    const model = new Model({ ...keeping, seed, exchangesPerSecond, population });
    await model.fill();
    model.begin();
    await model.pass(isQuick ? 10 : HOUR_SECONDS / 2);
    const span = await model.pass(isQuick ? 60 : hours * HOUR_SECONDS);
    runs.push({
      what,
      plan,
      lifetime_hours: lifetimeHours,
      design,
      keys: population.keys,
      active_keys_a_day: hours * HOUR_SECONDS === DAY_SECONDS ? span.active_keys : activeKeysOf(population),
      of_expected: span.exchanges / span.seconds / expectedExchangesPerSecond(population, keeping),
      ...span,
    });
  }
  return runs;
}

/** The keys of a case; where their number is given, they are used as often as the plan carries. */
function populationOf({ keys, lifetimeHours, design }: Case, exchangesPerSecond: number): Population {
  const keeping = { design, lifetimeSeconds: lifetimeHours * HOUR_SECONDS, processes: PROCESSES };
  if (keys === undefined) return { ...USE, keys: keysFor(exchangesPerSecond, USE, keeping) };
  let [seldom, often] = [0, USE.usesPerKeyPerDay];
  for (let round = 0; round < 30; round++) {
    const usesPerKeyPerDay = (seldom + often) / 2;
    if (expectedExchangesPerSecond({ ...USE, keys, usesPerKeyPerDay }, keeping) < exchangesPerSecond)
      seldom = usesPerKeyPerDay;
    else often = usesPerKeyPerDay;
  }
  return { ...USE, keys, usesPerKeyPerDay: seldom };
}
