import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { ApiKeysError } from "../../src/core/errors.ts";
import { isObject, keyStatus, type KeyEntry } from "../../src/core/key-entry.ts";
import { recordOf } from "../../src/core/key-record.ts";
import { createKey } from "../../src/keys/create.ts";
import { disableKey, enableKey } from "../../src/keys/disable.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { showKey } from "../../src/keys/list.ts";
import { pruneKeys } from "../../src/keys/prune.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { cancelRotation, endOverlap, rotateKey } from "../../src/keys/rotate.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { putRecord } from "../support/records.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

const HOUR = 3_600;
let clock: TestClock;
let s: Stage;
let wire: Wire;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({ nowMs: () => clock.nowMs });
  // Everything here takes the lock with the test's clock: one that was left behind is outwaited at once.
  s = { ...s, keys: freshKeys(s, clock) };
  wire = openWire(s);
});

async function create(): Promise<{ readonly key: string; readonly id: string }> {
  const { apiKey } = await createKey(s.keys, ADA, { name: `key ${clock.nowMs++}` });
  return { key: apiKey.reveal(), id: apiKey.id };
}

afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});

/** A key on its way through a test: the secrets that were shown, in order. */
interface Subject {
  readonly id: string;
  readonly shown: string[];
}

interface Operation {
  readonly name: string;
  readonly requests: number;
  readonly prepare?: (subject: Subject) => Promise<unknown>;
  readonly run: (keys: Keys, subject: Subject) => Promise<unknown>;
  /** Which of the shown secrets may be granted while nobody knows how the operation ended. */
  readonly between: (granted: readonly boolean[]) => boolean;
  /** Which of them are granted once it has been run again. */
  readonly after: readonly boolean[];
}

const rotate = async (keys: Keys, { id, shown }: Subject) => {
  const work = async () => rotateKey(keys, ADA, id, { overlapSeconds: HOUR });
  const { apiKey } = await work().catch(async (error: unknown) => {
    // A failed run took effect all the same: as the message says, its unseen secret is withdrawn first.
    if (!(error instanceof ApiKeysError && error.code === "rotation_under_way")) throw error;
    await cancelRotation(keys, ADA, id);
    return work();
  });
  shown.push(apiKey.reveal());
};
const rotated = async (subject: Subject) => rotate(s.keys, subject);
/** Run again after it took effect, these say that there is nothing left to do. */
const unlessDone = async (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => {
    if (error instanceof ApiKeysError && error.code === "no_rotation_under_way") return undefined;
    throw error;
  });

const operations: readonly Operation[] = [
  {
    name: "revoke",
    requests: 8,
    run: async (keys, { id }) => revokeKey(keys, ADA, id, "leaked"),
    between: () => true,
    after: [false],
  },
  {
    name: "disable",
    requests: 8,
    run: async (keys, { id }) => disableKey(keys, ADA, id),
    between: () => true,
    after: [false],
  },
  {
    name: "enable",
    requests: 9,
    prepare: async ({ id }) => disableKey(s.keys, ADA, id),
    run: async (keys, { id }) => enableKey(keys, ADA, id),
    between: () => true,
    after: [true],
  },
  // The secret that was in use goes on working whatever happens to the rotation.
  { name: "rotate", requests: 9, run: rotate, between: ([old]) => old === true, after: [true, true] },
  {
    name: "cancel a rotation",
    requests: 9,
    prepare: rotated,
    run: async (keys, { id }) => unlessDone(cancelRotation(keys, ADA, id)),
    between: ([old]) => old === true,
    after: [true, false],
  },
  {
    name: "end an overlap",
    requests: 8,
    prepare: rotated,
    run: async (keys, { id }) => unlessDone(endOverlap(keys, ADA, id)),
    between: ([, fresh]) => fresh === true,
    after: [false, true],
  },
];

