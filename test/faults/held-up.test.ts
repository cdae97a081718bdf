import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { createKey } from "../../src/keys/create.ts";
import { disableKey } from "../../src/keys/disable.ts";
import { showKey } from "../../src/keys/list.ts";
import { renameKey } from "../../src/keys/rename.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { openMeetings, type Meetings } from "../support/meetings.ts";
import { VERBS, type Verb } from "../support/pause-verbs.ts";
import { ADA, setMetadata, stage, type Stage } from "../support/stage.ts";
import { openWire } from "../support/wire.ts";
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
    await s.local.redis.execute(["DEL", LOCK]);
  });
  afterAll(async () => {
    vi.useRealTimers();
    await s.stop();
  });

  const isThrough = async (key: string) => (await s.exchange(key)).status === 200;
  const create = async () => {
    const { apiKey } = await createKey(freshKeys(s, clock), ADA, { name: "key" });
    await s.local.redis.execute(["SET", LOCK, "another's"]);
    return { key: apiKey.reveal(), id: apiKey.id };
  };

  test("a revoked key is dead, which is told, and completed once the lock is free", async () => {
    const { key, id } = await create();
    expect(await isThrough(key)).toBe(true);
    const revoke = async () => revokeKey(freshKeys(s, clock), ADA, id, "leaked");
    await expect(revoke()).rejects.toMatchObject({ code: "change_incomplete" });
    expect([await isThrough(key), await s.local.redis.execute(["GET", LOCK])]).toEqual([false, "another's"]);
    await s.local.redis.execute(["DEL", LOCK]);
    await revoke();
    expect(await showKey(s.keys, ADA, id)).toMatchObject({ revoked_reason: "leaked" });
  });

  test("nothing but a revocation is written", async () => {
    const { key, id } = await create();
    await expect(disableKey(freshKeys(s, clock), ADA, id)).rejects.toMatchObject({ code: "user_locked" });
    expect(await isThrough(key)).toBe(true);
  });
});

test("an end that another has written wins over a profile of before, also where the lock was only taken away", async () => {
  const clock = openWorldClock();
  const s = await stage({ nowMs: () => clock.nowMs });
  const wire = openWire(s);
  const { apiKey } = await createKey(freshKeys(s, clock), ADA, { name: "key" });
  // As where Redis has evicted it: the clocks of nobody say that anybody was held up.
  const meanwhile = async () => {
    await s.local.redis.execute(["DEL", `apikey-lock:${ADA}`]);
    await revokeKey(freshKeys(s, clock), ADA, apiKey.id, "leaked");
  };
  await wire.pause("PATCH", meanwhile, async () => renameKey(freshKeys(s, clock), ADA, apiKey.id, "renamed"));
  expect(await showKey(s.keys, ADA, apiKey.id)).toMatchObject({ revoked_reason: "leaked" });
  wire.close();
  vi.useRealTimers();
  await s.stop();
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
