import { createHash } from "node:crypto";

import { decideExchange, type LookUp } from "../core/decide-exchange.ts";
import { hashKey, isEqual } from "../core/peppers.ts";
import { readPresentedKey } from "../core/presented-key.ts";
import type { BenchSize } from "./bench-size.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { checkStores, type CheckStore } from "./check-stores.ts";
import { hundredths, inTurn, median } from "./load.ts";
import { NOT_COMPARED, type PeerCheck, type Peers } from "./peers.ts";

/** What a check costs: the median over the rounds, and as a multiple of ours. */
interface CheckCost {
  readonly name: string;
  readonly us: number;
  readonly of_ours: number;
}

/** A check with its store, at one added latency; `of_ours` is of ours over the same store. */
interface StoredCheckCost extends CheckCost {
  /** Redis itself, or the REST endpoint before it, as the Action reaches it. */
  readonly store: CheckStore["name"];
  readonly added_ms: number;
  /** Requests to the store, counted there. */
  readonly round_trips: number;
}

/** Our check of a key beside the peers' and beside the least that it can cost, without and with a store. */
export interface KeyChecks {
  /** Versions of the peers; none without `--peers`. */
  readonly peers: Readonly<Record<string, string>>;
  readonly not_compared: readonly { readonly name: string; readonly reason: string }[];
  readonly redis: string;
  readonly without_store: readonly CheckCost[];
  readonly with_store: readonly StoredCheckCost[];
}

type Checks = Readonly<Record<string, PeerCheck>>;

/** Measures them in turn, round after round, in one run. */
export async function benchKeyChecks(
  bench: BenchTenant,
  { checkRounds, addedMs }: Pick<BenchSize, "checkRounds" | "addedMs">,
  peers: Peers | undefined,
): Promise<KeyChecks> {
  const stores = checkStores(bench);
  const withStore: StoredCheckCost[] = [];
  for (const ms of addedMs) {
    const checks: Record<string, PeerCheck> = {};
    const told: { name: string; store: CheckStore; round_trips: number }[] = [];
    for (const store of stores) {
      store.setAddedMs(ms);
      for (const [name, check] of Object.entries(await checksOver(bench, store, peers))) {
        checks[`${store.name} ${name}`] = check;
        // The first check of a peer may prepare something for those after it.
        await check();
        told.push({ name, store, round_trips: await store.countTrips(check) });
      }
    }
    const tookUs = await medians(checks, ms === 0 ? 50 : 4, checkRounds);
    for (const { name, store, round_trips } of told) {
      const [us, oursUs] = [tookUs.get(`${store.name} ${name}`), tookUs.get(`${store.name} ours`)];
      withStore.push({ ...costOf(name, us, oursUs), store: store.name, added_ms: ms, round_trips });
    }
  }
  return {
    peers: peers?.versions ?? {},
    not_compared: Object.entries(NOT_COMPARED)
      .filter(([name]) => peers?.versions[name] === undefined)
      .map(([name, reason]) => ({ name, reason })),
    redis: bench.local.redis.name,
    without_store: await withoutStore(bench, checkRounds, peers),
    with_store: withStore,
  };
}

async function withoutStore(bench: BenchTenant, rounds: number, peers: Peers | undefined) {
  const [engine] = checkStores(bench);
  const answer = await engine.lookUp(bench.key.id);
  if (answer.kind !== "answered" || answer.record === null) throw new Error("The key has no record.");
  const { record } = answer;
  const text = bench.key.reveal();
  const hash = hashKey(text, bench.settings.peppers.current);
  const checks: Checks = {
    ours: ourCheck(bench, async () => answer),
    "ours, the key alone": async () => checkKeyAlone(text, hash, bench),
    ...(peers && { "prefixed-api-key": peers.prefixedApiKey }),
    ...(peers?.keypal && { "keypal, memory": peers.keypal.check }),
    ...(peers && { "better-auth, memory": peers.betterAuth }),
    "one SHA-256": async () => void createHash("sha256").update(text).digest(),
    "one HMAC-SHA-256": async () => void hashKey(text, bench.settings.peppers.current),
    "JSON.parse of the record": async () => void JSON.parse(record.slice(record.indexOf("{"))),
  };
  const tookUs = await medians(checks, 1_000, rounds);
  return Object.keys(checks).map((name) => costOf(name, tookUs.get(name), tookUs.get("ours")));
}

async function checksOver(bench: BenchTenant, store: CheckStore, peers: Peers | undefined): Promise<Checks> {
  return {
    ours: ourCheck(bench, async (keyId) => store.lookUp(keyId)),
    "one bare round trip": async () => void (await store.lookUp(bench.key.id)),
    ...(peers?.keypal && { keypal: await peers.keypal.checkOver(store.storage) }),
    ...(peers && { "better-auth": await peers.betterAuthOver(store.storage) }),
  };
}

function ourCheck({ config, settings, key }: BenchTenant, lookUp: (keyId: string) => Promise<LookUp>) {
  const request = {
    subjectToken: key.reveal(),
    clientId: config.clients[0] ?? "",
    ip: "127.0.0.1",
    audience: config.apis[0]?.identifier,
    organizationId: undefined,
    requestedScopes: [],
  };
  return async () => {
    const { kind } = await decideExchange(request, config, settings.peppers, lookUp, 2);
    if (kind !== "grant") throw new Error("Our own check refused its key.");
  };
}

/** What a check without a record would be: the form of the key, its checksum, its hash. */
function checkKeyAlone(text: string, hash: string, { config, settings }: BenchTenant): void {
  const key = readPresentedKey(text, config);
  if (!key || !isEqual(key.hash(settings.peppers.current), hash)) throw new Error("It refused its key.");
}

/** Each check `times` times a round, in turn, in microseconds; the first round warms all of them up. */
async function medians(checks: Checks, times: number, rounds: number): Promise<ReadonlyMap<string, number>> {
  const tookUs = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, check] of inTurn(Object.entries(checks), round)) {
      const startedMs = performance.now();
      for (let at = 0; at < times; at++) await check();
      const us = ((performance.now() - startedMs) / times) * 1_000;
      if (round > 0) tookUs.set(name, [...(tookUs.get(name) ?? []), us]);
    }
  }
  return new Map([...tookUs].map(([name, all]) => [name, median(all)]));
}

function costOf(name: string, us = Number.NaN, oursUs = Number.NaN): CheckCost {
  return { name, us: hundredths(us), of_ours: hundredths(us / oursUs) };
}
