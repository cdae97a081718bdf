import { createReadStream } from "node:fs";

import { ApiKeysError } from "../../core/errors.ts";
import { importAll, type ImportedKey } from "../../keys/import-all.ts";
import { linesOf } from "../../stores/lines.ts";
import { progressLine } from "../progress-line.ts";
import type { CommandKit, CommonOptions } from "./command-kit.ts";

interface ImportCommandOptions extends CommonOptions {
  readonly write?: true;
  readonly upgrade?: true;
}

/** `keys import`. */
export function addImportCommand(kit: CommandKit): void {
  kit
    .addOnline("import <file>", "let keys that were made elsewhere go on working; a line of JSON each")
    .option("--write", "import them (default: look at all of them, and write nothing)")
    .option("--upgrade", "hash those that are there already under the current pepper")
    .action(async (file: string, options: ImportCommandOptions) => {
      const keys = await kit.open(options);
      const counts = new Map<string, number>();
      const progress = progressLine(kit.io);
      let lines = 0;
      const write = options.write === true;
      await importAll(keys, linesOfFile(file), { write, upgrade: options.upgrade === true }, (imported) => {
        const { kind } = imported.outcome;
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
        progress.clear();
        kit.io.stdout(options.json ? `${JSON.stringify(toJson(imported))}\n` : lineOf(imported, write));
        progress.show(`${++lines} lines`);
      }).finally(progress.clear);
      const count = (kind: string) => counts.get(kind) ?? 0;
      kit.io.stderr(
        `${write ? "" : "Nothing was written. "}${count("imported")} ${write ? "imported" : "to import"}, ${count("rehashed")} ${write ? "hashed anew" : "to hash anew"}, ${count("there_already")} there already, ${count("refused")} refused.\n`,
      );
      if (count("refused") > 0) throw refused(count("refused"));
    });
}

/** The lines of a file, as they are read: it may be larger than memory. */
async function* linesOfFile(file: string): AsyncIterable<string> {
  try {
    yield* linesOf(createReadStream(file, "utf8"));
  } catch (error) {
    throw new ApiKeysError(
      "configuration_invalid",
      `The file ${file} cannot be read.`,
      "Give a file of JSON lines; /dev/stdin reads standard input.",
      error,
    );
  }
}

function toJson({ line, userId, keyId, outcome }: ImportedKey): object {
  return {
    line,
    user_id: userId ?? null,
    key_id: keyId ?? null,
    outcome: outcome.kind,
    ...(outcome.kind === "refused" && { error: outcome.error.code, problem: outcome.error.message }),
  };
}

function lineOf({ line, userId, keyId, outcome }: ImportedKey, isWritten: boolean): string {
  const said = {
    imported: isWritten ? "imported" : "to import",
    rehashed: isWritten ? "hashed anew" : "to hash anew",
    there_already: "there already",
    refused: "refused",
  };
  const told = [String(line).padStart(6), said[outcome.kind].padEnd(13), keyId ?? "-", userId ?? "-"];
  if (outcome.kind === "refused") told.push(`${outcome.error.message} ${outcome.error.fix}`);
  return `${told.join("  ")}\n`;
}

function refused(count: number): ApiKeysError {
  return new ApiKeysError(
    "lines_refused",
    `${count} ${count === 1 ? "line was" : "lines were"} refused.`,
    "Correct them, then run the same command again: what is there already is left as it is.",
  );
}
