import { table } from "../cli/table.ts";
import type { ActionAlone } from "./action-alone.ts";
import type { ActionTimes } from "./action.ts";
import type { CacheTimes } from "./client.ts";
import type { FirstRequests } from "./first-request.ts";
import type { Comparison } from "./load.ts";
import type { Results } from "./measure.ts";
import { keyCheckTables, operationTables, rebuildTable } from "./report-stores.ts";

/** The results for people: a table each, ratios first. */
export function report(results: Results): string {
  const { machine, load, start, key_checks } = results;
  return `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${load.requests} requests a round under load, rounds that count: ${load.rounds}

The Action, all but the answer of Redis
${actionTable(results.action)}
The Action in a process of its own
${actionAloneTable(results.action_alone)}
Requests of an operation on a key, the first of its process, and the bytes that a key takes
${operationTables(results.operations)}
A lost Redis (${results.reconcile.redis}) rebuilt by keys reconcile --fix, ${results.reconcile.keys_a_user} keys a user
${rebuildTable(results.reconcile)}
Whole exchanges through the local tenant, beside client_credentials of one application a key, and beside a bare endpoint that only signs RS256
${comparisonTable(results.exchange)}
An API behind the gateway, called with a key, beside the same API validating a token itself
${comparisonTable(results.gateway)}
The same, where the API behind the gateway validates the token once more
${comparisonTable(results.gateway_and_validation)}
The first request of an API that has nothing cached, ${results.first_requests.times} times in turn
${firstRequestTable(results.first_requests)}
A token from each cache
${cacheTable(results.caches)}
A call of auth0-api-keys token with a cached token, a process of its own, ${start.starts} times in turn with node -e 0
${table([["  p50", `${start.token_p50_ms} ms`, `${start.ratio} × node -e 0 (${start.node_p50_ms} ms)`]])}
${keyCheckTables(key_checks)}`;
}

function actionTable(action: ActionTimes): string {
  const ofHmac = (action.own_p50_us / action.hmac_p50_us).toFixed(1);
  return table([
    ["  own time p50", `${action.own_p50_us} µs`, `${ofHmac} × one HMAC-SHA-256 (${action.hmac_p50_us} µs)`],
    ["  own time p99", `${action.own_p99_us} µs`],
    [
      "  loading its module again",
      `${action.load_p50_us} µs`,
      `${action.bundle_bytes} bytes, without @upstash/redis`,
    ],
  ]);
}

function actionAloneTable(alone: ActionAlone): string {
  const { cold_load_ms, cold_client_load_ms, starts, heap, held_bytes_an_execution } = alone;
  return table([
    ["  loading its module cold", `${cold_load_ms} ms`, `p50 of ${starts} processes`],
    ["  loading @upstash/redis before", `${cold_client_load_ms} ms`],
    ...heap.map(({ executions, held_bytes }) => [
      `  held after ${executions} executions`,
      `${Math.round(held_bytes / 1024)} KiB`,
    ]),
    ["  held more for each execution", `${held_bytes_an_execution} bytes`],
  ]);
}

function comparisonTable(rows: readonly Comparison[]): string {
  return table([
    ["  in flight", "way", "ours, as part of it", "a second", "p50 ms", "p99 ms"],
    ...rows.flatMap(({ in_flight, ways, ratios }) =>
      Object.entries(ways).map(([name, { per_second, p50_ms, p99_ms }]) => [
        `  ${in_flight}`,
        name,
        String(ratios[name] ?? ""),
        ...[per_second, p50_ms, p99_ms].map(String),
      ]),
    ),
  ]);
}

function firstRequestTable({ gateway, direct, ratio }: FirstRequests): string {
  const row = (name: string, one: FirstRequests["gateway"], of: string) => [
    `  ${name}`,
    of,
    `${one.p50_ms} ms`,
    `${one.requests.token} for a token, ${one.requests.jwks} for discovery and JWKS`,
  ];
  return table([
    ["  way", "of direct", "p50", "requests"],
    row("gateway", gateway, String(ratio)),
    row("direct", direct, ""),
  ]);
}

function cacheTable(caches: CacheTimes): string {
  return table([
    ["  cache", "p50", "p99"],
    ...Object.entries(caches).map(([name, one]) => [`  ${name}`, `${one.p50_us} µs`, `${one.p99_us} µs`]),
  ]);
}
