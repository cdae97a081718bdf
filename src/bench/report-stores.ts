import { table } from "../cli/table.ts";
import type { KeyChecks } from "./key-check.ts";
import type { Operations } from "./operations.ts";
import type { Rebuilds } from "./reconcile.ts";

/** Requests of each operation, and bytes of a key. */
export function operationTables({ requests, bytes }: Operations): string {
  const ofOperations = Object.entries(requests).map(([name, one]) => [
    `  ${name}`,
    ...[one.token, one.management, one.redis].map(String),
  ]);
  const ofBytes = Object.entries(bytes).map(([name, one]) => [
    `  ${name === "plain" ? "a plain key" : "a key with everything"}`,
    String(one.app_metadata_bytes),
    String(one.redis_name_bytes + one.redis_value_bytes),
    one.redis_memory_bytes === null ? "not told" : String(one.redis_memory_bytes),
  ]);
  return `${table([["  operation", "for a token", "Management API", "Redis"], ...ofOperations])}
${table([["  bytes", "app_metadata", "Redis, name and value", "Redis, memory"], ...ofBytes])}`;
}

/** A rebuild of each size a row. */
export function rebuildTable({ sizes }: Rebuilds): string {
  return table([
    ["  keys", "seconds", "µs a key", "resident", "Management API", "Redis", "of the size before"],
    ...sizes.map(({ keys, seconds, us_a_key, peak_mib, requests, of_before: of }) => [
      `  ${keys}`,
      String(seconds),
      String(us_a_key),
      `${peak_mib} MiB`,
      String(requests.management),
      String(requests.redis),
      of
        ? `${of.keys} × keys: ${of.seconds} × time, ${of.memory} × memory, ${of.redis} × requests to Redis`
        : "",
    ]),
  ]);
}

/** Checks of a key without and with a store, and what is not compared. */
export function keyCheckTables({ peers, not_compared, redis, without_store, with_store }: KeyChecks): string {
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  const beside = versions.length === 0 ? "" : `beside others (${versions.join(", ")}) and `;
  return `A check of a key, ${beside}beside the least that it can cost
${table([
  ["  check, without its store", "of ours", "median"],
  ...without_store.map(({ name, of_ours, us }) => [`  ${name}`, String(of_ours), `${us} µs`]),
])}
${table([
  ["  with its store", "store", "added", "of ours", "median", "round trips"],
  ...with_store.map(({ name, store, added_ms, of_ours, us, round_trips }) => [
    `  ${name}`,
    store === "redis" ? redis : "over REST",
    `${added_ms} ms`,
    String(of_ours),
    `${us} µs`,
    String(round_trips),
  ]),
])}
${not_compared.length === 0 ? "" : `Not compared\n${table(not_compared.map(({ name, reason }) => [`  ${name}`, reason]))}`}`;
}
