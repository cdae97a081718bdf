import { ApiKeysError } from "../../core/errors.ts";
import type { Io } from "../io.ts";

/**
 * Makes sure that a new secret reached whoever reads standard output: one that nobody has must not work. `undo` withdraws it,
 * and says what became of it. Throws `key_not_shown`.
 */
export async function requireShown(io: Io, undo: () => Promise<string>): Promise<void> {
  if ((await io.drained?.()) !== false) return;
  const said = await undo();
  throw new ApiKeysError(
    "key_not_shown",
    "The key could not be printed: standard output is closed or full.",
    said,
  );
}
