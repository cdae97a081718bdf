import { createInterface } from "node:readline/promises";

/** Whoever sits in front of a command, if anybody does. */
export interface Terminal {
  readonly isInteractive: boolean;
  /** Asks a question that is answered with yes or no. */
  confirm(question: string): Promise<boolean>;
  /** Asks for a text. */
  ask(question: string): Promise<string>;
}

/** The terminal of this process. The question goes to standard error: standard output is for the result. */
export function processTerminal(): Terminal {
  const ask = async (question: string) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return (await lines.question(question)).trim();
    } finally {
      lines.close();
    }
  };
  return {
    isInteractive: process.stdin.isTTY && process.stderr.isTTY,
    ask,
    confirm: async (question) => /^y(es)?$/i.test(await ask(`${question} [y/N] `)),
  };
}