const grantsOf = async ({ shown }: Subject): Promise<readonly boolean[]> => {
  const granted: boolean[] = [];
  for (const key of shown) granted.push((await s.exchange(key)).status === 200);
  return granted;
};
const allFaults = Object.entries<Fault>(FAULTS);
const faults = allFaults.filter(([name]) => !name.includes("500") && !name.includes("429"));

describe.each(operations)("$name", ({ name, requests, prepare, run, between, after }) => {
  // A revocation is what must hold first: it gets every fault there is.
  it.each(name === "revoke" ? allFaults : faults)(
    "keeps what was promised, whichever of its requests %s",
    async (faultName, fault) => {
      for (let failAt = 0; failAt < requests; failAt++) {
        const { key, id } = await create();
        const subject: Subject = { id, shown: [key] };
        await prepare?.(subject);
        const outcome = await wire.disturb(failAt, fault, async () => run(freshKeys(s, clock), subject));
        const label = `${failAt} ${wire.requests[failAt]} ${faultName}`;
        expect(wire.requests.length, label).toBeGreaterThan(failAt);
        const granted = await grantsOf(subject);
        if (outcome instanceof ApiKeysError) expect(between(granted), label).toBe(true);
        else expect(granted, label).toEqual(after);
        // An entry never says more than is true.
        if (keyStatus(await showKey(s.keys, ADA, id), 0) !== "active")
          expect(granted.some(Boolean), label).toBe(false);

        // What activates a key is taken back where the entry was refused: nothing is left to complete.
        const isRefused = faultName.includes("403") && wire.requests[failAt]?.startsWith("PATCH");
        if (isRefused && /enable|rotat/.test(name)) {
          expect(outcome, label).toMatchObject({ code: "management_forbidden" });
          expect(await s.keys.records.read(id), label).toEqual(recordOf(ADA, await showKey(s.keys, ADA, id)));
        }

        if (outcome instanceof ApiKeysError) await run(freshKeys(s, clock), subject);
        expect((await grantsOf(subject)).slice(0, after.length), label).toEqual(after);
        const entry = await showKey(s.keys, ADA, id);
        expect(await s.keys.records.read(id), label).toEqual(recordOf(ADA, entry));
        await s.keys.users.write(ADA, []);
      }
    },
  );
});

describe("prune", () => {
  it.each(faults)(
    "drops what is long dead and nothing else, whichever of its requests %s",
    async (name, fault) => {
      for (let failAt = 0; failAt < 7; failAt++) {
        const [dead, living] = [await create(), await create()];
        await age(dead.id);
        await wire.disturb(failAt, fault, async () => pruneKeys(freshKeys(s, clock), ADA));
        const label = `${wire.requests[failAt]} ${name}`;
        await pruneKeys(freshKeys(s, clock), ADA);
        await expect(showKey(s.keys, ADA, dead.id), label).rejects.toMatchObject({ code: "key_not_found" });
        expect([(await s.exchange(dead.key)).status, (await s.exchange(living.key)).status], label).toEqual([
          400, 200,
        ]);
        await s.keys.users.write(ADA, []);
      }
    },
  );

  it("keeps what died within the retention", async () => {
    const { id } = await create();
    await revokeKey(s.keys, ADA, id, "leaked");
    expect(await pruneKeys(s.keys, ADA)).toEqual([]);
    await showKey(s.keys, ADA, id);
  });
});

/** Lets a key have been revoked 31 days ago, in both stores. */
async function age(id: string): Promise<void> {
  const { entries } = await s.keys.users.read(ADA);
  const revoked_at = s.keys.nowSeconds() - 31 * 24 * HOUR;
  const aged = entries.map((entry) =>
    isObject(entry) && entry["id"] === id ? { ...entry, revoked_at } : entry,
  );
  await s.keys.users.write(ADA, aged);
  const entry = aged.find((one) => isObject(one) && one["id"] === id);
  await putRecord(s.keys, recordOf(ADA, entry as KeyEntry));
}
