import { activeKeysOf, usesPerSecondOf } from "../demand.ts";
import { Model, type Span } from "../model.ts";
import { DAY_SECONDS, HOUR_SECONDS, PROCESSES, USE, type Run } from "./run.ts";

/** What happens all at once. */
export type Blow =
  | "deployment"
  | "redis_lost"
  | "redis_lost_30_s"
  | "redis_lost_large_memory"
  | "redis_lost_large_memory_30_s"
  | "redis_and_processes_lost"
  | "tenant_down_10_minutes";

/** What becomes of the calls of the hour after it. */
export interface BlowRow {
  readonly blow: Blow;
  readonly keys: number;
  readonly active_keys_a_day: number;
  readonly uses_per_second: number;
  readonly calls: number;
  readonly exchanges: number;
  readonly failed: number;
  readonly p99_wait_ms: number;
  /** Minutes until the last one in which a call failed; 0 if none did. */
  readonly failing_minutes: number;
  /** Calls that failed in each minute. */
  readonly failed_by_minute: readonly number[];
}

const BLOWS: readonly Blow[] = [
  "deployment",
  "redis_lost",
  "redis_lost_30_s",
  "redis_lost_large_memory",
  "redis_lost_large_memory_30_s",
  "redis_and_processes_lost",
  "tenant_down_10_minutes",
];
const KEYS = [10_000, 100_000, 400_000];
const LARGE_MEMORY_TOKENS = 1_000_000;
const OUTAGE_MS = 600_000;

/** What a fleet with tokens of a day at 4 exchanges a second makes of a blow, by the number of its keys. */
export async function lostCache({ seed, isQuick, note }: Run): Promise<readonly BlowRow[]> {
  const rows: BlowRow[] = [];
  for (const keys of isQuick ? [100] : KEYS) {
    for (const blow of BLOWS) {
      note(`${blow.replaceAll("_", " ")}, ${keys.toLocaleString("en-US")} keys`);
      const population = { ...USE, keys };
      const model = new Model({
        seed,
        design: "redis",
        exchangesPerSecond: 4,
        lifetimeSeconds: DAY_SECONDS,
        processes: PROCESSES,
        population,
        ...(blow.includes("large_memory") && { memoryTokens: LARGE_MEMORY_TOKENS }),
        // Instead of the library's 20 seconds.
        ...(blow.endsWith("30_s") && { waitBudgetMs: 30_000 }),
      });
      await model.fill("processes");
      model.begin();
      await model.pass(isQuick ? 60 : HOUR_SECONDS);
      strike(model, blow);
      const minutes: Span[] = [];
      for (let minute = 0; minute < (isQuick ? 2 : 60); minute++) minutes.push(await model.pass(60));
      const sum = (of: (span: Span) => number) => minutes.reduce((all, one) => all + of(one), 0);
      rows.push({
        blow,
        keys,
        active_keys_a_day: activeKeysOf(population),
        uses_per_second: Math.round(usesPerSecondOf(population) * 100) / 100,
        calls: sum(({ calls }) => calls),
        exchanges: sum(({ exchanges }) => exchanges),
        failed: sum(({ failed }) => failed),
        p99_wait_ms: Math.max(...minutes.map(({ p99_wait_ms }) => p99_wait_ms)),
        failing_minutes: minutes.findLastIndex(({ failed }) => failed > 0) + 1,
        failed_by_minute: minutes.map(({ failed }) => failed),
      });
    }
  }
  return rows;
}

function strike({ fleet, redis, tenant, world }: Model, blow: Blow): void {
  if (blow === "tenant_down_10_minutes") tenant.downUntilMs = world.nowMs() + OUTAGE_MS;
  if (blow.startsWith("redis")) redis.lose();
  if (blow === "deployment" || blow === "redis_and_processes_lost") {
    for (let process = 0; process < PROCESSES; process++) fleet.restart(process);
  }
}
