import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { ApiKey } from "../core/api-key.ts";
import { decideExchange } from "../core/decide-exchange.ts";
import { recordKey, sealRecord } from "../core/key-record.ts";
import { hashKey, parsePeppers } from "../core/peppers.ts";
import { sealStoreMarker, STORE_MARKER_KEY } from "../core/store-marker.ts";
import type { DeployConfig } from "../deploy/config.ts";
import type { RedisEngine } from "../local/redis-rest/engine.ts";
import { openPeers, type PeerCheck } from "./peers.ts";

/** What a check costs: the median over the rounds, and as a multiple of ours. */
interface CheckCost {
  readonly name: string;
  readonly us: number;
  readonly of_ours: number;
}

/** A check with its store, at one added latency. */
interface StoredCheckCost extends CheckCost {
  readonly added_ms: number;
  /** Commands, one after the other. */
  readonly round_trips: number;
}

/** Our check of a key beside the peers' and beside the least that it can cost, without and with a store. */
export interface KeyChecks {
  readonly peers: Readonly<Record<string, string>>;
  readonly redis: string;
  readonly without_store: readonly CheckCost[];
  readonly with_store: readonly StoredCheckCost[];
}

const ROUNDS = 15;
const ADDED_MS = [0, 5, 20];
const PEERS_FOLDER = ".bench";

/** Measures them in turn, round after round, in one run. */
export async function benchKeyChecks(config: DeployConfig, redis: RedisEngine): Promise<KeyChecks> {
  const peers = await openPeers(PEERS_FOLDER);
  const own = prepare(config);
  const least = {
    "one SHA-256": async () => void createHash("sha256").update(own.key.reveal()).digest(),
    "one HMAC-SHA-256": async () => void hashKey(own.key.reveal(), own.peppers.current),
    "JSON.parse of the record": async () => void JSON.parse(own.record.slice(own.record.indexOf("{"))),
  };
  const without = await inTurn(
    {
      ours: async () => own.check(async () => own.answer),
      "prefixed-api-key": peers.prefixedApiKey,
      "better-auth, memory": peers.betterAuth,
      ...least,
    },
    200,
  );

  await redis.execute(["SET", recordKey(own.key.id), own.record]);
  await redis.execute(["SET", STORE_MARKER_KEY, own.marker]);
  const withStore: StoredCheckCost[] = [];
  for (const addedMs of ADDED_MS) {
    let trips = 0;
    const send = async (...command: readonly string[]) => {
      trips++;
      if (addedMs > 0) await sleep(addedMs);
      return redis.execute(command);
    };
    const mget = async () => send("MGET", recordKey(own.key.id), STORE_MARKER_KEY);
    const betterAuth = await peers.betterAuthOver({
      get: async (name) => (await send("GET", name)) as string | null,
      set: async (name, value) => void (await send("SET", name, value)),
      delete: async (name) => void (await send("DEL", name)),
    });
    const checks: Record<string, PeerCheck> = {
      ours: async () => own.check(async () => (await mget()) as (string | null)[]),
      "one bare round trip": async () => void (await mget()),
      "better-auth": betterAuth,
    };
    const tripsOf = new Map<string, number>();
    for (const [name, check] of Object.entries(checks)) {
      trips = 0;
      await check();
      tripsOf.set(name, trips);
    }
    for (const cost of await inTurn(checks, addedMs === 0 ? 50 : 4)) {
      withStore.push({ ...cost, added_ms: addedMs, round_trips: tripsOf.get(cost.name) ?? 0 });
    }
  }
  return { peers: peers.versions, redis: redis.name, without_store: without, with_store: withStore };
}

function prepare(config: DeployConfig) {
  const peppers = parsePeppers(randomBytes(32).toString("base64url"));
  const key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
  const hash = hashKey(key.reveal(), peppers.current);
  const record = sealRecord({ id: key.id, sub: "auth0|ada", hash, v: 1, iat: 1 }, peppers);
  const marker = sealStoreMarker(config.subjectTokenType, peppers);
  const request = {
    subjectToken: key.reveal(),
    clientId: config.clients[0] ?? "",
    ip: "127.0.0.1",
    audience: config.apis[0]?.identifier,
    organizationId: undefined,
    requestedScopes: [],
  };
  const check = async (lookUp: () => Promise<readonly (string | null)[]>) => {
    const answered = async () => {
      const [found = null, ofStore = null] = await lookUp();
      return { kind: "answered", record: found, marker: ofStore } as const;
    };
    const { kind } = await decideExchange(request, config, peppers, answered, 2);
    if (kind !== "grant") throw new Error("Our own check refused its key.");
  };
  return { peppers, key, record, marker, answer: [record, marker], check };
}

/** Each check `times` times a round, in turn; the first round warms all of them up. */
async function inTurn(
  checks: Readonly<Record<string, PeerCheck>>,
  times: number,
): Promise<readonly CheckCost[]> {
  const tookUs = new Map<string, number[]>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, check] of Object.entries(checks)) {
      const startedMs = performance.now();
      for (let at = 0; at < times; at++) await check();
      const us = ((performance.now() - startedMs) / times) * 1_000;
      if (round > 0) tookUs.set(name, [...(tookUs.get(name) ?? []), us]);
    }
  }
  const median = (name: string) =>
    tookUs.get(name)?.toSorted((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
  const ours = median("ours");
  const round = (value: number) => Math.round(value * 100) / 100;
  return Object.keys(checks).map((name) => ({
    name,
    us: round(median(name)),
    of_ours: round(median(name) / ours),
  }));
}
