import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { fileJournal, historyOf, type JournalEntry } from "../../src/deploy/journal.ts";
import type { TenantState } from "../../src/deploy/tenant-state.ts";
import { planApply } from "../../src/deploy/apply.ts";
import { planRollback } from "../../src/deploy/undo.ts";
import { newClock } from "../support/clock.ts";
import { deployingTo, planAndApply, snapshot, strip } from "../support/deploying.ts";
import { stage } from "../support/stage.ts";

const at = "2026-11-22T00:00:00.000Z";
/** A state that can be told from others by its one client. */
const state = (
  clientId: string,
  apis: readonly string[] = [],
  actions: readonly string[] = [],
): TenantState => ({
  apis: apis.map((identifier) => ({
    id: identifier,
    identifier,
    scopes: [],
    skipsConsent: true,
    tokenLifetimeSeconds: 86_400,
  })),
  actions: actions.map((name) => ({
    trigger: name.endsWith("post-login") ? "post-login" : "custom-token-exchange",
    id: name,
    name,
    isMarked: true,
    draftHash: "",
    secrets: [],
    deployed: undefined,
  })),
  bindings: [],
  profile: undefined,
  clients: [{ clientId, types: undefined }],
  ipThrottling: undefined,
  neighbours: [],
  counts: { actions: 0, profiles: 0 },
});
type Command = "apply" | "rollback" | "destroy";
const begin = (command: Command, before: string | TenantState): JournalEntry => ({
  entry: "begin",
  at,
  command,
  before: typeof before === "string" ? state(before) : before,
});
const end = (after: string | TenantState): JournalEntry => ({
  entry: "end",
  at,
  after: typeof after === "string" ? state(after) : after,
});
const write = (effect: "create_api" | "update_api" | "create_action", what: string): JournalEntry => ({
  entry: "write",
  at,
  effect,
  what,
});

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
    expect([history.recorded, history.beforeLast, history.beforeAll?.before].map(name)).toEqual([
      recorded,
      beforeLast,
      beforeAll,
    ]);
  });
});

describe("what a journal says of what was there before", () => {
  const make = write("create_api", "API made");
  const change = write("update_api", "API changed");
  const [none, some, all] = [
    state("0", ["changed"]),
    state("1", ["changed", "made"]),
    state("1", ["changed", "made", "named later"]),
  ];
  test.each<[string, JournalEntry[], string[], string[] | undefined]>([
    ["an API that was made was not", [begin("apply", none), make, end(some)], ["changed"], undefined],
    [
      "nor where the run that made it was interrupted",
      [begin("apply", none), make, begin("apply", some), end(some)],
      ["changed"],
      undefined,
    ],
    [
      "an API that was named later was, as that run found it",
      [begin("apply", none), make, end(some), begin("apply", all), end(all)],
      ["changed", "named later"],
      undefined,
    ],
    [
      "what an interrupted run wrote to is told, until one is completed",
      [begin("apply", none), end(none), begin("apply", none), change, make],
      ["changed"],
      ["changed", "made"],
    ],
    [
      "of several runs that broke off, all is told",
      [begin("apply", none), make, begin("destroy", some), begin("apply", some), change],
      ["changed"],
      ["changed", "made"],
    ],
    [
      "also while it is being rolled back",
      [begin("apply", none), change, begin("rollback", none)],
      ["changed"],
      ["changed"],
    ],
  ])("%s", (_, entries, found, written) => {
    const { beforeAll, interrupted } = historyOf(entries);
    expect(beforeAll?.before.apis.map(({ identifier }) => identifier)).toEqual(found);
    expect(interrupted && [...interrupted.written].toSorted()).toEqual(written);
  });
});

