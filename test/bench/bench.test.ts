import { beforeAll, expect, it } from "vitest";

import { runBench } from "../../src/bench/bench-program.ts";
import type { Results } from "../../src/bench/measure.ts";
import { report } from "../../src/bench/report.ts";
import { kindsIn, readNumbers } from "../support/kinds.ts";

const printed = { code: -1, stdout: "", stderr: "" };
let results: Results;
beforeAll(async () => {
  printed.code = await runBench(["--quick", "--json", "--requests", "4", "--reconcile", "300,600"], {
    env: {},
    stdout: (text) => void (printed.stdout += text),
    stderr: (text) => void (printed.stderr += text),
    readStdin: async () => "",
  });
  results = JSON.parse(printed.stdout || "{}") as Results;
});

/** A value without its numbers: what is there, and of which kind. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shapeOf(one)]));
}

const LOAD = { per_second: "number", p50_ms: "number", p99_ms: "number" };
const CACHE = { p50_us: "number", p99_us: "number" };
const GATEWAY = {
  in_flight: "number",
  ways: { gateway: LOAD, direct: LOAD },
  ratios: { direct: "number" },
};

it("prints one JSON value with everything in it, and nothing on stderr that is no terminal", () => {
  expect([printed.code, printed.stderr]).toEqual([0, ""]);
  expect(printed.stdout.trimEnd()).not.toContain("\n");
  expect(shapeOf(results)).toEqual({
    machine: { node: "string", cpu: "string", cores: "number" },
    load: { requests: "number", rounds: "number" },
    action: {
      own_p50_us: "number",
      own_p99_us: "number",
      hmac_p50_us: "number",
      load_p50_us: "number",
      bundle_bytes: "number",
    },
    action_alone: {
      starts: "number",
      cold_load_ms: "number",
      cold_client_load_ms: "number",
      heap: [{ executions: "number", held_bytes: "number" }],
      held_bytes_an_execution: "number",
    },
    operations: expect.anything(),
    reconcile: {
      redis: "string",
      keys_a_user: "number",
      sizes: [
        {
          keys: "number",
          users: "number",
          seconds: "number",
          us_a_key: "number",
          peak_mib: "number",
          requests: { token: "number", management: "number", download: "number", redis: "number" },
        },
      ],
    },
    exchange: [
      {
        in_flight: "number",
        ways: { exchange: LOAD, client_credentials: LOAD, bare: LOAD, bare_and_redis: LOAD },
        ratios: { client_credentials: "number", bare: "number", bare_and_redis: "number" },
      },
    ],
    gateway: [GATEWAY],
    gateway_and_validation: [GATEWAY],
    first_requests: expect.anything(),
    caches: { memory: CACHE, file: CACHE, redis: CACHE },
    start: { starts: "number", token_p50_ms: "number", node_p50_ms: "number", ratio: "number" },
    key_checks: {
      peers: {},
      not_compared: [{ name: "string", reason: "string" }],
      redis: "string",
      without_store: [{ name: "string", us: "number", of_ours: "number" }],
      with_store: [
        {
          name: "string",
          us: "number",
          of_ours: "number",
          store: "string",
          added_ms: "number",
          round_trips: "number",
        },
      ],
    },
  });
});

it("writes what docs/BENCHMARKS.md is made of", () => {
  expect(kindsIn(results)).toEqual(kindsIn(readNumbers("docs/BENCHMARKS.md")));
});

it("tells people all of it, with nothing that is not there", () => {
  const text = report(results);
  expect(text).not.toMatch(/undefined|NaN|null|\[object/);
  for (const told of ["client_credentials", "300 ", "revoke", "over REST", "keypal", "4 requests a round"]) {
    expect(text).toContain(told);
  }
});

// By hand: read the user, write the user; and what is asked of Redis in a new process, which learns by its first script
// that this is no Upstash.
it.each([
  ["create: lock, marker, script refused, record, records, unlock", "create", 6],
  ["rotate: marker, lock, record, script refused, record, records, unlock", "rotate", 7],
  ["revoke: record, script refused, tombstone, lock, record, records, unlock", "revoke", 7],
] as const)("%s", (_, operation, redis) => {
  expect(results.operations.requests[operation]).toEqual({ token: 1, management: 2, redis });
});

it("a key takes more with everything than without, in both stores, and fits twenty times into 8 KB as it is", () => {
  const { plain, everything } = results.operations.bytes;
  // apikey: and the key's id.
  expect([plain.redis_name_bytes, everything.redis_name_bytes]).toEqual([7 + 12, 7 + 12]);
  expect(everything.app_metadata_bytes).toBeGreaterThan(plain.app_metadata_bytes);
  expect(everything.redis_value_bytes).toBeGreaterThan(plain.redis_value_bytes);
  expect(20 * plain.app_metadata_bytes).toBeLessThan(8_192);
  for (const { redis_memory_bytes, redis_name_bytes, redis_value_bytes } of [plain, everything]) {
    // Not told by the engine in memory.
    expect(redis_memory_bytes ?? Infinity).toBeGreaterThan(redis_name_bytes + redis_value_bytes);
  }
});

it("a rebuild asks Auth0 for one export and no user, and Redis for batches", () => {
  const [rebuilt] = results.reconcile.sizes;
  // Asked for, looked at twice, and downloaded: the job of the local tenant is complete at the second look.
  expect(rebuilt).toMatchObject({
    keys: 300,
    users: 100,
    requests: { token: 1, management: 3, download: 1 },
  });
  expect(rebuilt?.requests.redis).toBeLessThan(30);
});

it("the Action holds no more after thousands of executions than after the first thousand", () => {
  const { heap } = results.action_alone;
  expect(heap.map(({ executions }) => executions)).toEqual([1_000, 2_000, 4_000]);
  // One small object an execution would be 2 MB; what V8 itself compiles meanwhile is some 0.3 MB.
  expect((heap[2]?.held_bytes ?? 0) - (heap[0]?.held_bytes ?? 0)).toBeLessThan(1_000_000);
});

it("our check is one round trip, to Redis itself and over REST", () => {
  const ours = results.key_checks.with_store.filter(({ name }) => name === "ours");
  expect(ours.map(({ store, added_ms, round_trips }) => [store, added_ms, round_trips])).toEqual([
    ["redis", 0, 1],
    ["rest", 0, 1],
    ["redis", 5, 1],
    ["rest", 5, 1],
  ]);
});

it("what a first request asks the tenant for: a token and the JWKS, or discovery and the JWKS", () => {
  const { gateway, direct } = results.first_requests;
  expect([gateway.requests, direct.requests]).toEqual([
    { token: 1, jwks: 1 },
    { token: 0, jwks: 2 },
  ]);
});

it("says what is not compared, and why", () => {
  const names = results.key_checks.not_compared.map(({ name }) => name);
  expect(names).toEqual(["keypal", "prefixed-api-key", "better-auth"]);
});

it.each(["--requests 0", "--requests many", "--reconcile 1000,", "--reconcile 1000001", "--slow"])(
  "%s is wrong usage",
  async (line) => {
    const argv = line.split(" ");
    let stderr = "";
    const io = { env: {}, stdout: () => undefined, readStdin: async () => "" };
    expect(await runBench(argv, { ...io, stderr: (text) => void (stderr += text) })).toBe(2);
    expect(stderr).toContain(argv[0]);
  },
);
