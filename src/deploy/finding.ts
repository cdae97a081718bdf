/** Something that breaks exchanges (`error`), weakens them (`warning`), is to be known (`note`), or could not be seen (`unknown`). */
export interface Finding {
  readonly level: "error" | "warning" | "unknown" | "note";
  readonly what: string;
  /** What to do, in one sentence; empty for a note of what is as it should be. */
  readonly fix: string;
  /** Whether an application mends it. */
  readonly isMendedByApply?: true;
}

/** One thing that was looked at. `problem`: exchanges do not work, or would not. */
export interface Checked {
  readonly check: string;
  readonly result: "ok" | "warning" | "problem" | "could not look";
  readonly findings: readonly Finding[];
}
