import { createHash } from "node:crypto";

import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { ApiKey } from "../../src/core/api-key.ts";
import { entriesFieldOf } from "../../src/core/deployment.ts";
import { ApiKeysError } from "../../src/core/errors.ts";
import { isObject } from "../../src/core/key-entry.ts";
import { recordKey, recordOf } from "../../src/core/key-record.ts";
import { foreignKey, sha256Of } from "../../src/core/presented-key.ts";
import { sealUnnamedMarker, STORE_MARKER_KEY } from "../../src/core/store-marker.ts";
import { bundleAction, TRIGGERS } from "../../src/deploy/bundle.ts";
import { defineConfig } from "../../src/deploy/config.ts";
import { createKey } from "../../src/keys/create.ts";
import { disableKey, enableKey } from "../../src/keys/disable.ts";
import { dropKeys } from "../../src/keys/drop-keys.ts";
import { importKeys } from "../../src/keys/import.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { showKey } from "../../src/keys/list.ts";
import type { Difference } from "../../src/keys/mend-user.ts";
import { pruneKeys } from "../../src/keys/prune.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { renameKey } from "../../src/keys/rename.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { cancelRotation, endOverlap, rotateKey } from "../../src/keys/rotate.ts";
import { takeOver } from "../../src/keys/take-over.ts";
import { transferKeys } from "../../src/keys/transfer.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import {
  cancelled,
  disabled,
  enabled,
  isGranted,
  overlapEnded,
  revoked,
  rotated,
  type KeyState,
  type Step,
} from "../support/key-model.ts";
import { dropRecord, putRecord } from "../support/records.ts";
import { ADA, CONFIG, GRACE, setMetadata, stage, TENANT, type Stage } from "../support/stage.ts";
import { openWire, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

const HOUR = 3_600;
const DAY = 24 * HOUR;
/** Longer than a lease of 30 seconds. */
const STOPPED_MS = 31_000;
const NAME = "orders";
/** One second verb alone, while something is being looked for. */
const SECOND = process.env["PAUSE_SECOND"];
const POLICY = { allowNoExpiry: true, acceptForeignKeys: true, maxKeysPerUser: 30 };

let clock: TestClock;
let s: Stage;
let wire: Wire;
/** What there is before each run, for each state of the key that both verbs are about. */
const worlds = new Map<string, World>();

beforeAll(async () => {
  clock = openWorldClock();
  const config = {
    ...defineConfig({ ...CONFIG, name: NAME, policy: POLICY }),
    tenant: TENANT,
    takesOver: true,
  };
  s = await stage({
    nowMs: () => clock.nowMs,
    config: { name: NAME, policy: POLICY },
    actions: await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config))),
  });
  wire = openWire(s);
  for (const isRotated of [false, true]) {
    for (const isDisabled of [false, true]) {
      worlds.set(`${isRotated} ${isDisabled}`, await makeWorld(isRotated, isDisabled));
    }
  }
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});

/** A key that is made or shown during a run: alive from then on unless all are dropped. */
type Shown = string | undefined;

interface World {
  readonly startMs: number;
  readonly id: string;
  readonly secrets: readonly string[];
  readonly state: KeyState;
  /** Keys that nobody touches: one that works, one without its record, one whose record is stale. */
  readonly others: readonly string[];
  /** Keys that have ended: one long ago, one whose entry does not say so yet. */
  readonly ended: readonly string[];
  /** A key of Grace, who was linked into Ada. */
  readonly graces: string;
  readonly texts: readonly (readonly [name: string, text: string, untilMs: number])[];
  readonly ada: Record<string, unknown>;
}

interface Verb {
  readonly name: string;
  readonly run: (keys: Keys, world: World) => Promise<Shown>;
  readonly isRotated?: true;
  readonly isDisabled?: true;
  readonly step?: (secret: Shown) => Step;
}

const quiet = async (work: Promise<unknown>): Promise<undefined> => work.then(() => undefined);
const imported = `shop-${createHash("sha256").update("imported").digest("hex")}`;
/** The request that may come again, with the key that it makes each time. */
const repeated = ApiKey.generate("acme_live", (size) => new Uint8Array(size).fill(7));
let made = 0;

