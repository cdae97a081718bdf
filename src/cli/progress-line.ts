import type { Io } from "./io.ts";

/** A line that says how far a long run is. */
export interface ProgressLine {
  readonly show: (text: string) => void;
  readonly clear: () => void;
}

/** On a terminal, a line that is written over; nothing anywhere else. */
export function progressLine(io: Io): ProgressLine {
  const write = (text: string) => {
    if (io.isTerminal === true) io.stderr(`\r\u001B[K${text}`);
  };
  return { show: write, clear: () => write("") };
}
