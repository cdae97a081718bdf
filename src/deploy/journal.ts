import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";

import { ApiKeysError } from "../core/errors.ts";
import type { Effect } from "./change.ts";
import type { TenantState } from "./tenant-state.ts";

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
      readonly entry: "write" | "written";
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

/** A journal in a file, a line of JSON an entry, readable by its owner alone. Throws `journal_missing` if it is damaged. */
export function fileJournal(file: string): Journal {
  return {
    async read() {
      const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      });
      try {
        return text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as JournalEntry);
      } catch {
        throw new ApiKeysError(
          "journal_missing",
          `The journal ${file} is damaged: a line of it is no JSON.`,
          "Remove the broken line, or move the file away.",
        );
      }
    },
    async append(entry) {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await appendFile(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    },
  };
}

/** What a journal says about going back. */
export interface History {
  /** How the last run left the tenant; `undefined` if there was none, or it was interrupted. */
  readonly recorded: TenantState | undefined;
  /** How the tenant was before the last application, and those interrupted before it that it completed. */
  readonly beforeLast: TenantState | undefined;
  /** How the tenant was before the first application. */
  readonly beforeAll: TenantState | undefined;
}

/** Reads the history out of a journal: each application is a step that a rollback takes back, a destruction all. */
export function historyOf(entries: readonly JournalEntry[]): History {
  const steps: TenantState[] = [];
  let recorded: TenantState | undefined;
  let open: WritingCommand | undefined;
  for (const entry of entries) {
    if (entry.entry === "begin") {
      // What completes an interrupted application is no step of its own.
      if (entry.command === "apply" && open !== "apply") steps.push(entry.before);
      open = entry.command;
      recorded = undefined;
    }
    if (entry.entry === "end") {
      if (open === "rollback") steps.pop();
      if (open === "destroy") steps.length = 0;
      open = undefined;
      recorded = entry.after;
    }
  }
  return { recorded, beforeLast: steps.at(-1), beforeAll: steps[0] };
}
