import { afterAll, beforeAll, expect, it, test, vi } from "vitest";

import { recordOf } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";
import { keyEntriesOf } from "../support/entries.ts";
import { dropKeys } from "../../src/keys/drop-keys.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";
import { redisKeyBatches } from "../../src/stores/redis-key-batches.ts";
import { redisKeyStore } from "../../src/stores/redis-key-store.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { putRecord } from "../support/records.ts";
import { ADA, GRACE, pepperOf, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

let clock: TestClock;
let s: Stage;
let wire: Wire;
/** One key of Ada's and two of Grace's, of which one is revoked; and what of them there was at first. */
let keys: readonly string[];
let entries: ReadonlyMap<string, readonly KeyEntry[]>;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({ nowMs: () => clock.nowMs });
  const [first, second, third] = [await s.create(ADA), await s.create(GRACE), await s.create(GRACE)];
  keys = [first.key, second.key, third.key];
  entries = new Map([ADA, GRACE].map((userId) => [userId, entriesOf(userId)]));
  wire = openWire(s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});

const metadataOf = (userId: string) => s.local.tenant.users.get(userId)?.["app_metadata"];
const entriesOf = (userId: string) => keyEntriesOf(metadataOf(userId));
/** What is in Redis; a lock that was left runs out by itself, and so does the trace of a drop. */
const stored = async () => {
  const [, names] = (await s.local.redis.execute(["SCAN", "0"])) as [string, string[]];
  return names.filter((name) => !name.startsWith("apikey-lock:") && name !== "apikey-unmarked");
};
const MALFORMED = { id: "not one of ours" };

/** A tenant with keys and things beside them, and a store with a record that no entry names. */
async function furnish(): Promise<void> {
  await s.local.redis.execute(["FLUSHALL"]);
  for (const [userId, api_keys] of entries) {
    const user = s.local.tenant.users.get(userId);
    const app_metadata = userId === ADA ? { plan: "gold", api_keys: [MALFORMED, ...api_keys] } : { api_keys };
    s.local.tenant.users.set(userId, { ...user, user_id: userId, app_metadata });
    await putRecord(s.keys, ...api_keys.map((entry) => recordOf(userId, entry)));
  }
  const [entry] = entries.get(ADA) ?? [];
  if (entry) await putRecord(s.keys, recordOf("auth0|gone", { ...entry, id: "orphan000001" }));
  await s.keys.records.mark();
}

async function expectAllDropped(label: string): Promise<void> {
  expect([label, metadataOf(ADA), metadataOf(GRACE), await stored()]).toEqual([
    label,
    { plan: "gold", api_keys: [MALFORMED] },
    undefined,
    [],
  ]);
}

it("drops every entry and record, and nothing else; reconcile has nothing to bring back", async () => {
  await furnish();
  expect(await dropKeys(freshKeys(s, clock))).toEqual({
    users: 2,
    entries: 3,
    orphans: 1,
    foreign: [],
    skipped: new Map(),
  });
  await expectAllDropped("once");
  const options = { fix: true, restoreEntries: true, restoreMany: true, onDifference: () => undefined };
  await reconcile(s.keys, options);
  for (const key of keys) expect((await s.exchange(key)).status).toBe(400);
  await s.keys.records.unmark("1.trace");
  expect(await dropKeys(freshKeys(s, clock))).toMatchObject({ users: 0, entries: 0, orphans: 0 });
});

test("no request of it may fail so that the next run does not drop the rest", async () => {
  await furnish();
  await wire.disturb(-1, FAULTS["never arrives"], async () => dropKeys(freshKeys(s, clock)));
  const count = wire.requests.length;
  expect(count).toBeGreaterThan(18);
  for (const [name, fault] of Object.entries(FAULTS) as [string, Fault][]) {
    for (let at = 0; at < count; at++) {
      await furnish();
      await wire.disturb(at, fault, async () => dropKeys(freshKeys(s, clock)));
      await dropKeys(freshKeys(s, clock));
      await expectAllDropped(`${wire.requests[at]} ${name}`);
    }
  }
  for (let at = 0; at < count; at++) {
    await furnish();
    await wire.kill(at, async () => dropKeys(freshKeys(s, clock)));
    await dropKeys(freshKeys(s, clock));
    await expectAllDropped(`dies after ${at}`);
  }
});

test("a store of another deployment is refused, and a record with another seal stays", async () => {
  await furnish();
  const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
  const peppers = parsePeppers(`1:${pepperOf("another")}`);
  const another = { peppers, deployment: s.config, retentionSeconds: 60 };
  const others = redisKeyStore(redis, another);
  const [entry] = entries.get(GRACE) ?? [];
  const records = { ...others, ...redisKeyBatches(redis, another) };
  if (entry) {
    await putRecord({ ...s.keys, records }, recordOf(GRACE, { ...entry, id: "another00001" }));
  }
  const before = await stored();
  await s.local.redis.execute(["DEL", "apikey-store"]);
  await others.mark();
  await expect(dropKeys(freshKeys(s, clock))).rejects.toMatchObject({ code: "store_foreign" });
  expect(await stored()).toHaveLength(before.length);
  await s.local.redis.execute(["DEL", "apikey-store"]);
  expect(await dropKeys(freshKeys(s, clock))).toMatchObject({ entries: 3, foreign: ["another00001"] });
  expect(await stored()).toEqual(["apikey:another00001"]);
});

test("a key that is made while it runs is dropped too, or was never made", async () => {
  await furnish();
  const racing = freshKeys(s, clock);
  const late = { ...recordOf(ADA, (entries.get(GRACE) ?? [])[0] as KeyEntry), id: "late00000001" };
  const exportUsers = async function* () {
    // Ada had no key yet when she was exported; her first create began before the marker was gone, and ends now.
    for await (const user of racing.exportUsers()) if (user.userId !== ADA) yield user;
    await putRecord(s.keys, late);
    const { sub: _, ...entry } = late;
    await s.keys.users.write(ADA, [...(await s.keys.users.read(ADA)).entries, { ...entry, name: "late" }]);
  };
  await expect(dropKeys({ ...racing, exportUsers })).resolves.toMatchObject({ skipped: new Map() });
  expect(entriesOf(ADA)).toEqual([]);
  expect(await stored()).toEqual([]);
  await expect(s.create(ADA)).rejects.toMatchObject({ code: "store_unmarked" });
});

test("a user whose field is not a list is named, and does not keep the others", async () => {
  await furnish();
  const busy = freshKeys(s, clock);
  const lock: typeof busy.lock = async (userId, work) => {
    const user = s.local.tenant.users.get(ADA);
    s.local.tenant.users.set(ADA, { ...user, user_id: ADA, app_metadata: { api_keys: "mine" } });
    return busy.lock(userId, work);
  };
  const { skipped, entries: dropped } = await dropKeys({ ...busy, lock });
  expect([[...skipped.keys()], dropped, await stored()]).toEqual([[ADA], 2, []]);
});