const VERBS: readonly Verb[] = [
  {
    name: "create",
    run: async (keys) => (await createKey(keys, ADA, { name: `made ${made++}` })).apiKey.reveal(),
  },
  {
    name: "create again",
    run: async (keys) => {
      const minting = { apiKey: repeated, wasMade: false };
      return (await createKey(keys, ADA, { name: "repeated" }, minting)).apiKey.reveal();
    },
  },
  {
    name: "rotate",
    run: async (keys, { id }) => (await rotateKey(keys, ADA, id, { overlapSeconds: HOUR })).apiKey.reveal(),
    step: (secret) => rotated(secret, HOUR),
  },
  {
    name: "cancel",
    isRotated: true,
    run: async (keys, { id }) => quiet(cancelRotation(keys, ADA, id)),
    step: () => cancelled,
  },
  {
    name: "end overlap",
    isRotated: true,
    run: async (keys, { id }) => quiet(endOverlap(keys, ADA, id)),
    step: () => overlapEnded,
  },
  { name: "disable", run: async (keys, { id }) => quiet(disableKey(keys, ADA, id)), step: () => disabled },
  {
    name: "enable",
    isDisabled: true,
    run: async (keys, { id }) => quiet(enableKey(keys, ADA, id)),
    step: () => enabled,
  },
  {
    name: "revoke",
    run: async (keys, { id }) => quiet(revokeKey(keys, ADA, id, "leaked")),
    step: () => revoked,
  },
  { name: "rename", run: async (keys, { id }) => quiet(renameKey(keys, ADA, id, `renamed ${made++}`)) },
  { name: "prune", run: async (keys) => quiet(pruneKeys(keys, ADA)) },
  {
    name: "transfer",
    run: async (keys, { graces }) => {
      const transferred = await transferKeys(keys, GRACE, ADA);
      return transferred.length > 0 ? graces : undefined;
    },
  },
  {
    name: "import",
    run: async (keys) => {
      const line = { userId: ADA, key: foreignKey(sha256Of(imported)), request: { name: "imported" } };
      const [outcome] = await importKeys(keys, ADA, [line], { write: true, upgrade: false });
      if (outcome?.kind === "refused") throw outcome.error;
      return imported;
    },
  },
  { name: "reconcile", run: async (keys) => quiet(mendAll(keys)) },
  { name: "take over", run: async (keys) => quiet(takeOver(keys, true)) },
  { name: "drop", run: async (keys) => quiet(dropKeys(keys)) },
];

async function mendAll(keys: Keys, fix = true): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  const options = { fix, restoreEntries: false, restoreMany: false };
  await reconcile(keys, { ...options, onDifference: (one) => void found.push(one) });
  return found;
}

async function makeWorld(isRotated: boolean, isDisabled: boolean): Promise<World> {
  await s.local.redis.execute(["FLUSHALL"]);
  await s.keys.records.mark();
  const { users } = s.local.tenant;
  setMetadata(s, ADA, {});
  users.set(GRACE, { ...users.get(ADA), user_id: GRACE, app_metadata: {} });
  const keys = freshKeys(s, clock);
  const create = async (user: string, name: string) => {
    const { apiKey } = await createKey(keys, user, { name, lifetimeDays: "never" });
    return { key: apiKey.reveal(), id: apiKey.id };
  };
  const old = await create(ADA, "old");
  await revokeKey(keys, ADA, old.id, "long ago");
  clock.nowMs += 40 * DAY * 1_000;
  const [first, works, lost, stale, tomb] = [
    await create(ADA, "first"),
    await create(ADA, "works"),
    await create(ADA, "lost"),
    await create(ADA, "stale"),
    await create(ADA, "tomb"),
  ];
  const graces = await create(GRACE, "of grace");
  const secrets = [first.key];
  if (isRotated) {
    const { apiKey } = await rotateKey(keys, ADA, first.id, { overlapSeconds: DAY });
    secrets.push(apiKey.reveal());
  }
  if (isDisabled) await disableKey(keys, ADA, first.id);
  await dropRecord(keys, lost.id);
  const [entryOfStale, entryOfTomb] = [await showKey(keys, ADA, stale.id), await showKey(keys, ADA, tomb.id)];
  await putRecord(keys, { ...recordOf(ADA, entryOfStale), scope: "" });
  await putRecord(keys, { ...recordOf(ADA, entryOfTomb), revoked_at: keys.nowSeconds() });

  // Linked, as Auth0 does it: the secondary user and its app_metadata are gone.
  const identities = [ADA, GRACE].map((userId) => {
    const [provider, user_id] = userId.split("|");
    return { provider, user_id, connection: "Username-Password-Authentication", isSocial: false };
  });
  const ada = { ...users.get(ADA), identities };
  const [, names] = (await s.local.redis.execute(["SCAN", "0"])) as [string, string[]];
  const texts = await Promise.all(
    names.map(async (name) => {
      const text = String(await s.local.redis.execute(["GET", name]));
      const leftMs = Number(await s.local.redis.execute(["PTTL", name]));
      return [name, text, leftMs < 0 ? 0 : clock.nowMs + leftMs] as const;
    }),
  );
  return {
    startMs: clock.nowMs,
    id: first.id,
    secrets,
    others: [works.key, lost.key, stale.key],
    ended: [old.key, tomb.key],
    graces: graces.key,
    texts: texts.filter(([name]) => !name.startsWith("apikey-lock:")),
    ada: structuredClone(ada),
    state: {
      owner: ADA,
      expSeconds: undefined,
      isRevoked: false,
      isDisabled,
      current: secrets.at(-1),
      previous: isRotated ? { secret: secrets[0], untilSeconds: Number.MAX_SAFE_INTEGER } : undefined,
    },
  };
}

