import { barChart } from "../report/bar-chart.ts";
import { lineChart } from "../report/line-chart.ts";
import type { Scale } from "./simulate.ts";

const PROCESSES = 8;
const TARGET_WAIT_SECONDS = 5;

/** Waits by load. */
export function waitingChart({ waiting }: Scale): string {
  const rows = waiting.filter(({ processes }) => processes === PROCESSES);
  const points = (of: (row: (typeof rows)[number]) => number) =>
    rows.map((row) => [row.load * 100, Math.max(of(row), 1) / 1000] as const);
  return lineChart({
    title: "Waiting for a token, the nearer the limit of 4 exchanges a second",
    x: { label: "exchanges, as a part of the limit (%)", from: 50, to: 100 },
    y: { label: "wait (seconds)", isLog: true },
    series: [
      { name: "half of those that wait", points: points(({ p50_wait_ms }) => p50_wait_ms) },
      { name: "99 of 100", points: points(({ p99_wait_ms }) => p99_wait_ms) },
      { name: "the longest", points: points(({ max_wait_ms }) => max_wait_ms) },
    ],
    mark: { value: TARGET_WAIT_SECONDS, label: "5 s" },
  });
}

/** Active keys by lifetime and design, of the smaller plan. */
export function capacityChart({ capacity }: Scale): string {
  const plan = capacity[0]?.plan ?? "";
  const ofPlan = capacity.filter((row) => row.plan === plan);
  const designs = ["none", "memory", "redis"] as const;
  return barChart({
    title: "Keys in use a day that 4 exchanges a second carry",
    axis: "keys that are used at least once a day",
    series: ["no cache", "memory of 8 processes", "one Redis, or a file at the user"],
    groups: [...new Set(ofPlan.map(({ lifetime_hours }) => lifetime_hours))].map((hours) => ({
      label: `tokens of ${hours} h`,
      values: designs.map(
        (design) =>
          ofPlan.find((row) => row.design === design && row.lifetime_hours === hours)?.active_keys_a_day,
      ),
    })),
  });
}

/** Failed calls in each minute after Redis was lost, for the most keys. */
export function blowsChart({ blows }: Scale): string {
  const most = Math.max(...blows.map(({ keys }) => keys));
  const names = {
    redis_lost: "Redis lost",
    redis_lost_large_memory: "Redis lost, all in memory",
    redis_and_processes_lost: "Redis and processes lost",
    tenant_down_10_minutes: "Auth0 down 10 min",
  } as const;
  const rows = blows.filter((row) => row.keys === most);
  return lineChart({
    title: `Failed calls after a loss, ${most.toLocaleString("en-US")} keys with tokens of a day`,
    x: { label: "minutes after it", from: 0, to: Math.max(1, (rows[0]?.failed_by_minute.length ?? 2) - 1) },
    y: { label: "calls that failed, of a hundred" },
    series: Object.entries(names).flatMap(([blow, name]) => {
      const row = rows.find((one) => one.blow === blow);
      if (!row) return [];
      const perMinute = row.calls / row.failed_by_minute.length;
      return [
        {
          name,
          points: row.failed_by_minute.map(
            (failed, minute) => [minute, (failed / Math.max(1, perMinute)) * 100] as const,
          ),
        },
      ];
    }),
  });
}

/** How long a revoked key lives on, by layer. */
export function revocationChart({ revocation }: Scale): string {
  const lifetimes = [...new Set(revocation.map(({ lifetime_hours }) => lifetime_hours))];
  const layers = [...new Set(revocation.map(({ layer }) => layer))];
  return barChart({
    title: "From a revocation to the last call that is accepted",
    axis: "seconds until all of the keys are refused",
    isLog: true,
    series: lifetimes.map((hours) => `tokens of ${hours} h`),
    groups: layers.map((layer) => ({
      label: layer,
      values: lifetimes.map((hours) =>
        Math.max(
          0.1,
          revocation.find((row) => row.layer === layer && row.lifetime_hours === hours)?.max_seconds ?? 0,
        ),
      ),
    })),
  });
}
