import type { Io } from "./io.ts";
import { REWRITE_LINE } from "./printable.ts";

/** A line that says how far a long run is. */
export interface ProgressLine {
  readonly show: (text: string) => void;
  readonly clear: () => void;
}

/** On a terminal, a line that is written over; nothing anywhere else. */
export function progressLine(io: Io): ProgressLine {
  const write = (text: string) => {
    if (io.isTerminal === true) io.stderr(REWRITE_LINE + text);
  };
  return { show: write, clear: () => write("") };
}
