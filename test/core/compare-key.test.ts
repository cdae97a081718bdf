import { describe, expect, it } from "vitest";

import { compareKey, entryOfRecord, mendOf } from "../../src/core/compare-key.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";
import { recordOf, type FoundRecord, type KeyRecord } from "../../src/core/key-record.ts";
import { seenKeys } from "../../src/core/seen-keys.ts";

const NOW = 1_000_000;
const RETENTION = 1_000;
const SUB = "auth0|ada";
const entry: KeyEntry = {
  id: "abcdefghijkl",
  name: "laptop",
  hash: "h",
  v: 1,
  iat: NOW - 100,
  exp: NOW + 100,
  aud: ["https://api.acme.example"],
};
const revoked: KeyEntry = { ...entry, revoked_at: NOW - 1, revoked_reason: "leaked" };
const missing: FoundRecord = { kind: "missing" };
const untrusted: FoundRecord = { kind: "untrusted" };
const newer: FoundRecord = { kind: "newer", json: { ...recordOf(SUB, entry), later: 1 } as KeyRecord };
const trusted = (one: KeyEntry, changes: Partial<KeyRecord> = {}): FoundRecord => ({
  kind: "trusted",
  record: { ...recordOf(SUB, one), ...changes },
});

describe("compareKey", () => {
  it.each<[string, KeyEntry | undefined, FoundRecord, string | undefined]>([
    ["both alike", entry, trusted(entry), undefined],
    ["both alike with other names", { ...entry, name: "other" }, trusted(entry), undefined],
    ["neither", undefined, missing, undefined],
    ["an entry alone", entry, missing, "missing_record"],
    ["a revoked entry alone", revoked, missing, "missing_record"],
    ["a record alone", undefined, trusted(entry), "orphan_record"],
    ["a tombstone alone", undefined, trusted(revoked), undefined],
    ["a record of another secret", entry, trusted(entry, { hash: "x" }), "stale_record"],
    ["a record of another user", entry, trusted(entry, { sub: "auth0|grace" }), "stale_record"],
    ["a record with fewer restrictions", { ...entry, scope: "a" }, trusted(entry), "stale_record"],
    ["other audiences", entry, trusted(entry, { aud: [] }), "stale_record"],
    ["a record with a field of a later version", entry, newer, "newer_version"],
    ["a record with a field of a later version alone", undefined, newer, "newer_version"],
    ["a record of a later form", entry, { kind: "newer" }, "newer_version"],
    ["a revoked entry with a record of a later form", revoked, { kind: "newer" }, "newer_version"],
    ["a dead entry with a living record", revoked, trusted(entry), "stale_record"],
    ["an ended entry that was shortened", { ...revoked, aud: [] }, trusted(revoked), undefined],
    ["a living entry with a tombstone", entry, trusted(revoked), "entry_not_revoked"],
    ["a living entry with a disabled record", entry, trusted({ ...entry, disabled_at: NOW }), "stale_record"],
    ["a disabled entry with a living record", { ...entry, disabled_at: NOW }, trusted(entry), "stale_record"],
    ["an untrusted record", entry, untrusted, "altered_record"],
    ["an untrusted record alone", undefined, untrusted, "altered_record"],
  ])("%s", (_, one, found, expected) => {
    expect(compareKey(SUB, one, found, NOW, RETENTION)).toBe(expected);
  });

  it("does not look at the order of fields", () => {
    const reversed = Object.fromEntries(Object.entries(recordOf(SUB, entry)).toReversed());
    const found: FoundRecord = { kind: "trusted", record: reversed as unknown as KeyRecord };
    expect(compareKey(SUB, entry, found, NOW, RETENTION)).toBeUndefined();
  });

  it.each([
    ["one second before the retention ends", NOW - RETENTION + 1, "missing_record"],
    ["when the retention ends", NOW - RETENTION, undefined],
  ])("%s, what has expired is still looked for or not", (_, exp, alone) => {
    const old = { ...entry, exp };
    expect(compareKey(SUB, old, missing, NOW, RETENTION)).toBe(alone);
    expect(compareKey(SUB, undefined, trusted(old), NOW, RETENTION)).toBeUndefined();
  });
});

describe("mendOf", () => {
  it.each(["missing_record", "stale_record", "altered_record"] as const)("%s: from the entry", (kind) => {
    expect(mendOf(kind, SUB, entry, missing, undefined)).toEqual({ record: recordOf(SUB, entry) });
    expect(mendOf(kind, SUB, undefined, missing, NOW)).toBeUndefined();
  });

  it.each<[string, KeyEntry | undefined, FoundRecord]>([
    ["with an entry", entry, newer],
    ["without one", undefined, newer],
    ["of a later form", entry, { kind: "newer" }],
  ])("newer_version, %s: nothing is written, whatever may be restored", (_, one, found) => {
    expect(mendOf("newer_version", SUB, one, found, NOW)).toBeUndefined();
  });

  it("entry_not_revoked: the entry dies as the record did, and keeps all else", () => {
    const found = trusted(revoked, { hash: "x" });
    expect(mendOf("entry_not_revoked", SUB, entry, found, undefined)).toEqual({
      entry: revoked,
      record: recordOf(SUB, revoked),
    });
    const anothers = trusted(revoked, { sub: "auth0|grace" });
    expect(mendOf("entry_not_revoked", SUB, entry, anothers, undefined)).toEqual({ entry: revoked });
  });

  it("orphan_record: only if that is asked for, and then disabled: an older record may be put back by others", () => {
    expect(mendOf("orphan_record", SUB, undefined, trusted(entry), undefined)).toBeUndefined();
    expect(mendOf("orphan_record", SUB, undefined, trusted(entry), NOW)).toEqual({
      entry: { ...entry, name: "restored abcdefghijkl", disabled_at: NOW },
      record: { ...recordOf(SUB, entry), disabled_at: NOW },
    });
    const paused = { ...entry, disabled_at: NOW - 50 };
    expect(mendOf("orphan_record", SUB, undefined, trusted(paused), NOW)?.entry).toMatchObject({
      disabled_at: NOW - 50,
    });
    expect(recordOf(SUB, entryOfRecord(recordOf(SUB, entry)))).toEqual(recordOf(SUB, entry));
  });
});

it("seen keys are remembered by user and key, and hardly any other is mistaken for one", () => {
  const seen = seenKeys(new Uint8Array(16));
  for (let at = 0; at < 20_000; at++) seen.add(`auth0|${at}`, `key${at}`);
  const has = (user: number, key: number) => seen.has(`auth0|${user}`, `key${key}`);
  const numbers = Array.from({ length: 20_000 }, (_, at) => at);
  expect(numbers.every((at) => has(at, at))).toBe(true);
  expect(numbers.filter((at) => has(at, at + 1))).toEqual([]);
});
