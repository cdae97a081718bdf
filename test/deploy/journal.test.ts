import { appendFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { fileJournal, historyOf, type JournalEntry } from "../../src/deploy/journal.ts";
import type { TenantState } from "../../src/deploy/tenant-state.ts";

const at = "2026-11-22T00:00:00.000Z";
/** A state that can be told from others by its one client. */
const state = (clientId: string): TenantState => ({
  apis: [],
  actions: [],
  bindings: [],
  profile: undefined,
  clients: [{ clientId, types: undefined }],
  ipThrottling: undefined,
});
const begin = (command: "apply" | "rollback" | "destroy", before: string): JournalEntry => ({
  entry: "begin",
  at,
  command,
  before: state(before),
});
const end = (after: string): JournalEntry => ({ entry: "end", at, after: state(after) });

describe("what a journal says about going back", () => {
  test.each<[string, JournalEntry[], string | undefined, string | undefined, string | undefined]>([
    ["nothing was done", [], undefined, undefined, undefined],
    ["one apply", [begin("apply", "0"), end("1")], "1", "0", "0"],
    ["two", [begin("apply", "0"), end("1"), begin("apply", "1"), end("2")], "2", "1", "0"],
    ["one was interrupted", [begin("apply", "0")], undefined, "0", "0"],
    ["and completed", [begin("apply", "0"), begin("apply", "half"), end("1")], "1", "0", "0"],
    [
      "and rolled back",
      [begin("apply", "0"), begin("rollback", "half"), end("0")],
      "0",
      undefined,
      undefined,
    ],
    [
      "the second was rolled back",
      [begin("apply", "0"), end("1"), begin("apply", "1"), end("2"), begin("rollback", "2"), end("1")],
      "1",
      "0",
      "0",
    ],
    [
      "all was removed",
      [begin("apply", "0"), end("1"), begin("destroy", "1"), end("0")],
      "0",
      undefined,
      undefined,
    ],
  ])("%s", (_, entries, recorded, beforeLast, beforeAll) => {
    const history = historyOf(entries);
    const name = (of: TenantState | undefined) => of?.clients[0]?.clientId;
    expect([history.recorded, history.beforeLast, history.beforeAll].map(name)).toEqual([
      recorded,
      beforeLast,
      beforeAll,
    ]);
  });
});

describe("a journal in a file", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "journal-"));
  });
  afterAll(async () => rm(folder, { recursive: true }));

  test("keeps what is appended, readable by its owner alone", async () => {
    const file = join(folder, "deep", "one.jsonl");
    const journal = fileJournal(file);
    expect(await journal.read()).toEqual([]);
    await journal.append(begin("apply", "0"));
    await journal.append(end("1"));
    expect(await fileJournal(file).read()).toMatchObject([{ entry: "begin" }, { entry: "end" }]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("is refused when it is damaged", async () => {
    const file = join(folder, "two.jsonl");
    await appendFile(file, '{"entry":"beg');
    await expect(fileJournal(file).read()).rejects.toMatchObject({ code: "journal_missing" });
  });
});
