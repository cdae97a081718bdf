import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import type { DeploymentId } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { isObject } from "../core/key-entry.ts";
import type { Effect } from "./change.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

/** The commands that write to a tenant. */
export type WritingCommand = "apply" | "rollback" | "destroy";

/** A line of the journal. A run begins, writes, and ends; one that did not end was interrupted. */
export type JournalEntry =
  | {
      readonly entry: "begin";
      readonly at: string;
      readonly command: WritingCommand;
      readonly before: TenantState;
    }
  | {
      readonly entry: "write" | "written" | "refused";
      readonly at: string;
      readonly effect: Effect["kind"];
      readonly what: string;
    }
  | { readonly entry: "end"; readonly at: string; readonly after: TenantState };

/** What was done to a tenant, and how it was before. It holds no secret. */
export interface Journal {
  read(): Promise<readonly JournalEntry[]>;
  append(entry: JournalEntry): Promise<void>;
}

/** Where a journal is, and whose. */
export interface JournalPlace extends DeploymentId {
  readonly file: string;
  /** The journal of before deployments had names, of all that are on the tenant: what is ours in it is taken over once. */
  readonly unnamedFile?: string;
  /** Told what is wrong with it and can be lived with. */
  readonly onProblem?: (problem: string) => void;
}

/**
 * A journal in a file, a line of JSON an entry with tenant and name in it, readable by its owner alone. Throws
 * `journal_missing` if it is damaged or cannot be read, `journal_foreign` if it is another deployment's.
 */
export function fileJournal({ file, unnamedFile, tenant, name, onProblem }: JournalPlace): Journal {
  const lineOf = (entry: JournalEntry) => `${JSON.stringify({ tenant, name, ...entry })}\n`;
  const read = async (from: string): Promise<string | undefined> =>
    readFile(from, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw damaged(from, `cannot be read (${error.code ?? "unknown"})`, error);
    });
  return {
    read: async () => parse(await read(file)) ?? takeOver(),
    async append(entry) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const before = await read(file);
      // A last line that was cut stays a line of its own, and spoils no other.
      const end = before === undefined || before === "" || before.endsWith("\n") ? "" : "\n";
      if (before === undefined && unnamedFile !== undefined) {
        const lines = (await takeOver()).map(lineOf).join("");
        await writeFile(`${file}.new`, lines, { mode: 0o600 });
        await rename(`${file}.new`, file);
      }
      await appendFile(file, `${end}${lineOf(entry)}`, { mode: 0o600 });
    },
  };

  async function takeOver(): Promise<readonly JournalEntry[]> {
    return unnamedFile === undefined ? [] : (parse(await read(unnamedFile), unnamedFile) ?? []);
  }

  /** The entries of a text, which are ours; of a journal without names, the runs whose Actions are ours. */
  function parse(text: string | undefined, from = file): readonly JournalEntry[] | undefined {
    const runs: JournalEntry[][] = [[]];
    for (const [at, line] of (text?.split("\n") ?? []).entries()) {
      if (line === "") continue;
      const entry = parseLine(line);
      if (entry) {
        if (from === file) requireOurs(entry);
        if (entry.entry === "begin") runs.push([]);
        runs.at(-1)?.push(entry);
      } else if (isCut(line)) {
        // A disk that filled up, or a process that died: the run that it was of counts as interrupted.
        onProblem?.(`Line ${at + 1} of the journal ${from} was cut, and is left out.`);
      } else throw damaged(from, `is damaged: line ${at + 1} is no entry`);
    }
    return text === undefined ? undefined : runs.filter((run) => run.some(isOurs)).flat();
  }

  function requireOurs(entry: JournalEntry & Partial<DeploymentId>): void {
    if (entry.tenant === tenant && entry.name === name) return;
    const isUnnamed = entry.tenant === undefined && entry.name === undefined;
    const said = isUnnamed
      ? "does not say whose it is, as those of older versions"
      : `is that of the deployment ${entry.name} of ${entry.tenant}`;
    throw new ApiKeysError(
      "journal_foreign",
      `The journal ${file} ${said}, and this is ${name} of ${tenant}.`,
      isUnnamed
        ? "Nothing was changed. If it is this tenant's, move it to .deploy/DOMAIN.jsonl, and run without --journal: what is this deployment's is taken over."
        : "Nothing was changed. Name this deployment's journal with --journal, or move that file away.",
    );
  }

  function isOurs(entry: JournalEntry & Partial<DeploymentId>): boolean {
    if (entry.tenant === tenant && entry.name === name) return true;
    const ours = [`${name}-custom-token-exchange`, `${name}-post-login`];
    if (entry.entry === "begin") return entry.before.actions.some((one) => ours.includes(one.name));
    if (entry.entry === "end") return entry.after.actions.some((one) => ours.includes(one.name));
    return ours.some((one) => entry.what === `Action ${one}`);
  }
}

function parseLine(line: string): (JournalEntry & Partial<DeploymentId>) | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (!isObject(entry) || typeof entry["entry"] !== "string") return undefined;
    for (const state of [entry["before"], entry["after"]]) if (isObject(state)) complete(state);
    return entry as unknown as JournalEntry & Partial<DeploymentId>;
  } catch {
    return undefined;
  }
}

/** Gives a state what older versions did not note of it. */
function complete(state: Record<string, unknown>): void {
  state["neighbours"] ??= [];
  state["counts"] ??= { actions: 0, profiles: 0 };
}

