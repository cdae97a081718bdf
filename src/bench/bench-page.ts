import { markdownTable, type Page } from "../report/page.ts";
import { exchangeChart, gatewayChart, keyCheckChart, storeChart } from "./bench-charts.ts";
import type { Results } from "./measure.ts";

/** docs/BENCHMARKS.md, of the results of one run. */
export function benchPage(results: Results): Page {
  const { machine, load, action, action_alone, key_checks, start, first_requests } = results;
  const peers = Object.entries(key_checks.peers).map(([name, version]) => `\`${name}\` ${version}`);
  return {
    charts: {
      "charts/bench-key-check.svg": keyCheckChart(results),
      "charts/bench-store.svg": storeChart(results),
      "charts/bench-exchange.svg": exchangeChart(results),
      "charts/bench-gateway.svg": gatewayChart(results),
    },
    text: `# Benchmarks

Written by \`npm run bench -- ${optionsOf(results)}\`
on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}. All of it in one run, what is compared in turn with each other, ${load.requests.toLocaleString("en-US")} requests a round under load
and ${load.rounds} rounds of which the median counts. Server and callers share one process: read the ratios, not the times.
Nothing here was measured against Auth0 or Upstash; docs/SCALE.md is about what lies beyond one machine.

## A check of a key

What a user would pick instead, where keys are checked in the API itself: ${peers.join(", ")}. And the least that it can
cost: one SHA-256, one HMAC, one \`JSON.parse\` of what is stored. Together those are the limit, of which ours takes
**${ofLimit(results)} times**.

![A check of a key](charts/bench-key-check.svg)

${markdownTable(
  ["all but the store", "median", "of ours"],
  key_checks.without_store.map(({ name, us, of_ours }) => [name, `${us} µs`, String(of_ours)]),
)}
${whoIsFaster(results)}\`ours, the key alone\` is the key and its hash, under a pepper: then hashes in Redis are of no use to anybody else. What
comes on top is the record: it is sealed with a second HMAC, since whoever can write to Redis could otherwise become any
user, and says for whom, what and until when the key is.
${notCompared(results)}
With the store, a real ${key_checks.redis}, by itself and behind the REST protocol; the store is made slower by what is added:

![A check with its store](charts/bench-store.svg)

${markdownTable(
  ["check", "store", "added", "round trips", "median", "of ours"],
  key_checks.with_store.map((row) => [
    row.name,
    row.store === "redis" ? "Redis" : "REST",
    `${row.added_ms} ms`,
    String(row.round_trips),
    `${(row.us / 1000).toFixed(2)} ms`,
    String(row.of_ours),
  ]),
)}
## The whole exchange

Through the local tenant, beside \`client_credentials\` there (one application a key), beside an endpoint that only signs
a token on the same server, and beside that endpoint with one look-up in Redis over REST, without which no key can be
checked:

![Tokens a second](charts/bench-exchange.svg)

${markdownTable(
  ["in flight", "way", "a second", "p50", "p99", "ours, as a part of it"],
  results.exchange.flatMap(({ in_flight, ways, ratios }) =>
    Object.entries(ways).map(([way, one]) => [
      String(in_flight),
      way,
      String(one.per_second),
      `${one.p50_ms} ms`,
      `${one.p99_ms} ms`,
      String(ratios[way] ?? "–"),
    ]),
  ),
)}
The exchange loses to both: it asks Redis over HTTP and runs two Actions, they do neither. The look-up alone takes about
half of what the bare endpoint can do in one process, most of it in \`fetch\`: the row with it is what can be reached. At
Auth0 neither counts: it grants 4 or 15 exchanges a second.

## The Action

${markdownTable(
  ["what", "is"],
  [
    ["own time, half of the executions", `${action.own_p50_us} µs`],
    ["own time, 99 of 100", `${action.own_p99_us} µs`],
    ["one HMAC-SHA-256 in the same run", `${action.hmac_p50_us} µs`],
    ["size, of Auth0's 100 kB", `${(action.bundle_bytes / 1000).toFixed(1)} kB`],
    ["loading it, cold", `${action_alone.cold_load_ms} ms`],
    ["loading `@upstash/redis` before, cold", `${action_alone.cold_client_load_ms} ms`],
    ...action_alone.heap.map(({ executions, held_bytes }) => [
      `held after ${executions.toLocaleString("en-US")} executions`,
      `${(held_bytes / 2 ** 20).toFixed(2)} MiB`,
    ]),
  ],
)}
## The gateway

An API behind the gateway, called with a key whose token is at hand, beside the same API that validates a token itself
with \`express-oauth2-jwt-bearer\`; and, as \`gateway, validated twice\`, an API that goes on validating behind the gateway:

![Requests a second](charts/bench-gateway.svg)

${markdownTable(
  ["in flight", "way", "a second", "p50", "p99", "of direct"],
  [
    ...gatewayRows(results.gateway, "gateway"),
    ...gatewayRows(results.gateway_and_validation, "gateway, validated twice"),
  ],
)}
The first request of an API that has nothing cached, ${first_requests.times} times: ${first_requests.gateway.p50_ms} ms through the gateway,
which exchanges the key, ${first_requests.direct.p50_ms} ms without (ratio ${first_requests.ratio}).

A token from each cache:

${markdownTable(
  ["cache", "p50", "p99"],
  Object.entries(results.caches).map(([name, one]) => [name, `${one.p50_us} µs`, `${one.p99_us} µs`]),
)}
\`auth0-api-keys token\` with a cached token, a process of its own: ${start.token_p50_ms} ms, beside ${start.node_p50_ms} ms of \`node -e 0\`.

## Operations on keys

Requests of each, by a process that has no token yet; a process that goes on needs that token once:

${markdownTable(
  ["operation", "for a token", "Management API", "Redis"],
  Object.entries(results.operations.requests).map(([name, one]) => [
    name,
    String(one.token),
    String(one.management),
    String(one.redis),
  ]),
)}
${markdownTable(
  ["bytes of a key", "app_metadata", "Redis, name and value", "Redis, memory"],
  Object.entries(results.operations.bytes).map(([name, one]) => [
    name === "plain" ? "plain" : "with everything that a key can have",
    String(one.app_metadata_bytes),
    String(one.redis_name_bytes + one.redis_value_bytes),
    String(one.redis_memory_bytes ?? "–"),
  ]),
)}
A lost Redis (${results.reconcile.redis}) rebuilt by \`keys reconcile --fix\` in a process of its own, ${results.reconcile.keys_a_user} keys a user:

${markdownTable(
  ["keys", "seconds", "µs a key", "resident at most", "Management API", "Redis"],
  results.reconcile.sizes.map((one) => [
    one.keys.toLocaleString("en-US"),
    String(one.seconds),
    String(one.us_a_key),
    `${one.peak_mib} MiB`,
    String(one.requests.management + one.requests.download),
    String(one.requests.redis),
  ]),
)}`,
  };
}

