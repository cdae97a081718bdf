import { ApiKeysError } from "../core/errors.ts";
import { journaled, type Deploying, type Planned } from "./apply.ts";
import { historyOf } from "./journal.ts";
import { readTenant } from "./read-tenant.ts";
import { planRestore, withoutOurs, type Restoration } from "./restore.ts";

/** A way back, and the tenant that it was planned for. */
export interface PlannedUndo extends Planned, Restoration {}

/** What takes back the last application. Writes nothing. Throws `journal_missing` where none is known. */
export async function planRollback({ api, desired, journal }: Deploying): Promise<PlannedUndo> {
  const { beforeLast } = historyOf(await journal.read());
  if (!beforeLast) {
    throw new ApiKeysError(
      "journal_missing",
      "The journal knows of no application to roll back.",
      "Name the journal of the last apply with --journal, or remove everything with: npm run deploy -- destroy",
    );
  }
  const current = await readTenant(api, desired);
  return { ...planRestore(beforeLast, current), current };
}

/** What removes everything that was made, and nothing else. Writes nothing. */
export async function planDestroy({ api, desired, journal }: Deploying): Promise<PlannedUndo> {
  const { beforeAll } = historyOf(await journal.read());
  const current = await readTenant(api, desired);
  if (beforeAll) return { ...planRestore(beforeAll, current), current };
  const { changes, caveats } = planRestore(withoutOurs(current), current);
  const caveat =
    "Without a journal it is not known what APIs and clients were like before: they stay as they are.";
  return { changes, caveats: changes.length > 0 ? [...caveats, caveat] : caveats, current };
}

/** Carries out a rollback or a destruction. */
export async function undo(
  deploying: Deploying,
  command: "rollback" | "destroy",
  planned: Planned,
): Promise<void> {
  // Journaled even if nothing is left to do: the step is taken back all the same.
  await journaled(deploying, command, planned);
}
