import { afterAll, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";

import { keyStatus } from "../../src/core/key-entry.ts";
import { recordOf, type KeyRecord } from "../../src/core/key-record.ts";
import { createKey } from "../../src/keys/create.ts";
import { disableKey } from "../../src/keys/disable.ts";
import { listKeys, showKey } from "../../src/keys/list.ts";
import type { Difference } from "../../src/keys/mend-user.ts";
import { pruneKeys } from "../../src/keys/prune.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { renameKey } from "../../src/keys/rename.ts";
import { revokeAllKeys, revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { createRedis } from "../../src/stores/key-record-reader.ts";
import { redisKeyBatches } from "../../src/stores/redis-key-batches.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { dropRecord, putRecord } from "../support/records.ts";
import { ADA, GRACE, setMetadata, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

const DAY = 86_400;
/** What waits for nothing: a limit that lasts is told of at once. */
const NOTHING = { ending: 0, change: 0, read: 0 };
let clock: TestClock;
let s: Stage;
let wire: Wire;
let users: Map<string, object>;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({
    nowMs: () => clock.nowMs,
    config: { policy: { allowNoExpiry: true, maxKeysPerUser: 50 } },
  });
  s = { ...s, keys: freshKeys(s, clock) };
  wire = openWire(s);
  users = new Map([ADA, GRACE].map((id) => [id, s.local.tenant.users.get(id) as object]));
});
beforeEach(async () => {
  await s.local.redis.execute(["FLUSHALL"]);
  await s.keys.records.mark();
  for (const [id, user] of users) {
    s.local.tenant.users.set(id, { ...user, user_id: id });
    setMetadata(s, id, {});
  }
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});

const create = async (request: Partial<Parameters<typeof createKey>[2]> = {}, user = ADA) => {
  const { apiKey } = await createKey(s.keys, user, { name: `key ${clock.nowMs++}`, ...request });
  return { key: apiKey.reveal(), id: apiKey.id };
};
const isThrough = async (key: string) => (await s.exchange(key)).status === 200;
const recordOfKey = async (id: string) => (await s.keys.records.read(id)) ?? {};
const ttlOf = async (id: string) => Number(await s.local.redis.execute(["TTL", `apikey:${id}`]));
const mendAll = async (restoreEntries = false): Promise<readonly Difference[]> => {
  const found: Difference[] = [];
  const options = { fix: true, restoreEntries, restoreMany: true };
  await reconcile(s.keys, { ...options, onDifference: (one) => void found.push(one) });
  return found;
};

describe("a user that was deleted", () => {
  const remove = () => s.local.tenant.users.delete(ADA);

  test("revoke and disable are done from the record alone", async () => {
    const [one, other] = [await create(), await create()];
    remove();
    const { entry, wasRevoked } = await revokeKey(s.keys, ADA, one.id, "gone");
    expect([keyStatus(entry, 0), wasRevoked]).toEqual(["revoked", false]);
    expect((await revokeKey(s.keys, ADA, one.id, "again")).wasRevoked).toBe(true);
    await disableKey(s.keys, ADA, other.id);
    expect([await recordOfKey(one.id), await recordOfKey(other.id)]).toMatchObject([
      { revoked_reason: "gone" },
      { disabled_at: s.keys.nowSeconds() },
    ]);
  });

  test("revoke --all finds the keys by their records, and a user that never was is still told", async () => {
    const keys = [await create(), await create({ lifetimeDays: "never" })];
    remove();
    expect((await revokeAllKeys(s.keys, ADA, "gone")).revoked).toHaveLength(2);
    for (const { id } of keys) expect(await recordOfKey(id)).toHaveProperty("revoked_at");
    expect((await revokeAllKeys(s.keys, ADA, "gone")).revoked).toEqual([]);
    await expect(revokeAllKeys(s.keys, "auth0|nobody", "x")).rejects.toMatchObject({
      code: "user_not_found",
    });
  });

  it.each([
    ["prune", async () => pruneKeys(s.keys, ADA)],
    ["reconcile --fix", async () => mendAll()],
  ])("%s lets its records end, and later runs do not put that off", async (_, work) => {
    const { id } = await create({ lifetimeDays: "never" });
    remove();
    expect(await ttlOf(id)).toBe(-1);
    await work();
    expect(await ttlOf(id)).toBe(30 * DAY);
    clock.nowMs += DAY * 1_000;
    await work();
    expect(await ttlOf(id)).toBe(29 * DAY);
    await expect(pruneKeys(s.keys, "auth0|nobody")).rejects.toMatchObject({ code: "user_not_found" });
  });

  test("prune lets a record of a newer version end, too, and keeps all of it", async () => {
    const { id } = await create({ lifetimeDays: "never" });
    const record = await s.keys.records.read(id);
    const newer = { ...record, later: 1 } as unknown as KeyRecord;
    await putRecord(s.keys, newer);
    remove();
    await pruneKeys(s.keys, ADA);
    expect([await ttlOf(id), (await s.keys.records.readMany([id]))[0]]).toMatchObject([
      30 * DAY,
      { kind: "newer", json: newer },
    ]);
  });

  test("another one with the same id gets none of its keys back", async () => {
    const { id, key } = await create({ lifetimeDays: "never" });
    remove();
    clock.nowMs += DAY * 1_000;
    const created_at = new Date(clock.nowMs).toISOString();
    s.local.tenant.users.set(ADA, { ...users.get(ADA), user_id: ADA, created_at, app_metadata: {} });
    expect(await mendAll(true)).toEqual([{ kind: "deleted_user", userId: ADA, keyId: id, mended: false }]);
    expect([await listKeys(s.keys, ADA), await isThrough(key), await ttlOf(id)]).toEqual([
      [],
      false,
      30 * DAY,
    ]);
  });
});

test("a user of whom it is not told when it was made gets no keys back", async () => {
  const { id, key } = await create();
  s.local.tenant.users.set(ADA, { user_id: ADA, app_metadata: {} });
  expect(await mendAll(true)).toEqual([{ kind: "orphan_record", userId: ADA, keyId: id, mended: false }]);
  expect([await listKeys(s.keys, ADA), await isThrough(key)]).toEqual([[], false]);
});

test("another user's key is not ended by its id", async () => {
  const { id, key } = await create({}, GRACE);
  for (const end of [revokeKey, disableKey]) {
    await expect(end(s.keys, ADA, id, "mine")).rejects.toMatchObject({ code: "key_not_found" });
  }
  expect(await isThrough(key)).toBe(true);
});

test("Auth0 at its limit: a key is dead at once, the error says what is left, and the same command completes it", async () => {
  for (const end of [revokeKey, disableKey]) {
    const { id, key } = await create();
    for (let at = 0; ; at++) {
      const outcome = await wire.disturbFrom(at, FAULTS["is answered with 429"], async () =>
        end(freshKeys(s, clock, NOTHING), ADA, id, "leaked"),
      );
      if (wire.requests.length <= at) break;
      const isManagement = wire.requests[at]?.includes("/users/") === true;
      if (!isManagement) continue;
      expect([outcome, await isThrough(key)]).toMatchObject([{ code: "change_incomplete" }, false]);
    }
    await end(s.keys, ADA, id, "leaked");
    expect(keyStatus(await showKey(s.keys, ADA, id), 0)).not.toBe("active");
  }
});

test("keys that are made while all are revoked are revoked too, and counted", async () => {
  await create();
  let left = 3;
  const lock: typeof s.keys.lock = async (userId, work) => {
    const done = await s.keys.lock(userId, work);
    if (left-- > 0) await create();
    return done;
  };
  const { revoked, madeMeanwhile } = await revokeAllKeys({ ...s.keys, lock }, ADA, "leaked");
  expect([revoked.length, madeMeanwhile]).toEqual([4, 3]);
  expect((await listKeys(s.keys, ADA)).every((entry) => entry.revoked_at !== undefined)).toBe(true);
});

describe("a full profile", () => {
  const WIDE = "鍵".repeat(64);

  test("makes room for a new key: ended ones give way, and stay dead when Redis is lost", async () => {
    const shown: string[] = [];
    for (let at = 0; at < 60; at++) {
      const { id, key } = await create({ ipRanges: ["203.0.113.0/24", "2001:db8::/32"] });
      shown.push(key);
      await revokeKey(s.keys, ADA, id, "no longer needed, as its owner says");
    }
    const { key } = await create();
    expect(JSON.stringify(s.local.tenant.users.get(ADA)?.["app_metadata"]).length).toBeLessThan(8_193);
    await s.local.redis.execute(["FLUSHALL"]);
    await mendAll(true);
    expect(await isThrough(key)).toBe(true);
    for (const one of shown.filter((_, at) => at % 6 === 0)) expect(await isThrough(one)).toBe(false);
  });

  test("refuses what grows it, and every key can still be ended, and stays ended when Redis is lost", async () => {
    const keys: { readonly key: string; readonly id: string }[] = [];
    const isRefused = async (work: Promise<unknown>) => {
      const [outcome] = await Promise.allSettled([work]);
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "profile_too_large" });
      return outcome.status === "rejected";
    };
    const ipRanges = ["203.0.113.0/24", "2001:db8::/32"];
    while (!(await isRefused(create({ ipRanges }).then((one) => keys.push(one))))) {
      expect(keys.length).toBeLessThan(50);
    }
    let refused = 0;
    for (const [at, { id }] of keys.entries()) {
      if (await isRefused(renameKey(s.keys, ADA, id, `${at} ${WIDE}`.slice(0, 64)))) refused++;
      if (await isRefused(rotateKey(s.keys, ADA, id, { overlapSeconds: 3_600 }))) refused++;
    }
    expect(refused).toBeGreaterThan(keys.length);
    // What else is in the profile grows to the most that Auth0 takes of it.
    const user = s.local.tenant.users.get(ADA);
    const metadata = user?.["app_metadata"] as object;
    setMetadata(s, ADA, { ...metadata, other: "x".repeat(1_300) });
    for (const { id, key } of keys) {
      await revokeKey(s.keys, ADA, id, "y".repeat(128));
      expect(await isThrough(key)).toBe(false);
    }
    await s.local.redis.execute(["FLUSHALL"]);
    await mendAll(true);
    for (const { key } of keys) expect(await isThrough(key)).toBe(false);
  });
});

