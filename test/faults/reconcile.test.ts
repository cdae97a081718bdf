import { afterAll, beforeAll, expect, it, vi } from "vitest";

import type { KeyEntry } from "../../src/core/key-entry.ts";
import { keyEntriesOf } from "../support/entries.ts";
import { recordOf } from "../../src/core/key-record.ts";
import { enableKey } from "../../src/keys/disable.ts";
import { reconcile } from "../../src/keys/reconcile.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { putRecord } from "../support/records.ts";
import { ADA, GRACE, setMetadata, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

let clock: TestClock;
let s: Stage;
let wire: Wire;

beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({ nowMs: () => clock.nowMs });
  for (const name of NAMES) {
    const { key, id } = await s.create(ownerOf(name));
    const entries = keyEntriesOf(s.local.tenant.users.get(ownerOf(name))?.["app_metadata"]);
    made.set(name, { key, entry: entries.find((one) => one.id === id) as KeyEntry });
  }
  wire = openWire(s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});

const NAMES = ["missing", "stale", "lost", "tombstone"] as const;
type Name = (typeof NAMES)[number];
const ownerOf = (name: Name) => (name === "missing" || name === "stale" ? ADA : GRACE);
const made = new Map<Name, { readonly key: string; readonly entry: KeyEntry }>();
const entryOf = (name: Name) => made.get(name)?.entry as KeyEntry;

/** One key in every state that reconcile mends. */
async function damage(): Promise<void> {
  await s.local.redis.execute(["FLUSHALL"]);
  setMetadata(s, ADA, { api_keys: [entryOf("missing"), entryOf("stale")] });
  setMetadata(s, GRACE, { api_keys: [entryOf("tombstone")] });
  await putRecord(
    s.keys,
    { ...recordOf(ADA, entryOf("stale")), hash: "of a rotation that failed" },
    recordOf(GRACE, entryOf("lost")),
    { ...recordOf(GRACE, entryOf("tombstone")), revoked_at: s.keys.nowSeconds(), revoked_reason: "leaked" },
  );
}
const statusOf = async (name: Name) => (await s.exchange(made.get(name)?.key ?? "")).status;

const mendAll = async (): Promise<unknown> =>
  reconcile(freshKeys(s, clock), {
    fix: true,
    restoreEntries: true,
    restoreMany: true,
    onDifference: () => undefined,
  });

it("reconcile that dies after any of its requests loses no key and revives none, and the next one completes it", async () => {
  await damage();
  await wire.disturb(-1, FAULTS["never arrives"], mendAll);
  const count = wire.requests.length;
  expect(count).toBeGreaterThan(15);
  for (let dieAt = 0; dieAt < count; dieAt++) {
    await damage();
    await wire.kill(dieAt, mendAll);
    const label = `request ${dieAt}: ${wire.requests[dieAt]}`;
    expect(await statusOf("tombstone"), label).not.toBe(200);
    await mendAll();
    expect(await Promise.all(NAMES.map(statusOf)), label).toEqual([200, 200, 400, 400]);
    // A lost entry comes back disabled: its record alone is no proof that the key should live.
    await enableKey(freshKeys(s, clock), GRACE, entryOf("lost").id);
    expect(await statusOf("lost"), label).toBe(200);
  }
}, 120_000);