/** Brings a world back. One that is to be taken over is of before deployments had names. */
async function restore({ texts, ada, startMs }: World, isUnnamed: boolean): Promise<void> {
  clock.nowMs = startMs;
  await s.local.redis.execute(["FLUSHALL"]);
  for (const [name, text, untilMs] of texts) {
    const unnamed = isUnnamed && name === STORE_MARKER_KEY;
    const kept = unnamed ? sealUnnamedMarker(s.config.subjectTokenType, s.keys.peppers) : text;
    await s.local.redis.execute([
      "SET",
      name,
      kept,
      ...(untilMs === 0 ? [] : ["PX", String(untilMs - startMs)]),
    ]);
  }
  const user = structuredClone(ada);
  const metadata = user["app_metadata"] as Record<string, unknown>;
  if (isUnnamed) {
    metadata["api_keys"] = metadata[entriesFieldOf(s.config)];
    delete metadata[entriesFieldOf(s.config)];
  }
  s.local.tenant.users.delete(GRACE);
  s.local.tenant.users.set(ADA, { ...user, user_id: ADA });
}

const isThrough = async (key: string): Promise<boolean> => (await s.exchange(key)).status === 200;
const through = async (keys: readonly string[]): Promise<readonly boolean[]> =>
  Promise.all(keys.map(isThrough));

/** Every state that the first key may be in: done is done, in some order, and what failed may have been done. */
function statesAfter(
  start: KeyState,
  runs: readonly { readonly verb: Verb; readonly outcome: Shown | ApiKeysError }[],
): readonly KeyState[] {
  const orders = [runs, runs.toReversed()];
  return orders.flatMap((order) => {
    let states: readonly KeyState[] = [start];
    for (const { verb, outcome } of order) {
      const isDone = !(outcome instanceof ApiKeysError);
      const step = verb.step?.(isDone ? outcome : undefined);
      if (!step) continue;
      const next = states.flatMap((state) => {
        const after = step(state, Math.floor(clock.nowMs / 1_000));
        // Twice the same at once: the second finds done what it was to do.
        if ("refused" in after) return runs.every((one) => one.verb === verb) ? [state] : [];
        return [after];
      });
      states = isDone ? next : [...states, ...next];
    }
    return states;
  });
}

interface Outcome {
  readonly isReached: boolean;
  readonly broken: readonly string[];
}

