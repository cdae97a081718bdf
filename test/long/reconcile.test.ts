import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ApiKeysError } from "../../src/core/errors.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";
import { keyEntriesOf } from "../support/entries.ts";
import { inspectKey } from "../../src/core/key-format.ts";
import { recordKey, recordOf } from "../../src/core/key-record.ts";
import type { Difference } from "../../src/keys/mend-user.ts";
import { reconcile, type Reconciled, type ReconcileOptions } from "../../src/keys/reconcile.ts";
import { enableKey } from "../../src/keys/disable.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { fillTenant } from "../support/fill-tenant.ts";
import { flushAndReconcile } from "../support/flush-and-reconcile.ts";
import type { WrittenKey } from "../support/live-writer.ts";
import { dropRecord, putRecord } from "../support/records.ts";
import { ADA, environmentOf, GRACE, setMetadata, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeEach(async () => {
  s = await stage();
});
afterEach(async () => s.stop());

async function run(
  options: Partial<ReconcileOptions> = {},
): Promise<Reconciled & { readonly differences: readonly Difference[] }> {
  const differences: Difference[] = [];
  const done = await reconcile(s.keys, {
    fix: false,
    restoreEntries: false,
    restoreMany: false,
    onDifference: (difference) => void differences.push(difference),
    ...options,
  });
  return { ...done, differences };
}
const status = async (key: string) => (await s.exchange(key)).status;
const entryOf = (userId: string, id: string): KeyEntry => {
  const found = keyEntriesOf(s.local.tenant.users.get(userId)?.["app_metadata"]).find((one) => one.id === id);
  if (!found) throw new Error("no entry");
  return found;
};

const ROUNDS = 5;

async function writeInOwnProcess(label: string): Promise<readonly WrittenKey[]> {
  const argv = ["--import", "tsx", "test/support/live-writer.ts", label, String(ROUNDS), ADA, GRACE];
  const { stdout } = await promisify(execFile)(process.execPath, argv, {
    env: { ...process.env, ...environmentOf(s) },
  });
  return JSON.parse(stdout) as readonly WrittenKey[];
}

describe("one key", () => {
  it("a whole store has no differences, and keys that agree are counted", async () => {
    await s.create(ADA);
    await s.create(GRACE);
    expect(await run({ fix: true })).toEqual({
      users: 2,
      entries: 2,
      records: 2,
      marked: true,
      differences: [],
    });
  });

  it("a missing record comes back, and only with fix", async () => {
    const { key, id } = await s.create(ADA);
    await dropRecord(s.keys, id);
    const expected = { kind: "missing_record", userId: ADA, keyId: id };
    expect((await run()).differences).toEqual([{ ...expected, mended: false }]);
    expect(await status(key)).toBe(400);
    expect((await run({ fix: true })).differences).toEqual([{ ...expected, mended: true }]);
    expect(await status(key)).toBe(200);
    expect((await run()).differences).toEqual([]);
  });

  it("a stale record is written anew from its entry", async () => {
    const { id } = await s.create(ADA, { scope: "read:things" });
    await putRecord(s.keys, { ...recordOf(ADA, entryOf(ADA, id)), scope: "write:things" });
    const { differences } = await run({ fix: true });
    expect(differences).toEqual([{ kind: "stale_record", userId: ADA, keyId: id, mended: true }]);
    expect(await s.keys.records.read(id)).toEqual(recordOf(ADA, entryOf(ADA, id)));
  });

  it("an altered record is written anew from its entry, and one without an entry is left", async () => {
    const { key, id } = await s.create(ADA);
    await s.local.redis.execute(["SET", recordKey(id), "v1.forged"]);
    await s.local.redis.execute(["SET", recordKey("forgedforged"), "v1.forged"]);
    const { differences } = await run({ fix: true });
    expect(differences).toEqual([
      { kind: "altered_record", userId: ADA, keyId: id, mended: true },
      { kind: "altered_record", keyId: "forgedforged", mended: false },
    ]);
    expect(await status(key)).toBe(200);
    expect(await s.local.redis.execute(["EXISTS", recordKey("forgedforged")])).toBe(1);
  });

  it("a tombstone wins over a living entry, and a dead entry over a living record", async () => {
    const [one, other] = [await s.create(ADA), await s.create(ADA)];
    const now = s.keys.nowSeconds();
    await putRecord(s.keys, {
      ...recordOf(ADA, entryOf(ADA, one.id)),
      revoked_at: now,
      revoked_reason: "leaked",
    });
    const living = recordOf(ADA, entryOf(ADA, other.id));
    await revokeKey(s.keys, ADA, other.id, "leaked");
    await putRecord(s.keys, living);
    const { differences } = await run({ fix: true });
    expect(differences).toHaveLength(2);
    expect(differences).toEqual(
      expect.arrayContaining([
        { kind: "entry_not_revoked", userId: ADA, keyId: one.id, mended: true },
        { kind: "stale_record", userId: ADA, keyId: other.id, mended: true },
      ]),
    );
    expect(entryOf(ADA, one.id)).toMatchObject({ revoked_at: now, revoked_reason: "leaked" });
    expect((await s.keys.records.read(other.id))?.revoked_at).toBeDefined();
    expect((await run()).differences).toEqual([]);
  });

  it("a record without entry stays as it is, until its entry is asked back", async () => {
    const { key, id } = await s.create(ADA, { scope: "read:things" });
    const { name: _, ...before } = entryOf(ADA, id);
    setMetadata(s, ADA, { plan: "free" });
    const expected = { kind: "orphan_record", userId: ADA, keyId: id };
    expect((await run({ fix: true })).differences).toEqual([{ ...expected, mended: false }]);
    expect(await s.local.redis.execute(["EXISTS", recordKey(id)])).toBe(1);
    expect(await status(key)).toBe(403);
    const restored = await run({ fix: true, restoreEntries: true, restoreMany: true });
    expect(restored.differences).toEqual([{ ...expected, mended: true }]);
    // A record alone is no proof that the key should live: somebody has to say so.
    const off = { name: `restored ${id}`, disabled_at: expect.any(Number) as number };
    expect(entryOf(ADA, id)).toEqual({ ...before, ...off });
    expect(s.local.tenant.users.get(ADA)?.["app_metadata"]).toMatchObject({ plan: "free" });
    expect(await status(key)).toBe(400);
    await enableKey(s.keys, ADA, id);
    expect(await status(key)).toBe(200);
  });

  it("records of a deleted user are reported and stay", async () => {
    const { key, id } = await s.create(ADA);
    s.local.tenant.users.delete(ADA);
    const { differences } = await run({ fix: true, restoreEntries: true, restoreMany: true });
    expect(differences).toEqual([{ kind: "deleted_user", userId: ADA, keyId: id, mended: false }]);
    expect(await s.local.redis.execute(["EXISTS", recordKey(id)])).toBe(1);
    expect(await status(key)).not.toBe(200);
  });

  it("a profile without room is reported, and not written to by a restore", async () => {
    const { id } = await s.create(ADA);
    setMetadata(s, ADA, { notes: "x".repeat(8_150) });
    const { differences } = await run({ fix: true, restoreEntries: true, restoreMany: true });
    expect(differences).toEqual([
      { kind: "orphan_record", userId: ADA, keyId: id, mended: false },
      { kind: "oversized_profile", userId: ADA, mended: false },
    ]);
  });

  it("an entry that was copied to another user never takes the key over", async () => {
    const { key, id } = await s.create(ADA);
    setMetadata(s, GRACE, { api_keys: [entryOf(ADA, id)] });
    const { differences } = await run({ fix: true, restoreEntries: true, restoreMany: true });
    expect(differences).toEqual([{ kind: "duplicate_entry", userId: GRACE, keyId: id, mended: false }]);
    expect((await s.keys.records.read(id))?.sub).toBe(ADA);
    expect(await status(key)).toBe(200);
  });

  it("one malformed profile does not keep the others from being mended", async () => {
    const [ada, grace] = [await s.create(ADA), await s.create(GRACE)];
    setMetadata(s, ADA, { api_keys: "mine" });
    await dropRecord(s.keys, grace.id);
    const { differences, marked } = await run({ fix: true });
    expect(differences).toEqual([
      { kind: "missing_record", userId: GRACE, keyId: grace.id, mended: true },
      { kind: "user_skipped", userId: ADA, problem: expect.stringContaining("is no list"), mended: false },
    ]);
    expect(marked).toBe(false);
    expect(await s.local.redis.execute(["EXISTS", recordKey(ada.id)])).toBe(1);
  });

  it("one user alone is mended without looking at others, and marks nothing", async () => {
    const [ada, grace] = [await s.create(ADA), await s.create(GRACE)];
    await s.local.redis.execute(["FLUSHALL"]);
    expect((await run({ fix: true, userId: ADA })).marked).toBe(false);
    expect(await s.keys.records.readMany([ada.id, grace.id])).toMatchObject([
      { kind: "trusted" },
      { kind: "missing" },
    ]);
    expect(await s.keys.records.readMarker()).toBe("missing");
  });

  it("a store of another deployment is not touched", async () => {
    await s.local.redis.execute(["SET", "apikey-store", "v1.of-another"]);
    await expect(run({ fix: true })).rejects.toMatchObject({ code: "store_foreign" });
  });
});

describe("many keys", () => {
  it("a bulk import with upsert wipes 1,000 users: nothing is deleted, and every living key comes back, to be enabled", async () => {
    const sample = fillTenant(s, 1_000);
    await run({ fix: true });
    const living = sample.filter((one) => one.isLiving).filter((_, at) => at % 50 === 0);
    for (let at = 0; at < 1_000; at++) setMetadata(s, `auth0|filled${at}`, { imported: true });
    expect(await status(living[0]?.key ?? "")).toBe(403);

    const options = { fix: true, restoreEntries: true };
    const refused = await run(options).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ApiKeysError);
    expect(refused).toMatchObject({ code: "restore_unconfirmed" });

    const { differences, records } = await run({ ...options, restoreMany: true });
    // What has ended stays a tombstone alone.
    expect([differences.length, records]).toEqual([1_000, 3_000]);
    expect(differences.every(({ kind, mended }) => kind === "orphan_record" && mended)).toBe(true);
    for (const { key, userId } of living) {
      expect(await status(key)).toBe(400);
      await enableKey(s.keys, userId, inspectKey(key)?.id ?? "");
      expect(await status(key)).toBe(200);
    }
    for (const one of sample.filter(({ isLiving }) => !isLiving).slice(0, 20)) {
      expect(await status(one.key)).toBe(400);
    }
    expect((await run()).differences).toEqual([]);
  }, 240_000);

  it("creates, rotations and revokes from two processes beside a reconcile: nothing is lost, nothing dead comes back", async () => {
    fillTenant(s, 300);
    await s.local.redis.execute(["FLUSHALL"]);
    await s.keys.records.mark();
    const before = await Promise.all([ADA, GRACE].map(async (userId) => s.create(userId)));
    const writers = { areAtWork: true };
    const writing = Promise.all(["a", "b"].map(async (label) => writeInOwnProcess(label))).finally(
      () => (writers.areAtWork = false),
    );
    let runs = 0;
    for (; writers.areAtWork; runs++) {
      const { marked } = await run({ fix: true, restoreEntries: true, restoreMany: true });
      expect(marked).toBe(true);
    }
    const written = (await writing).flat();
    await revokeKey(s.keys, ADA, before[0]?.id ?? "", "live");
    await run({ fix: true });
    expect([written.length, runs > 1]).toEqual([2 * 4 * ROUNDS, true]);
    for (const { key, isLiving } of written) expect(await status(key)).toBe(isLiving ? 200 : 400);
    expect(await Promise.all(before.map(async ({ key }) => status(key)))).toEqual([400, 200]);
    expect((await run()).differences).toEqual([]);
  }, 120_000);

  it("FLUSHALL with 1,000 users: every living key works again, no dead one does, Auth0 is asked for no user", async () => {
    const rebuilt = await flushAndReconcile(1_000, async (flushed, sample) => {
      for (const { key, isLiving } of sample) {
        expect((await flushed.exchange(key)).status).toBe(isLiving ? 200 : 400);
      }
    });
    expect(rebuilt).toMatchObject({ entries: 3_000, mended: 3_000, marked: true, usersReadById: 0 });
    expect(rebuilt.peakMegabytes).toBeLessThan(300);
  }, 120_000);
});
