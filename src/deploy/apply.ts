import { ApiKeysError } from "../core/errors.ts";
import { carryOut } from "./carry-out.ts";
import type { Change } from "./change.ts";
import type { Desired } from "./desired.ts";
import { historyOf, type Journal, type WritingCommand } from "./journal.ts";
import type { ManagementApi } from "./management-api.ts";
import { plan } from "./plan.ts";
import { readTenant } from "./read-tenant.ts";
import type { TenantState } from "./tenant-state.ts";

/** Everything that a command of the deploy tool works with. */
export interface Deploying {
  readonly api: ManagementApi;
  readonly desired: Desired;
  readonly journal: Journal;
  /** Told what is done, a line a step. */
  readonly onProgress: (line: string) => void;
}

/** A plan, and the tenant that it was made for. */
export interface Planned {
  readonly changes: readonly Change[];
  readonly current: TenantState;
}

/** Reads the tenant and says what differs. Writes nothing. */
export async function planApply({ api, desired, journal }: Deploying): Promise<Planned> {
  const { recorded } = historyOf(await journal.read());
  const current = await readTenant(api, desired);
  return { changes: plan(desired, current, recorded), current };
}

/**
 * Carries out a plan, and reads the tenant again to see that nothing is left to do. Nothing to do writes nothing. A run
 * that fails can be run again. Throws what a change threw, or `deployment_unsettled`.
 */
export async function apply(deploying: Deploying, planned: Planned): Promise<void> {
  if (planned.changes.length === 0) return;
  const after = await journaled(deploying, "apply", planned);
  const left = plan(deploying.desired, after);
  if (left.length === 0) return;
  throw new ApiKeysError(
    "deployment_unsettled",
    `After all changes, the tenant still differs: ${left.map(({ what }) => what).join(", ")}.`,
    "Somebody else may be changing it: run plan, then apply again.",
  );
}

/** Carries out changes of any command with an entry before and after each, and gives the tenant as it is then. */
export async function journaled(
  { api, desired, journal, onProgress }: Deploying,
  command: WritingCommand,
  { changes, current }: Planned,
): Promise<TenantState> {
  const at = () => new Date(api.clock.nowMs()).toISOString();
  const write = (entry: "write" | "written", { effect, what }: Change) =>
    journal.append({ entry, at: at(), effect: effect.kind, what });
  await journal.append({ entry: "begin", at: at(), command, before: current });
  await carryOut(api, changes, desired, current, {
    async begun(change, number, of) {
      onProgress(`[${number}/${of}] ${change.sign} ${change.what}`);
      await write("write", change);
    },
    done: (change) => write("written", change),
  });
  const after = await readTenant(api, desired);
  await journal.append({ entry: "end", at: at(), after });
  return after;
}
