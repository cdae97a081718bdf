import { CommanderError, type Command } from "commander";

import { ExchangeError } from "../client/exchange-error.ts";
import { redactKeys } from "../core/key-format.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { Io } from "./io.ts";

/** Runs a commander program. Gives the exit code: 0 done, 1 failed, 2 wrong usage. Never throws, never exits. */
export async function runProgram(program: Command, argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showHelpAfterError("Add --help for more.")
      .configureOutput({
        writeOut: (text) => io.stdout(text),
        writeErr: (text) => io.stderr(redactKeys(text)),
      });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.stderr(argv.includes("--json") ? `${JSON.stringify({ error: problemOf(error) })}\n` : explain(error));
    return 1;
  }
}

/** An error for people: what happened, why, and what to do. */
export function explain(error: unknown): string {
  const { message, fix, cause } = problemOf(error);
  const lines = [
    `error: ${message}`,
    ...(cause ? [`cause: ${cause}`] : []),
    ...(fix ? [`fix:   ${fix}`] : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** An error as data. A key that slipped into a message is redacted, whatever the message is. */
function problemOf(error: unknown): { code: string; message: string; fix?: string; cause?: string } {
  if (!(error instanceof ApiKeysError || error instanceof ExchangeError)) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : "an unknown error";
    return { code: "unexpected", message: redactKeys(`Unexpected. ${said}`) };
  }
  // Only our own errors are told as causes: others may quote what was sent.
  const cause = error.cause instanceof ApiKeysError ? { cause: redactKeys(error.cause.message) } : {};
  return { code: error.code, message: redactKeys(error.message), fix: redactKeys(error.fix), ...cause };
}
