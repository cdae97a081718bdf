import { markdownTable } from "../report/page.ts";
import type { Blow } from "./scenarios/lost-cache.ts";
import type { Scale } from "./simulate.ts";

const DESIGN = {
  none: "none: each use is an exchange",
  memory: "memory of each of 8 processes",
  file: "a file at each key's user",
  redis: "8 processes, one Redis",
} as const;

const BLOW: Readonly<Record<Blow, string>> = {
  deployment: "all processes start again at once",
  redis_lost: "Redis loses everything",
  redis_lost_30_s: "Redis loses everything, calls wait 30 s",
  redis_lost_large_memory: "Redis loses everything, every token in memory too",
  redis_lost_large_memory_30_s: "Redis loses everything, both",
  redis_and_processes_lost: "Redis and all processes at once",
  tenant_down_10_minutes: "Auth0 answers 503 for 10 minutes",
};

/** Waits by the part of the limit that is used. */
export function waitingTable({ waiting }: Scale): string {
  return markdownTable(
    ["of the limit", "processes", "keys", "exchanges", "429", "p50 wait", "p99 wait", "longest", "failed"],
    waiting.map((row) => [
      percent(row.load),
      count(row.processes),
      count(row.keys),
      count(row.exchanges),
      count(row.limited),
      seconds(row.p50_wait_ms),
      seconds(row.p99_wait_ms),
      seconds(row.max_wait_ms),
      failedOf(row.failed, row.calls),
    ]),
  );
}

/** Active keys a day: a row a plan and lifetime, a column a design. */
export function capacityTable({ capacity }: Scale): string {
  const designs = Object.keys(DESIGN) as (keyof typeof DESIGN)[];
  const rows = capacity.filter(({ design }) => design === "none");
  return markdownTable(
    ["plan", "token lifetime", ...designs.map((design) => DESIGN[design])],
    rows.map(({ plan, lifetime_hours }) => [
      plan,
      `${lifetime_hours} h`,
      ...designs.map((design) =>
        count(
          capacity.find(
            (one) => one.plan === plan && one.lifetime_hours === lifetime_hours && one.design === design,
          )?.active_keys_a_day ?? 0,
        ),
      ),
    ]),
  );
}

/** The runs that hold the table of keys against the model. */
export function runsTable({ capacity_runs }: Scale): string {
  return markdownTable(
    [
      "plan",
      "tokens",
      "kept in",
      "keys",
      "active a day",
      "time",
      "of the limit",
      "of paper",
      "p50 wait",
      "p99 wait",
      "failed",
    ],
    capacity_runs.map((row) => [
      row.plan.split(",")[0] ?? "",
      `${row.lifetime_hours} h`,
      row.design,
      count(row.keys),
      count(row.active_keys_a_day),
      `${count(row.seconds / 3600)} h`,
      percent(row.utilisation),
      row.of_expected.toFixed(2),
      seconds(row.p50_wait_ms),
      seconds(row.p99_wait_ms),
      failedOf(row.failed, row.calls),
    ]),
  );
}

/** The hour after something was lost. */
export function blowsTable({ blows }: Scale): string {
  return markdownTable(
    ["what happens", "keys", "uses/s", "exchanges", "failed calls", "p99 wait", "last failure after"],
    blows.map((row) => [
      BLOW[row.blow],
      count(row.keys),
      String(row.uses_per_second),
      count(row.exchanges),
      failedOf(row.failed, row.calls),
      seconds(row.p99_wait_ms),
      row.failing_minutes === 0 ? "–" : `${row.failing_minutes} min`,
    ]),
  );
}

/** Jobs that start at the full hour: a column for each spread. */
export function cronTable({ cron }: Scale): string {
  const spreads = [...new Set(cron.map(({ spread_seconds }) => spread_seconds))];
  const rows = cron.filter(({ spread_seconds }) => spread_seconds === spreads[0]);
  return markdownTable(
    ["jobs", "every", "tokens", "kept in", "wait", ...spreads.map((spread) => `failed, over ${spread} s`)],
    rows.map((row) => [
      count(row.jobs),
      row.every,
      `${row.lifetime_hours} h`,
      row.design,
      `${row.wait_seconds} s`,
      ...spreads.map((spread) => {
        const one = cron.find(
          (other) =>
            other.jobs === row.jobs &&
            other.every === row.every &&
            other.design === row.design &&
            other.lifetime_hours === row.lifetime_hours &&
            other.wait_seconds === row.wait_seconds &&
            other.spread_seconds === spread,
        );
        return one ? failedOf(one.failed, one.runs) : "–";
      }),
    ]),
  );
}

/** How long a revoked key lives on. */
export function revocationTable({ revocation }: Scale): string {
  return markdownTable(
    ["layer", "tokens", "keys", "half of them within", "all within"],
    revocation.map((row) => [
      row.layer,
      `${row.lifetime_hours} h`,
      count(row.keys),
      duration(row.p50_seconds),
      duration(row.max_seconds),
    ]),
  );
}

/** One customer's wrong keys. */
export function addressesTable({ addresses }: Scale): string {
  return markdownTable(
    ["what goes on", "calls of the others", "of them failed", "requests refused for the address"],
    addresses.map((row) => [row.what, count(row.calls), failedOf(row.failed, row.calls), count(row.blocked)]),
  );
}

/** New keys where a replica lags. */
export function newcomersTable({ newcomers }: Scale): string {
  return markdownTable(
    ["lag on average", "first use after", "new keys", "of them refused", "requests refused for the address"],
    newcomers.map((row) => [
      seconds(row.lag_ms),
      seconds(row.used_after_ms),
      count(row.keys),
      failedOf(row.failed, row.keys),
      count(row.blocked),
    ]),
  );
}

/** Ended keys that go on polling. */
export function endedKeysTable({ ended_keys }: Scale): string {
  return markdownTable(
    [
      "ended keys have polled for",
      "kill switch",
      "good calls answered",
      "their wait, p50",
      "exchanges on ended keys",
    ],
    ended_keys.map((row) => [
      duration(row.polled_seconds),
      row.has_kill_switch ? "yes" : "no",
      `${count(row.calls - row.failed)} of ${count(row.calls)}`,
      seconds(row.p50_wait_ms),
      count(row.exchanges_on_ended),
    ]),
  );
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1_000 ? 2 : 1)} s`;
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

function failedOf(failed: number, all: number): string {
  if (failed === 0) return "0";
  const part = (failed / all) * 100;
  return `${count(failed)} (${part < 0.1 ? "<0.1" : part.toFixed(1)} %)`;
}

function duration(value: number): string {
  if (value < 60) return `${value} s`;
  return value < 7_200 ? `${Math.round(value / 60)} min` : `${(value / 3_600).toFixed(1)} h`;
}