describe("an older record that somebody put back", () => {
  test("of a key that was revoked and pruned: restored, it is disabled", async () => {
    const { id, key } = await create({ lifetimeDays: "never" });
    const record = await s.keys.records.read(id);
    await revokeKey(s.keys, ADA, id, "leaked");
    clock.nowMs += 31 * DAY * 1_000;
    await pruneKeys(s.keys, ADA);
    if (record) await putRecord(s.keys, record);
    await mendAll(true);
    expect(await isThrough(key)).toBe(false);
    expect(keyStatus(await showKey(s.keys, ADA, id), s.keys.nowSeconds())).toBe("disabled");
  });

  test("of a pause that is over: the entry holds, and the key works again", async () => {
    const { id, key } = await create();
    const record = await s.keys.records.read(id);
    if (record) await putRecord(s.keys, { ...record, disabled_at: s.keys.nowSeconds() });
    expect(await isThrough(key)).toBe(false);
    expect(await mendAll()).toMatchObject([{ kind: "stale_record", mended: true }]);
    expect([await isThrough(key), keyStatus(await showKey(s.keys, ADA, id), 0)]).toEqual([true, "active"]);
  });
});

it.each<[string, number, (id: string) => Promise<unknown>]>([
  ["list", 1, async () => listKeys(s.keys, ADA)],
  ["create", 2, async () => create()],
  ["rotate", 2, async (id) => rotateKey(s.keys, ADA, id, { overlapSeconds: 0 })],
  ["revoke", 2, async (id) => revokeKey(s.keys, ADA, id, "leaked")],
])(
  "%s makes %i requests to the Management API: what it wrote is in Auth0's answer",
  async (_, count, work) => {
    const { id } = await create();
    await wire.disturb(-1, FAULTS["never arrives"], async () => work(id));
    const seen = wire.requests.filter((one) => one.includes("/api/v2/"));
    expect(seen).toHaveLength(count);
  },
);

it.each([null, "", "QUEUED", "OK", [], [2], 1])(
  "a reply of %j to the write of a tombstone is no success",
  async (result) => {
    const { id } = await create();
    const redis = createRedis({ url: s.settings.redisUrl, token: s.settings.redisToken, timeoutMs: 2_000 });
    redis.eval = async () => Promise.resolve(result as never);
    const store = { peppers: s.keys.peppers, deployment: s.keys.deployment, retentionSeconds: DAY };
    const keys = { ...s.keys, records: { ...s.keys.records, ...redisKeyBatches(redis, store) } };
    await expect(revokeKey(keys, ADA, id, "leaked")).rejects.toMatchObject({ code: "store_unavailable" });
  },
);

test("a record is written only where it still is what was read", async () => {
  const { id } = await create();
  const entry = await showKey(s.keys, ADA, id);
  const [held] = await s.keys.records.readMany([id]);
  if (!held) throw new Error("no record");
  await revokeKey(s.keys, ADA, id, "leaked");
  const change = [{ held, record: recordOf(ADA, entry) }];
  expect(await s.keys.records.change(change, undefined)).toEqual([false]);
  await dropRecord(s.keys, id);
  expect(await s.keys.records.change(change, undefined)).toEqual([false]);
});