describe("a journal in a file", () => {
  const OURS = { tenant: "acme.eu.auth0.com", name: "api-keys" };
  let folder: string;
  let file: string;
  let count = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "journal-"));
  });
  afterAll(async () => rm(folder, { recursive: true }));
  beforeEach(() => {
    file = join(folder, `${++count}.jsonl`);
  });

  /** Lines as they stand in a file. */
  const lines = (entries: readonly JournalEntry[], of: object = OURS) =>
    entries.map((entry) => `${JSON.stringify({ ...of, ...entry })}\n`).join("");
  /** Entries as they are read from such lines. */
  const read = (entries: readonly JournalEntry[], of: object = OURS) =>
    entries.map((entry) => JSON.parse(JSON.stringify({ ...of, ...entry })) as unknown);
  const RUN = [begin("apply", "0"), write("create_action", 'Action "{'), end("1")];

  test("keeps what is appended, says whose it is, and is readable by its owner alone", async () => {
    const deep = join(folder, "deep", "one.jsonl");
    const journal = fileJournal({ ...OURS, file: deep });
    expect(await journal.read()).toEqual([]);
    for (const entry of RUN) await journal.append(entry);
    expect(await fileJournal({ ...OURS, file: deep }).read()).toEqual(read(RUN));
    expect(await readFile(deep, "utf8")).toBe(lines(RUN));
    expect((await stat(deep)).mode & 0o777).toBe(0o600);
  });

  test("whose last line was cut, wherever, is read without it; what is appended stands on a line of its own", async () => {
    const whole = lines(RUN.slice(0, 2));
    const last = lines(RUN.slice(2)).trimEnd();
    for (let length = 1; length < last.length; length++) {
      await writeFile(file, whole + last.slice(0, length));
      const problems: string[] = [];
      const journal = fileJournal({ ...OURS, file, onProblem: (one) => void problems.push(one) });
      expect([length, await journal.read()]).toEqual([length, read(RUN.slice(0, 2))]);
      expect(problems).toEqual([`Line 3 of the journal ${file} was cut, and is left out.`]);
      expect(historyOf(await journal.read()).recorded).toBeUndefined();
      await journal.append(begin("apply", "2"));
      expect([length, await journal.read()]).toEqual([
        length,
        read([...RUN.slice(0, 2), begin("apply", "2")]),
      ]);
    }
  });

  test("whose last line lacks its end of line alone has that line", async () => {
    await writeFile(file, lines(RUN).trimEnd());
    const journal = fileJournal({ ...OURS, file });
    await journal.append(begin("apply", "1"));
    expect(await journal.read()).toEqual(read([...RUN, begin("apply", "1")]));
  });

  test("with a line in the middle that was cut is read without it", async () => {
    const [first = "", second = "", third = ""] = lines(RUN).split(/(?<=\n)/);
    await writeFile(file, `${first}${second.slice(0, -9)}\n${third}`);
    expect(await fileJournal({ ...OURS, file }).read()).toEqual(read([...RUN.slice(0, 1), ...RUN.slice(2)]));
  });

  test.each<[string, string]>([
    ["no JSON", '{"entry":"begin",}'],
    ["nothing of ours", "[]"],
    ["no entry", '{"tenant":"acme.eu.auth0.com","name":"api-keys"}'],
    ["text", "apply, rollback"],
  ])("with a line that is %s is refused, by its number, and stays as it is", async (_, line) => {
    const text = `${lines(RUN)}${line}\n${lines(RUN)}`;
    await writeFile(file, text);
    await expect(fileJournal({ ...OURS, file }).read()).rejects.toMatchObject({
      code: "journal_missing",
      message: `The journal ${file} is damaged: line 4 is no entry.`,
    });
    expect(await readFile(file, "utf8")).toBe(text);
  });

  test("that cannot be read is refused, and not taken for an empty one", async () => {
    await mkdir(file);
    const journal = fileJournal({ ...OURS, file });
    const refusal = { code: "journal_missing", message: `The journal ${file} cannot be read (EISDIR).` };
    await expect(journal.read()).rejects.toMatchObject(refusal);
    await expect(journal.append(begin("apply", "0"))).rejects.toMatchObject(refusal);
  });

  test.each<[string, object, string]>([
    ["name", { ...OURS, name: "billing" }, "is that of the deployment billing of acme.eu.auth0.com"],
    [
      "tenant",
      { ...OURS, tenant: "acme.us.auth0.com" },
      "is that of the deployment api-keys of acme.us.auth0.com",
    ],
    ["form, without a name", {}, "does not say whose it is, as those of older versions"],
  ])("of another %s is refused", async (_, of, said) => {
    await writeFile(file, lines(RUN, of));
    await expect(fileJournal({ ...OURS, file }).read()).rejects.toMatchObject({
      code: "journal_foreign",
      message: `The journal ${file} ${said}, and this is api-keys of acme.eu.auth0.com.`,
    });
  });

  describe("of before deployments had names", () => {
    const runOf = (name: string, before: string): JournalEntry[] => [
      begin("apply", state(before)),
      write("create_action", `Action ${name}-post-login`),
      end(state(`${before}, and ${name}`, [], [`${name}-post-login`, `${name}-custom-token-exchange`])),
    ];
    const ours = [...runOf("api-keys", "0"), ...runOf("api-keys", "1")];
    const theirs = [...runOf("api-keys-2", "2"), begin("apply", state("3", [], ["api-keys-2-post-login"]))];
    let unnamedFile: string;
    beforeEach(async () => {
      unnamedFile = join(folder, `${count}.unnamed.jsonl`);
      const [first, second] = [ours.slice(0, 3), ours.slice(3)];
      await writeFile(unnamedFile, lines([...first, ...theirs, ...second], {}));
    });

    test("is read for what is ours, and left as it is; the first append takes that over", async () => {
      const before = await readFile(unnamedFile, "utf8");
      const journal = fileJournal({ ...OURS, file, unnamedFile });
      expect(await journal.read()).toEqual(read(ours, {}));
      await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
      await journal.append(begin("apply", "4"));
      expect(await readFile(file, "utf8")).toBe(lines([...ours, begin("apply", "4")]));
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(unnamedFile, "utf8")).toBe(before);
      const others = fileJournal({ ...OURS, name: "api-keys-2", file: `${file}.2`, unnamedFile });
      expect(await others.read()).toEqual(read(theirs, {}));
    });

    test("is read no more once that was done", async () => {
      const journal = fileJournal({ ...OURS, file, unnamedFile });
      await journal.append(begin("apply", "4"));
      await writeFile(unnamedFile, "nothing that could be read");
      expect(await journal.read()).toEqual(read([...ours, begin("apply", "4")]));
    });

    test.each<[string, () => string]>([
      ["half of it", () => lines(ours).slice(0, 99)],
      ["all of it", () => lines(ours)],
      ["nothing yet", () => ""],
    ])("is taken over after a crash that left %s beside the journal", async (_, left) => {
      await writeFile(`${file}.new`, left());
      const journal = fileJournal({ ...OURS, file, unnamedFile });
      expect(await journal.read()).toEqual(read(ours, {}));
      await journal.append(begin("apply", "4"));
      expect(await readFile(file, "utf8")).toBe(lines([...ours, begin("apply", "4")]));
      await expect(readFile(`${file}.new`)).rejects.toMatchObject({ code: "ENOENT" });
    });

    test("is refused when it is damaged, and read without a line that was cut", async () => {
      const text = await readFile(unnamedFile, "utf8");
      const journal = fileJournal({ ...OURS, file, unnamedFile });
      await writeFile(unnamedFile, `${text}{"entry":"beg`);
      expect(await journal.read()).toEqual(read(ours, {}));
      await writeFile(unnamedFile, `damaged\n${text}`);
      const refusal = { code: "journal_missing", message: expect.stringContaining(unnamedFile) as string };
      await expect(journal.read()).rejects.toMatchObject(refusal);
    });
  });
});

