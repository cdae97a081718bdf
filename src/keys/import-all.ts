import { acceptedPrefixes } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { readImportLine, type ImportedLine } from "./import-line.ts";
import { importKeys, requireImport, type ImportOptions, type ImportOutcome } from "./import.ts";
import type { Keys } from "./keys.ts";
import { someAtOnce } from "./some-at-once.ts";

/** What became of one line. Neither the key nor anything else of the line is in it. */
export interface ImportedKey {
  /** Counted from 1. */
  readonly line: number;
  readonly userId: string | undefined;
  readonly keyId: string | undefined;
  readonly outcome: ImportOutcome;
}

const LINES_A_BATCH = 500;

/**
 * Imports foreign keys from lines of JSON, and reports on each, in their order. Memory does not grow with their number.
 * Broken off at any point, it is simply run again. Throws `foreign_keys_refused`, or what a store answered.
 */
export async function importAll(
  keys: Keys,
  lines: AsyncIterable<string>,
  options: ImportOptions,
  report: (imported: ImportedKey) => void,
): Promise<void> {
  await requireImport(keys);
  let batch: Numbered[] = [];
  let line = 0;
  for await (const raw of lines) {
    line++;
    // Some programs begin a file with the mark of its byte order.
    const text = line === 1 ? raw.replace(/^\uFEFF/, "") : raw;
    if (text.trim() !== "") batch.push({ line, text });
    if (batch.length < LINES_A_BATCH) continue;
    await importBatch(keys, batch, options, report);
    batch = [];
  }
  await importBatch(keys, batch, options, report);
}

interface Numbered {
  readonly line: number;
  readonly text: string;
}

async function importBatch(
  keys: Keys,
  batch: readonly Numbered[],
  options: ImportOptions,
  report: (imported: ImportedKey) => void,
): Promise<void> {
  const done = new Map<number, ImportedKey>();
  const byUser = new Map<string, { readonly line: number; readonly read: ImportedLine }[]>();
  for (const { line, text } of batch) {
    try {
      const read = readImportLine(text, acceptedPrefixes(keys.deployment), keys.nowSeconds());
      byUser.set(read.userId, [...(byUser.get(read.userId) ?? []), { line, read }]);
    } catch (error) {
      if (!(error instanceof ApiKeysError)) throw error;
      done.set(line, { line, userId: undefined, keyId: undefined, outcome: { kind: "refused", error } });
    }
  }
  try {
    await someAtOnce([...byUser], async ([userId, ofUser]) => {
      const reads = ofUser.map(({ read }) => read);
      const outcomes = await importKeys(keys, userId, reads, options);
      for (const [at, { line, read }] of ofUser.entries()) {
        const outcome = outcomes[at];
        if (outcome) done.set(line, { line, userId, keyId: read.key.id, outcome });
      }
    });
  } finally {
    for (const { line } of batch) {
      const imported = done.get(line);
      if (imported) report(imported);
    }
  }
}
