import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { createKey } from "../../src/keys/create.ts";
import { disableKey } from "../../src/keys/disable.ts";
import { showKey } from "../../src/keys/list.ts";
import { renameKey } from "../../src/keys/rename.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { openMeetings, type Meetings } from "../support/meetings.ts";
import { VERBS, type Verb } from "../support/pause-verbs.ts";
import { putRecord } from "../support/records.ts";
import { ADA, setMetadata, stage, type Stage } from "../support/stage.ts";
import { openWire, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

describe("while another holds the lock of a user, for ever", () => {
  const LOCK = `apikey-lock:${ADA}`;
  let clock: TestClock;
  let s: Stage;
  beforeAll(async () => {
    clock = openWorldClock();
    s = await stage({ nowMs: () => clock.nowMs });
  });
  beforeEach(async () => {
    setMetadata(s, ADA, {});
    await release();
  });
  afterAll(async () => {
    vi.useRealTimers();
    await s.stop();
  });

  const isThrough = async (key: string) => (await s.exchange(key)).status === 200;
  /** The other takes it again and again, as writers do: one without an end would be broken. */
  let isHeld = false;
  const hold = async () => s.local.redis.execute(["SET", LOCK, "another's", "PX", "30000"]);
  const release = async () => {
    isHeld = false;
    return s.local.redis.execute(["DEL", LOCK]);
  };
  const waiting = {
    get nowMs() {
      return clock.nowMs;
    },
    set nowMs(nowMs) {
      clock.nowMs = nowMs;
      if (isHeld) void hold();
    },
  };
  const create = async () => {
    const { apiKey } = await createKey(freshKeys(s, clock), ADA, { name: "key" });
    isHeld = true;
    await hold();
    return { key: apiKey.reveal(), id: apiKey.id };
  };

  test("a revoked key is dead, which is told, and completed once the lock is free", async () => {
    const { key, id } = await create();
    expect(await isThrough(key)).toBe(true);
    const revoke = async () => revokeKey(freshKeys(s, waiting), ADA, id, "leaked");
    await expect(revoke()).rejects.toMatchObject({ code: "change_incomplete" });
    expect([await isThrough(key), await s.local.redis.execute(["GET", LOCK])]).toEqual([false, "another's"]);
    await release();
    await revoke();
    expect(await showKey(s.keys, ADA, id)).toMatchObject({ revoked_reason: "leaked" });
  });

  test("nothing but a revocation is written", async () => {
    const { key, id } = await create();
    await expect(disableKey(freshKeys(s, waiting), ADA, id)).rejects.toMatchObject({ code: "user_locked" });
    expect(await isThrough(key)).toBe(true);
  });
});

describe("by the clocks nobody was held up", () => {
  let clock: TestClock;
  let s: Stage;
  let wire: Wire;
  beforeAll(async () => {
    clock = openWorldClock();
    s = await stage({ nowMs: () => clock.nowMs });
    wire = openWire(s);
  });
  beforeEach(() => setMetadata(s, ADA, {}));
  afterAll(async () => {
    vi.useRealTimers();
    wire.close();
    await s.stop();
  });
  const create = async () => (await createKey(freshKeys(s, clock), ADA, { name: "key" })).apiKey;

  test("an end that another has written wins over a profile of before, where the lock was taken away", async () => {
    const { id } = await create();
    const meanwhile = async () => {
      await s.local.redis.execute(["DEL", `apikey-lock:${ADA}`]);
      await revokeKey(freshKeys(s, clock), ADA, id, "leaked");
    };
    await wire.pause("PATCH", meanwhile, async () => renameKey(freshKeys(s, clock), ADA, id, "renamed"));
    expect(await showKey(s.keys, ADA, id)).toMatchObject({ revoked_reason: "leaked" });
  });

  test("a record is written only while its writer's lock is held", async () => {
    const { id } = await create();
    const held = await s.keys.records.readMany([id]);
    const fence = { key: `apikey-lock:${ADA}`, text: "of one that has ended" };
    const change = s.keys.records.change(
      held.map((one) => ({ held: one })),
      fence,
    );
    await expect(change).rejects.toMatchObject({ code: "lease_too_short" });
    expect(await s.keys.records.readMany([id])).toEqual(held);
  });

  test("a tombstone, which needs no lock, is not written over by whoever has it", async () => {
    let at = 0;
    for (let isReached = true; isReached; at++) {
      isReached = false;
      setMetadata(s, ADA, {});
      const { id } = await create();
      const { hash } = await showKey(s.keys, ADA, id);
      let isEndFirst = false;
      const meanwhile = async () => {
        isReached = true;
        const record = await s.keys.records.read(id);
        isEndFirst = record?.hash === hash;
        if (record) await putRecord(s.keys, { ...record, revoked_at: s.keys.nowSeconds() });
      };
      const rotate = async () => rotateKey(freshKeys(s, clock), ADA, id, { overlapSeconds: 60 });
      const outcome = await wire.pause(at, meanwhile, rotate);
      if (isReached) expect(await s.keys.records.read(id), `${at}`).toHaveProperty("revoked_at");
      // A new secret is shown only if it was there before the end.
      if (isEndFirst) expect(outcome, `${at}`).toMatchObject({ code: "key_dead" });
    }
    expect(at).toBeGreaterThan(8);
  });
});

describe("stopped before it writes a profile, for longer than its lease", () => {
  let meetings: Meetings;
  beforeAll(async () => {
    meetings = await openMeetings();
  });
  afterAll(async () => meetings.close());

  const named = (...names: readonly string[]) => VERBS.filter(({ name }) => names.includes(name));
  const writing = VERBS.filter(({ name }) => !/^(revoke what leaked|retire|drop|take over)/.test(name));
  const overtaking = named(
    "revoke",
    "disable",
    "rotate",
    "create",
    "reconcile and restore",
    "retire a pepper",
    "drop",
  );

  // One that is stopped there must find at its end that the lock was lost, and put right what it has undone.
  test.each(writing)("$name undoes nothing that is done meanwhile", async (first) => {
    for (const second of overtaking) {
      const requests = await meetings.requestsOf(first, second);
      const from = requests.findIndex((one) => one.startsWith("PATCH"));
      expect(from).toBeGreaterThan(0);
      for (const at of [from, from + 1]) expect(await meetings.meet(first, second, at)).toEqual([]);
    }
  });

  test("what is moved meanwhile, as a store is taken over, is found", async () => {
    const [first, second] = named("end overlap", "take over") as [Verb, Verb];
    let at = 0;
    for (let isReached = true; isReached; at++) {
      const broken = await meetings.meet(first, second, at);
      expect(broken ?? []).toEqual([]);
      isReached = broken !== undefined;
    }
    expect(at).toBeGreaterThan(5);
  });
});
