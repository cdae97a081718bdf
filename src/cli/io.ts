import { once } from "node:events";

/** What a command reads and writes: handed in, so that tests run commands in process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The result, for programs. */
  stdout(text: string): void;
  /** Waits until a slow reader of stdout has taken what was written: for results without a bound. */
  drained?(): Promise<void>;
  /** For people. */
  stderr(text: string): void;
  readStdin(): Promise<string>;
  /** Time that is waited by, where it is not the real one. */
  readonly clock?: { readonly nowMs: () => number; readonly sleep: (ms: number) => Promise<void> };
  /** Whether stderr is a terminal, where progress is welcome. */
  readonly isTerminal?: boolean;
}

/** The streams and the environment of this process. */
export function processIo(): Io {
  return {
    env: process.env,
    isTerminal: process.stderr.isTTY,
    stdout: (text) => void process.stdout.write(text),
    async drained() {
      if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
    },
    stderr: (text) => void process.stderr.write(text),
    async readStdin() {
      let text = "";
      for await (const chunk of process.stdin) text += String(chunk);
      return text;
    },
  };
}