/** Whether a line ends before its object does: wherever it was cut, a brace is still open. */
function isCut(line: string): boolean {
  const bare = line.replace(/"(?:[^"\\]|\\.)*(?:"|\\?$)/g, "");
  return bare.startsWith("{") && bare.split("{").length > bare.split("}").length;
}

function damaged(file: string, how: string, cause?: unknown): ApiKeysError {
  return new ApiKeysError(
    "journal_missing",
    `The journal ${file} ${how}.`,
    "Nothing was changed. Mend it, or move the file away: what was given stands in the Actions as well.",
    cause,
  );
}

/** What a journal says about going back. */
export interface History {
  /** How the last run left the tenant; `undefined` if there was none, or it was interrupted. */
  readonly recorded: TenantState | undefined;
  /** How the tenant was when the last run of any command began. */
  readonly lastBefore: TenantState | undefined;
  /** How the tenant was before the last application, and those interrupted before it that it completed. */
  readonly beforeLast: TenantState | undefined;
  /** What was there before the first application. */
  readonly beforeAll: Found | undefined;
  /** What was there before the last applications that were never completed: their Actions do not tell of them. */
  readonly interrupted: Found | undefined;
}

/** What applications found. */
export interface Found {
  /** Each API and client as it was found first; no API that an application made. */
  readonly before: TenantState;
  /** The APIs that they made, or began to make. */
  readonly made: ReadonlySet<string>;
  /** All APIs that they wrote to. */
  readonly written: ReadonlySet<string>;
}

/** An application, and those interrupted before it that it completes. */
interface Step {
  readonly befores: [TenantState, ...TenantState[]];
  readonly writes: (JournalEntry & { readonly entry: "write" | "written" | "refused" })[];
  isCompleted: boolean;
}

/** Reads the history out of a journal: each application is a step that a rollback takes back, a destruction all. */
export function historyOf(entries: readonly JournalEntry[]): History {
  const steps: Step[] = [];
  let recorded: TenantState | undefined;
  let lastBefore: TenantState | undefined;
  let open: WritingCommand | undefined;
  for (const entry of entries) {
    const last = steps.at(-1);
    if (entry.entry === "begin") {
      if (entry.command === "apply") {
        // What completes an interrupted application is no step of its own.
        if (open === "apply" && last) last.befores.push(entry.before);
        else steps.push({ befores: [entry.before], writes: [], isCompleted: false });
      }
      open = entry.command;
      recorded = undefined;
      lastBefore = entry.before;
    } else if (entry.entry === "end") {
      if (open === "apply" && last) last.isCompleted = true;
      if (open === "rollback") steps.pop();
      if (open === "destroy") steps.length = 0;
      open = undefined;
      recorded = entry.after;
    } else if (open === "apply") {
      // What was refused had no effect.
      if (entry.entry === "refused") last?.writes.pop();
      else last?.writes.push(entry);
    }
  }
  return {
    recorded,
    lastBefore,
    beforeLast: steps.at(-1)?.befores[0],
    beforeAll: foundBy(steps),
    interrupted: foundBy(steps.slice(steps.findLastIndex(({ isCompleted }) => isCompleted) + 1)),
  };
}

function foundBy(steps: readonly Step[]): Found | undefined {
  const [first] = steps.flatMap(({ befores }) => befores);
  if (!first) return undefined;
  const writes = steps.flatMap((step) => step.writes).filter(({ what }) => what.startsWith(API));
  const identifiers = (all: typeof writes) => new Set(all.map(({ what }) => what.slice(API.length)));
  const made = identifiers(writes.filter(({ effect }) => effect === "create_api"));
  const befores = steps.flatMap((step) => step.befores);
  const apis = befores.flatMap((before) => before.apis).filter(({ identifier }) => !made.has(identifier));
  const clients = befores.flatMap((before) => before.clients);
  const before = {
    ...first,
    apis: apis.filter((one, at) => apis.findIndex((other) => other.identifier === one.identifier) === at),
    clients: clients.filter(
      (one, at) => clients.findIndex((other) => other.clientId === one.clientId) === at,
    ),
  };
  return { before, made, written: identifiers(writes) };
}

const API = "API ";

/** How a journal is older than its tenant, in words; `undefined` where it is not. */
export function olderJournal({ recorded, lastBefore }: History, current: TenantState): string | undefined {
  const known = recorded ?? lastBefore;
  if (!known) return undefined;
  const versions = current.actions.map(({ name, trigger, deployed }) => {
    const was = actionFor(known, trigger)?.deployed;
    const [before, now] = [was?.number ?? 0, deployed?.number ?? 0];
    // An Action that was deleted and made anew counts its versions from 1 again.
    const isAnother = recorded !== undefined && before === now && was?.versionId !== deployed?.versionId;
    return { name, before, now, isAnother };
  });
  // An interrupted run may have deployed one more than it began with.
  const later = versions.find(({ before, now, isAnother }) => isAnother || now > before + (recorded ? 0 : 1));
  return (
    later &&
    `The journal is older than the tenant: it ends with version ${later.before} of the Action ${later.name}, and ${later.isAnother ? "another " : ""}version ${later.now} runs.`
  );
}

/** Throws `journal_missing` for a journal that is older than its tenant: nothing is undone by guess. */
export function refuseOlder(history: History, current: TenantState): void {
  const older = olderJournal(history, current);
  if (older === undefined) return;
  throw new ApiKeysError(
    "journal_missing",
    older,
    "Nothing was changed. Name the journal of the last apply with --journal.",
  );
}