test("a rollback by a journal that is older than the tenant is refused, and writes nothing", async () => {
  const clock = newClock();
  const s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  const here = await deployingTo(s, clock);
  await planAndApply(here);
  // Somebody else, with a journal of their own.
  await planAndApply(await deployingTo(s, clock, { redisToken: "another" }));
  const before = snapshot(s.local.tenant);
  const refused = await planRollback(here).catch((error: unknown) => error);
  expect(snapshot(s.local.tenant)).toBe(before);
  await s.stop();
  expect(refused).toMatchObject({
    code: "journal_missing",
    message: expect.stringMatching(/ends with version 1 of the Action .*, and version 2 runs/) as string,
  });
});

test("nor is one believed whose Actions were since deleted and made anew with the same version numbers", async () => {
  const clock = newClock();
  const s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  const here = await deployingTo(s, clock);
  await planAndApply(here);
  strip(s.local.tenant);
  await planAndApply(await deployingTo(s, clock, { redisToken: "another" }));
  const before = snapshot(s.local.tenant);
  const refused = await planRollback(here).catch((error: unknown) => error);
  const { caveats } = await planApply(here);
  expect(snapshot(s.local.tenant)).toBe(before);
  await s.stop();
  const says = /ends with version 1 of the Action .*, and another version 1 runs/;
  expect(refused).toMatchObject({
    code: "journal_missing",
    message: expect.stringMatching(says) as string,
  });
  // Who plans is told beforehand.
  expect(caveats).toContainEqual(expect.stringMatching(says));
});
