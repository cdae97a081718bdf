import { keysFor } from "../demand.ts";
import { Model, type Span } from "../model.ts";
import { HOUR_SECONDS, PLANNED_LOAD, PROCESSES, QUICK_PART, USE, type Run } from "./run.ts";

/** What callers wait at a part of the limit. */
export interface WaitingRow extends Span {
  readonly load: number;
  readonly processes: number;
  readonly keys: number;
}

const LOADS = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1];
const FLEETS = [1, 32];
const EXCHANGES_PER_SECOND = 4;

/** How long callers wait the nearer a tenant is to its limit: 8 processes at each load, and other fleets at the planned one. */
export async function waiting({ seed, isQuick, note }: Run): Promise<readonly WaitingRow[]> {
  const cases = [
    ...LOADS.map((load) => ({ load, processes: PROCESSES })),
    ...FLEETS.map((processes) => ({ load: PLANNED_LOAD, processes })),
  ];
  const rows: WaitingRow[] = [];
  for (const { load, processes } of isQuick ? cases.slice(-3) : cases) {
    note(`waiting at ${load} of the limit, ${processes} processes`);
    const keeping = { design: "redis", lifetimeSeconds: HOUR_SECONDS, processes } as const;
    const keys = keysFor(EXCHANGES_PER_SECOND * load * (isQuick ? QUICK_PART : 1), USE, keeping);
    const population = { ...USE, keys };
    const model = new Model({ ...keeping, seed, exchangesPerSecond: EXCHANGES_PER_SECOND, population });
    await model.fill();
    model.begin();
    await model.pass(isQuick ? 10 : HOUR_SECONDS / 2);
    rows.push({ load, processes, keys, ...(await model.pass(isQuick ? 60 : 3 * HOUR_SECONDS)) });
  }
  return rows;
}
