import { createInterface } from "node:readline/promises";

/** Whoever sits in front of a command, if anybody does. */
export interface Terminal {
  readonly isInteractive: boolean;
  /** Asks a question that is answered with yes or no. */
  confirm(question: string): Promise<boolean>;
}

/** The terminal of this process. The question goes to standard error: standard output is for the result. */
export function processTerminal(): Terminal {
  return {
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    async confirm(question) {
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
      } finally {
        lines.close();
      }
    },
  };
}