/** The first verb is stopped before one of its requests, the second runs to its end, and the first goes on. */
async function run(first: Verb, second: Verb, at: number): Promise<Outcome> {
  const pair = [first, second];
  const isUnnamed = pair.some(({ name }) => name === "take over");
  const world = worlds.get(
    `${pair.some(({ isRotated }) => isRotated)} ${pair.some(({ isDisabled }) => isDisabled)}`,
  );
  if (!world) throw new Error("no such world");
  await restore(world, isUnnamed);
  let second_: Shown | ApiKeysError;
  let isReached = false;
  const first_ = await wire.pause(
    at,
    async () => {
      isReached = true;
      clock.nowMs += STOPPED_MS;
      second_ = await second.run(freshKeys(s, clock), world).catch((error: unknown) => {
        if (error instanceof ApiKeysError) return error;
        throw error;
      });
    },
    async () => first.run(freshKeys(s, clock), world),
  );
  if (!isReached) return { isReached, broken: [] };

  const runs = [
    { verb: first, outcome: first_ },
    { verb: second, outcome: second_ },
  ];
  const done = runs.filter(({ outcome }) => !(outcome instanceof ApiKeysError));
  const isDone = (name: string) => done.some(({ verb }) => verb.name === name);
  const isDropped = isDone("drop");
  const mayBeDropped = pair.some(({ name }) => name === "drop");
  const shown = runs.flatMap(({ verb, outcome }) =>
    typeof outcome === "string" && verb.name !== "rotate" ? [outcome] : [],
  );
  const secrets = [
    ...world.secrets,
    ...runs.flatMap(({ verb, outcome }) =>
      verb.name === "rotate" && typeof outcome === "string" ? [outcome] : [],
    ),
  ];
  const nowSeconds = () => Math.floor(clock.nowMs / 1_000);
  const broken: string[] = [];
  const told = runs
    .map(({ verb, outcome }) => `${verb.name}: ${outcome instanceof ApiKeysError ? outcome.code : "done"}`)
    .join(", ");
  const look = async (when: string, isWhole: boolean): Promise<void> => {
    const say = (what: string) =>
      broken.push(`${first.name} at ${at} (${wire.requests[at]}), ${second.name}; ${told}; ${when}: ${what}`);
    const granted = await through(secrets);
    const possible = statesAfter(world.state, runs)
      // A key that is switched off while another process is held up that began to switch it on stays off.
      .filter(({ isDisabled }) => isDisabled || at === 0 || second.name !== "disable" || !isDone("disable"))
      .map((state) => String(secrets.map((one) => isGranted(state, one, nowSeconds()))));
    if (mayBeDropped || isUnnamed) possible.push(String(secrets.map(() => false)));
    if (isDropped && granted.includes(true)) say("a dropped key is granted");
    if (!isDropped && !possible.includes(String(granted)))
      say(`granted ${String(granted)}, and not ${possible.join(" or ")}`);
    for (const [index, one] of (await through(world.ended)).entries())
      if (one) say(`ended key ${index} is granted`);
    const alive = [...shown, ...(isWhole ? world.others : world.others.slice(0, 1))];
    for (const [index, one] of (await through(alive)).entries()) {
      if (isDropped && one) say(`dropped key ${index} of ${alive.length} is granted`);
      if (!mayBeDropped && !(isUnnamed && !isWhole) && !one)
        say(`shown key ${index} of ${alive.length} is dead`);
    }
    const text = await s.local.redis.execute(["GET", recordKey(world.id)]);
    const isTombstone = typeof text !== "string" || text.includes('"revoked_at"');
    if (isDone("revoke") && !isTombstone) say("the record of a revoked key lives");
  };
  await look("at once", false);
  const keys = freshKeys(s, clock);
  clock.nowMs += STOPPED_MS;
  if (isUnnamed) await takeOver(keys, true);
  await mendAll(keys);
  await look("reconciled", true);
  const left = (await mendAll(keys, false)).filter(
    ({ kind }) => !["linked_user", "orphan_record", "deleted_user"].includes(kind),
  );
  if (left.length > 0) broken.push(`${told}: differences remain: ${JSON.stringify(left)}`);
  await s.local.redis.execute(["FLUSHALL"]);
  await mendAll(keys);
  await look("after Redis was lost", true);
  return { isReached, broken };
}

it.each(VERBS)(
  "$name stopped at each of its requests for longer than its lease, while each of 15 verbs runs to its end: nothing acknowledged is undone",
  async (first) => {
    const broken: string[] = [];
    let count = 0;
    for (const second of VERBS.filter(({ name }) => SECOND === undefined || name === SECOND)) {
      for (let at = 0; ; at++) {
        const outcome = await run(first, second, at);
        if (!outcome.isReached) break;
        count++;
        for (const one of outcome.broken) process.stderr.write(`${one}\n`);
        broken.push(...outcome.broken);
      }
    }
    process.stderr.write(`${first.name}: ${count} requests to stop at, ${broken.length} broken\n`);
    expect(broken).toEqual([]);
  },
  1_200_000,
);

it("the verbs find an entry where they look for it", () => {
  expect(isObject(worlds.get("false false")?.ada["app_metadata"])).toBe(true);
});
