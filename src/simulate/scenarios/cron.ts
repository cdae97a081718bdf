import { Fleet, keyOf, type Design } from "../fleet.ts";
import { ModelRedis } from "../model-redis.ts";
import { ModelTenant } from "../model-tenant.ts";
import { seededRandom } from "../random.ts";
import { Tally } from "../tally.ts";
import { World } from "../world.ts";
import { DAY_SECONDS, HOUR_SECONDS, type Run } from "./run.ts";

/** Jobs that all start at the same time of the clock, each with its own key on its own machine. */
export interface CronRow {
  readonly every: "hour" | "day";
  readonly jobs: number;
  /** Each waits at random for up to so many seconds first. */
  readonly spread_seconds: number;
  readonly lifetime_hours: number;
  readonly design: Design;
  /** How long each waits for a token. */
  readonly wait_seconds: number;
  /** Of the third day. */
  readonly runs: number;
  readonly failed: number;
  readonly p99_wait_ms: number;
}

const SPREADS_SECONDS = [0, 60, 600];
const KINDS = [
  { every: "hour", design: "none", lifetime_hours: 24, wait_seconds: 20 },
  { every: "hour", design: "none", lifetime_hours: 24, wait_seconds: 300 },
  { every: "hour", design: "file", lifetime_hours: 1, wait_seconds: 20 },
  { every: "hour", design: "file", lifetime_hours: 24, wait_seconds: 20 },
  { every: "day", design: "file", lifetime_hours: 24, wait_seconds: 20 },
  { every: "day", design: "file", lifetime_hours: 24, wait_seconds: 300 },
] as const;
const JOBS = [50, 500];
const STARTS_AT_MS = Date.UTC(2027, 0, 4);

/** What becomes of jobs at the full hour, at 4 exchanges a second. */
export async function cron({ seed, isQuick, note }: Run): Promise<readonly CronRow[]> {
  const rows: CronRow[] = [];
  for (const kind of KINDS) {
    for (const jobs of isQuick ? [5] : JOBS) {
      for (const spread_seconds of SPREADS_SECONDS) {
        note(`${jobs} jobs every ${kind.every}, ${kind.design}, over ${spread_seconds} s`);
        rows.push(await days({ ...kind, jobs, spread_seconds }, seed, isQuick ? 1 : 3));
      }
    }
  }
  return rows;
}

type Kind = Omit<CronRow, "runs" | "failed" | "p99_wait_ms">;

async function days(kind: Kind, seed: number, count: number): Promise<CronRow> {
  const random = seededRandom(seed);
  const world = new World(STARTS_AT_MS);
  const lifetimeSeconds = kind.lifetime_hours * HOUR_SECONDS;
  const tenant = new ModelTenant(world, random, { exchangesPerSecond: 4, lifetimeSeconds });
  const redis = new ModelRedis(world, 1);
  const waitBudgetMs = kind.wait_seconds * 1000;
  const fleet = new Fleet(world, random, { design: kind.design, processes: 1, redis, tenant, waitBudgetMs });
  const everySeconds = kind.every === "hour" ? HOUR_SECONDS : DAY_SECONDS;
  let tally = new Tally();
  const start = () => {
    for (let job = 1; job <= kind.jobs; job++) {
      const waitMs = random() * kind.spread_seconds * 1000;
      world.at(
        world.nowMs() + waitMs,
        () => void tally.count(fleet.getToken(keyOf(job)), () => world.nowMs()),
      );
    }
    world.at(world.nowMs() + everySeconds * 1000, start);
  };
  // Half an hour after the model begins: no job is cut by the end of a day.
  world.at(STARTS_AT_MS + (HOUR_SECONDS * 1000) / 2, start);
  await world.run(STARTS_AT_MS + (count - 1) * DAY_SECONDS * 1000);
  tally = new Tally();
  await world.run(STARTS_AT_MS + count * DAY_SECONDS * 1000);
  const { calls: runs, failed, p99_wait_ms } = tally.outcome;
  return { ...kind, runs, failed, p99_wait_ms };
}
