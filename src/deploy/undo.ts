import { ApiKeysError } from "../core/errors.ts";
import { journaled, type Deploying, type Planned } from "./apply.ts";
import { usesOf } from "./desired.ts";
import { historyOf, refuseOlder } from "./journal.ts";
import { readTenant } from "./read-tenant.ts";
import { planRestore, withoutOurs, type Restoration } from "./restore.ts";
import { giftsAfter } from "./shares.ts";
import { ownActions, type TenantState } from "./tenant-state.ts";

/** A way back, and the tenant that it was planned for. */
export interface PlannedUndo extends Planned, Restoration {}

/** A way back to before the last application. */
export interface PlannedRollback extends PlannedUndo {
  /** Whether it leads to Actions that were made before deployments had names. */
  readonly isToUnnamed: boolean;
}

/**
 * What takes back the last application. Writes nothing. Throws `journal_missing` where none is known, or the tenant was
 * deployed to since by somebody with another journal.
 */
export async function planRollback({ api, desired, journal }: Deploying): Promise<PlannedRollback> {
  const history = historyOf(await journal.read());
  const { beforeLast, recorded } = history;
  if (!beforeLast) {
    throw new ApiKeysError(
      "journal_missing",
      "The journal knows of no application to roll back.",
      "Name the journal of the last apply with --journal, or remove everything with: npm run deploy -- destroy",
    );
  }
  const { current, strangers } = await readOurs(api, desired, recorded, beforeLast);
  refuseOlder(history, current);
  const { changes, caveats } = planRestore(
    beforeLast,
    current,
    giftsAfter(usesOf(desired), current, history),
    history,
  );
  const isToUnnamed = beforeLast.actions.length > 0 && !beforeLast.mark;
  return { changes, caveats: [...strangers, ...caveats], current, isToUnnamed };
}

/**
 * What removes everything that was made, and nothing else. Writes nothing. Throws `deployment_unknown` where nothing was
 * ever made, unless `isKnown` says that its store is.
 */
export async function planDestroy(
  { api, desired, journal }: Deploying,
  { isKnown = false }: { readonly isKnown?: boolean } = {},
): Promise<PlannedUndo> {
  const entries = await journal.read();
  const history = historyOf(entries);
  const { beforeAll, recorded } = history;
  const { current, strangers } = await readOurs(api, desired, recorded);
  // One that was interrupted after its last write is completed by nothing but its end.
  const isInterrupted = entries.length > 0 && !recorded;
  if (current.actions.length === 0 && !beforeAll && !isKnown && !isInterrupted) {
    throw new ApiKeysError(
      "deployment_unknown",
      `There is no deployment "${desired.name}" on ${desired.tenant}: nothing was removed.`,
      others(current) || "Check AUTH0_DOMAIN, and the name in deploy.config.ts.",
    );
  }
  const gave = giftsAfter(usesOf(desired), current, history);
  const { changes, caveats } = planRestore(withoutOurs(current), current, gave, history);
  const isUnknown = !current.mark && !beforeAll && changes.length > 0;
  const caveat =
    "The Actions are of an older version, and without its journal it is not known what APIs and clients were like before: they stay as they are.";
  return { changes, caveats: [...strangers, ...caveats, ...(isUnknown ? [caveat] : [])], current };
}

/** The tenant without Actions that have our names and are not ours, and what to say of those: they are left alone. */
async function readOurs(
  api: Deploying["api"],
  desired: Deploying["desired"],
  recorded: TenantState | undefined,
  target?: TenantState,
): Promise<{ readonly current: TenantState; readonly strangers: readonly string[] }> {
  const read = await readTenant(api, desired, target);
  // One whose code was overwritten by hand is known by its id; a stranger that the journal noted stays one.
  const isKnown = (id: string) => recorded && ownActions(recorded).some((one) => one.id === id);
  const own = ownActions(read);
  const actions = read.actions.filter((one) => own.includes(one) || isKnown(one.id));
  const strangers = read.actions
    .filter((one) => !actions.includes(one))
    .map(({ name }) => `The Action ${name} is not of this deployment, and stays as it is.`);
  return { current: { ...read, actions }, strangers };
}

/** Carries out a rollback or a destruction; `beforeActions` is done before the Actions go, which say what there was. */
export async function undo(
  deploying: Deploying,
  command: "rollback" | "destroy",
  planned: Planned,
  beforeActions?: () => Promise<void>,
): Promise<void> {
  if (!beforeActions) {
    // Journaled even if nothing is left to do: the step is taken back all the same.
    await journaled(deploying, command, planned);
    return;
  }
  const isLast = ({ effect }: Planned["changes"][number]) => effect.kind === "delete_action";
  const first = { ...planned, changes: planned.changes.filter((change) => !isLast(change)) };
  await journaled(deploying, command, first);
  await beforeActions();
  await journaled(deploying, command, { ...planned, changes: planned.changes.filter(isLast) });
}

function others({ neighbours }: TenantState): string {
  const names = neighbours.map(({ name }) => `"${name}"`).join(", ");
  return names === "" ? "" : `There is: ${names}. Check the name in deploy.config.ts.`;
}
