import { barChart } from "../report/bar-chart.ts";
import type { Results } from "./measure.ts";

/** A check of a key without its store. */
export function keyCheckChart({ key_checks }: Results): string {
  return barChart({
    title: "A check of a key, all but its store",
    axis: "microseconds",
    isLog: true,
    series: ["median"],
    groups: key_checks.without_store.map(({ name, us }) => ({ label: name, values: [us] })),
  });
}

/** A check of a key with its store, over REST, by added latency. */
export function storeChart({ key_checks }: Results): string {
  const rows = key_checks.with_store.filter(({ store }) => store === "rest");
  const series = [...new Set(rows.map(({ name }) => name))];
  return barChart({
    title: "A check of a key with its store over REST",
    axis: "milliseconds",
    series,
    groups: [...new Set(rows.map(({ added_ms }) => added_ms))].map((added) => ({
      label: `${added} ms away`,
      values: series.map((name) => {
        const row = rows.find((one) => one.name === name && one.added_ms === added);
        return row && row.us / 1000;
      }),
    })),
  });
}

/** Exchanges a second. */
export function exchangeChart({ exchange }: Results): string {
  return loadChart("Tokens a second from the local tenant", exchange, (name) => WAYS[name] ?? name);
}

/** Requests a second through the gateway. */
export function gatewayChart({ gateway }: Results): string {
  return loadChart("Requests a second of an API, its tokens at hand", gateway, (name) =>
    name === "gateway" ? "through the gateway, with a key" : "with a token that it validates itself",
  );
}

const WAYS: Readonly<Record<string, string>> = {
  exchange: "exchange",
  client_credentials: "client_credentials",
  bare: "signing alone",
  bare_and_redis: "signing and one look-up",
};

function loadChart(title: string, rows: Results["exchange"], nameOf: (way: string) => string): string {
  const ways = Object.keys(rows[0]?.ways ?? {});
  return barChart({
    title,
    axis: "a second",
    series: ways.map(nameOf),
    groups: rows.map((row) => ({
      label: `${row.in_flight} in flight`,
      values: ways.map((way) => row.ways[way]?.per_second),
    })),
  });
}
