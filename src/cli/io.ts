import { once } from "node:events";
import { createInterface } from "node:readline/promises";

import { printableLines } from "./printable.ts";

/** What a command reads and writes: handed in, so that tests run commands in process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The result, for programs. */
  stdout(text: string): void;
  /**
   * Waits until a slow reader of stdout has taken what was written, and says whether it did: a reader that is gone, or a
   * disk that is full, takes nothing.
   */
  drained?(): Promise<boolean>;
  /** For people. */
  stderr(text: string): void;
  readStdin(): Promise<string>;
  /** Time that is waited by, where it is not the real one. */
  readonly clock?: { readonly nowMs: () => number; readonly sleep: (ms: number) => Promise<void> };
  /** Whether stderr is a terminal, where progress is welcome. */
  readonly isTerminal?: boolean;
  /** Asks whoever sits there, if anybody does. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/** The streams and the environment of this process. Nothing that is printed commands a terminal. */
export function processIo(): Io {
  const { stdin, stdout, stderr } = process;
  let [isTaken, isLost] = [true, false];
  // A reader that has seen enough (`| head`) is no failure of ours; who writes more asks whether it was taken.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    isTaken = false;
    if (error.code === "EPIPE" || isLost) return;
    isLost = true;
    stderr.write(`error: The result could not be written to standard output: ${error.code}.\n`);
    // Whatever the program has done: who reads its result must not take it for whole.
    process.once("exit", () => {
      process.exitCode = process.exitCode || 1;
    });
  });
  stderr.on("error", () => undefined);
  return {
    env: process.env,
    isTerminal: stderr.isTTY,
    stdout: (text) => void (isTaken && stdout.write(printableLines(text))),
    async drained() {
      // An empty write is answered after all that was written before, or with its failure.
      await new Promise<void>((resolve) => stdout.write("", () => resolve()));
      if (isTaken && stdout.writableNeedDrain)
        await Promise.race([once(stdout, "drain"), once(stdout, "close")]);
      return isTaken;
    },
    stderr: (text) => void stderr.write(printableLines(text)),
    async readStdin() {
      let text = "";
      for await (const chunk of stdin) text += String(chunk);
      return text;
    },
    ...(stdin.isTTY &&
      stderr.isTTY && {
        async confirm(question) {
          const lines = createInterface({ input: stdin, output: stderr });
          try {
            return /^y(es)?$/i.test((await lines.question(`${printableLines(question)} [y/N] `)).trim());
          } finally {
            lines.close();
          }
        },
      }),
  };
}