const PARTS_OF_LIMIT = ["one SHA-256", "one HMAC-SHA-256", "JSON.parse of the record"];

function usOf({ key_checks }: Results, name: string): number {
  return key_checks.without_store.find((row) => row.name === name)?.us ?? Number.NaN;
}

/** One SHA-256, one HMAC and one JSON.parse. */
function limitUs(results: Results): number {
  return PARTS_OF_LIMIT.reduce((sum, name) => sum + usOf(results, name), 0);
}

/** Our check as a multiple of the limit. */
function ofLimit(results: Results): string {
  return (usOf(results, "ours") / limitUs(results)).toFixed(1);
}

function whoIsFaster(results: Results): string {
  const oursUs = usOf(results, "ours");
  const faster = results.key_checks.without_store.filter(
    ({ name, us }) => !name.startsWith("ours") && !PARTS_OF_LIMIT.includes(name) && us < oursUs,
  );
  if (faster.length === 0) return "";
  const names = faster.map(({ name }) => `\`${name}\``).join(" and ");
  const beyond = faster.every(({ us }) => us < limitUs(results)) ? ", and faster than the limit" : "";
  return `Faster than ours${beyond}: ${names}. One SHA-256 of the secret is compared with what is in memory already.\n`;
}

function optionsOf({ key_checks, reconcile }: Results): string {
  return [
    ...("prefixed-api-key" in key_checks.peers ? ["--peers"] : []),
    ...("keypal" in key_checks.peers ? ["--keypal <checkout>"] : []),
    `--reconcile ${reconcile.sizes.map(({ keys }) => keys).join()}`,
    "--write",
  ].join(" ");
}

function notCompared({ key_checks }: Results): string {
  const names = key_checks.not_compared.map(({ name, reason }) => `\`${name}\`, since ${reason}`);
  return names.length === 0 ? "" : `\nNot compared: ${names.join("; ")}.\n`;
}

function gatewayRows(rows: Results["gateway"], name: string): readonly (readonly string[])[] {
  return rows.flatMap(({ in_flight, ways, ratios }) =>
    Object.entries(ways).map(([way, one]) => [
      String(in_flight),
      way === "gateway" ? name : way,
      String(one.per_second),
      `${one.p50_ms} ms`,
      `${one.p99_ms} ms`,
      way === "gateway" ? String(ratios["direct"] ?? "–") : "1",
    ]),
  );
}
