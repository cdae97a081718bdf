import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { ApiKeysError } from "../../src/core/errors.ts";
import { keyEntriesOf } from "../support/entries.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { dropKeys } from "../../src/keys/drop-keys.ts";
import { importKeys, type ImportOptions, type ImportOutcome } from "../../src/keys/import.ts";
import { readImportLine } from "../../src/keys/import-line.ts";
import type { Keys } from "../../src/keys/keys.ts";
import { freshKeys, type TestClock } from "../support/fresh-keys.ts";
import { ADA, claimsOf, GRACE, pepperOf, setMetadata, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";
import { openWorldClock } from "../support/world-clock.ts";

const OLD = `1:${pepperOf("one")} 2:${pepperOf("two")}`;
const NEW = `2:${pepperOf("two")} 1:${pepperOf("one")}`;
const FOREIGN = ["the-first-key-of-the-shop-0001", "the-second-key-of-the-shop-0002"];
const IMPORT: ImportOptions = { write: true, upgrade: false };
const UPGRADE: ImportOptions = { write: true, upgrade: true };

let clock: TestClock;
let s: Stage;
let wire: Wire;
beforeAll(async () => {
  clock = openWorldClock();
  s = await stage({
    nowMs: () => clock.nowMs,
    pepper: OLD,
    config: { policy: { acceptForeignKeys: true } },
  });
  wire = openWire(s);
});
afterAll(async () => {
  vi.useRealTimers();
  wire.close();
  await s.stop();
});
beforeEach(reset);

async function reset(): Promise<void> {
  for (const user of [ADA, GRACE]) setMetadata(s, user, undefined);
  await s.local.redis.execute(["FLUSHALL"]);
  await s.keys.records.mark();
}

/** A fresh process that hashes under one pepper, and understands both. */
const under = (pepper: string): Keys => ({ ...freshKeys(s, clock), peppers: parsePeppers(pepper) });
const lines = () =>
  FOREIGN.map((key, at) =>
    readImportLine(
      JSON.stringify({ user_id: ADA, name: `shop ${at}`, key }),
      ["acme_live"],
      s.keys.nowSeconds(),
    ),
  );
const importAs = async (pepper: string, options: ImportOptions) =>
  importKeys(under(pepper), ADA, lines(), options);
const granted = async () => {
  const answers = await Promise.all(FOREIGN.map(async (key) => s.exchange(key)));
  return answers.map(({ status }) => status === 200);
};
const kept = () => keyEntriesOf(s.local.tenant.users.get(ADA)?.["app_metadata"]).map(({ id, v }) => [id, v]);
const expected = (version: number) => lines().map(({ key }) => [key.id, version]);

type Disturb = (at: number, work: () => Promise<unknown>) => Promise<unknown>;
const endings: [string, Disturb][] = [
  ...Object.entries<Fault>(FAULTS).map(([name, fault]): [string, Disturb] => [
    name,
    async (at, work) => wire.disturb(at, fault, work),
  ]),
  ["takes effect as the process dies", async (at, work) => wire.kill(at, work)],
];

describe("an import of two keys", () => {
  test.each(endings)("whose request %s: run again, both are there, once", async (_, disturb) => {
    for (let at = 0, isOver = false; !isOver; at++) {
      await reset();
      const outcome = await disturb(at, async () => importAs(OLD, IMPORT));
      isOver = wire.requests.length <= at;
      if (isOver) {
        expect(at).toBeGreaterThan(8);
        continue;
      }
      const label = `${wire.requests[at]} at ${at}`;
      // What grants is known, and what was reported as imported grants.
      const before = await granted();
      expect(before, label).toEqual(FOREIGN.map(() => kept().length > 0));
      if (!(outcome instanceof ApiKeysError)) expect(before, label).toEqual([true, true]);
      const again = await importAs(OLD, IMPORT);
      expect(
        again.map(({ kind }) => kind),
        label,
      ).not.toContain("refused");
      expect([kept(), await granted()], label).toEqual([expected(1), [true, true]]);
    }
  });
});

test("one that a drop of all keys has overtaken puts nothing back", async () => {
  await dropKeys(freshKeys(s, clock));
  await expect(importAs(OLD, IMPORT)).rejects.toMatchObject({ code: "store_unmarked" });
  expect([kept(), await s.keys.records.hasRecords()]).toEqual([[], false]);
});

test("another user's import of the same key, at any request of this one: one gets it, the other is told", async () => {
  const line = (user_id: string) => [
    readImportLine(
      JSON.stringify({ user_id, name: "shop", key: FOREIGN[0] }),
      ["acme_live"],
      s.keys.nowSeconds(),
    ),
  ];
  const kindOf = ([outcome]: readonly ImportOutcome[]) =>
    outcome?.kind === "refused" ? outcome.error.code : outcome?.kind;
  for (let at = 0, isOver = false; !isOver; at++) {
    await reset();
    let other: string | undefined;
    const own = await wire.disturb(
      at,
      async (send) => {
        other = kindOf(await importKeys(under(OLD), GRACE, line(GRACE), IMPORT));
        return send();
      },
      async () => importKeys(under(OLD), ADA, line(ADA), IMPORT),
    );
    isOver = wire.requests.length <= at;
    if (isOver || own instanceof ApiKeysError) break;
    const label = `${wire.requests[at]} at ${at}`;
    expect(new Set([kindOf(own), other]), label).toEqual(new Set(["imported", "key_taken"]));
    const { body } = await s.exchange(FOREIGN[0] ?? "");
    expect(claimsOf(String(body["access_token"]))["sub"], label).toBe(other === "imported" ? GRACE : ADA);
  }
});

describe("an upgrade to another pepper", () => {
  test.each(endings)("whose request %s: the keys work all the time", async (_, disturb) => {
    for (let at = 0, isOver = false; !isOver; at++) {
      await reset();
      await importAs(OLD, IMPORT);
      await disturb(at, async () => importAs(NEW, UPGRADE));
      isOver = wire.requests.length <= at;
      const label = `${wire.requests[at]} at ${at}`;
      expect(await granted(), label).toEqual([true, true]);
      await importAs(NEW, UPGRADE);
      expect([kept(), await granted()], label).toEqual([expected(2), [true, true]]);
    }
  });
});
