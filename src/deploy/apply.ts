import { isDeepStrictEqual } from "node:util";

import { ApiKeysError } from "../core/errors.ts";
import type { Peppers } from "../core/peppers.ts";
import { carryOut } from "./carry-out.ts";
import type { Change, Effect } from "./change.ts";
import { refuseConflicts } from "./conflicts.ts";
import {
  makeActions,
  pepperFingerprint,
  usesOf,
  type ActionSources,
  type Desired,
  type DesiredActions,
} from "./desired.ts";
import { goneFrom, type Gone } from "./gone.ts";
import { historyOf, olderJournal, type Journal, type WritingCommand } from "./journal.ts";
import { refuseExceeded } from "./limits.ts";
import type { ManagementApi } from "./management-api.ts";
import type { Share } from "./mark.ts";
import { plan } from "./plan.ts";
import { readTenant } from "./read-tenant.ts";
import { readActions } from "./resources/actions.ts";
import { takeBack } from "./restore.ts";
import { giftsAfter, isAmong } from "./shares.ts";
import { actionFor, type ApiState, type TenantState } from "./tenant-state.ts";

/** Everything that a command of the deploy tool works with. */
export interface Deploying {
  readonly api: ManagementApi;
  readonly desired: Desired;
  readonly sources: ActionSources;
  readonly journal: Journal;
  /** Told what is done, a line a step. */
  readonly onProgress: (line: string) => void;
}

/** Changes, the tenant that they were planned for, and the Actions that they deploy, if any. */
export interface Planned {
  readonly changes: readonly Change[];
  readonly current: TenantState;
  readonly actions?: DesiredActions;
}

/** A planned application. */
export interface PlannedApply extends Planned {
  /** What the configuration no longer names. */
  readonly gone: readonly Gone[];
  readonly caveats: readonly string[];
  /** Whether the deployed Actions look keys up in another Redis database than is configured now. */
  readonly isStoreNew: boolean;
  /** Whether the last run did not end: its end is written even if nothing is left to do, or the next run would be part of it. */
  readonly isInterrupted: boolean;
}

/** What an application may do beyond bringing what is configured. */
export interface ApplyOptions {
  /** Take away what this deployment gave and the configuration no longer names. */
  readonly prune?: boolean;
}

/**
 * Reads the tenant and says what differs. Writes nothing. Throws `deployment_conflict`, `limit_exceeded`, or what a
 * resource refuses, so that nothing is refused half way.
 */
export async function planApply(
  { api, desired, sources, journal }: Deploying,
  { prune = false }: ApplyOptions = {},
): Promise<PlannedApply> {
  const entries = await journal.read();
  const history = historyOf(entries);
  const current = await readTenant(api, desired);
  refuseConflicts(desired, current);
  refuseOtherPepper(sources.peppers, current);
  const uses = usesOf(desired);
  const given = giftsAfter(uses, current, history);
  const pruned = takeBack(prune ? given.filter((gift) => !isAmong(gift, uses)) : [], current, history);
  const kept = given.filter((gift) => !isAmong(gift, pruned.taken));
  const left = { ...current, apis: current.apis.map((api) => withoutScopes(api, pruned.taken)) };
  const actions = await makeActions(sources, desired, left, kept);
  const changes = plan(desired, actions, current, history.recorded);
  const older = olderJournal(history, current);
  refuseExceeded(desired, current);
  return {
    changes: [...pruned.changes, ...changes],
    current,
    actions,
    gone: goneFrom(desired, current).filter((one) => !isPruned(one, pruned.taken)),
    caveats: [
      ...pruned.caveats,
      ...unnamedScopes(desired, left),
      ...(older === undefined ? [] : [`${older} rollback and destroy need the journal of the last apply.`]),
    ],
    isStoreNew: current.mark !== undefined && current.mark.store !== desired.store,
    isInterrupted: entries.length > 0 && !history.recorded,
  };
}

/** Scopes that the tenant's APIs have and the deployment does not name, for people: no key gets them. */
function unnamedScopes(desired: Desired, { apis }: TenantState): readonly string[] {
  return desired.apis.flatMap(({ identifier, scopes }) => {
    const now = apis.find((one) => one.identifier === identifier)?.scopes ?? [];
    const others = now
      .map(({ value }) => value)
      .filter((value) => !scopes.some((one) => one.value === value));
    if (others.length === 0) return [];
    return [
      `${identifier} has scopes that this deployment does not name, and no key gets: ${others.join(" ")}`,
    ];
  });
}

/** Throws `pepper_not_held` where the deployed Action has a pepper that is not held here: every key would end with it. */
function refuseOtherPepper(peppers: Peppers, current: TenantState): void {
  const deployed = actionFor(current, "custom-token-exchange")?.deployed?.fingerprints?.["pepper"];
  const held = [...peppers.byVersion.values()].map((pepper) =>
    pepperFingerprint({ ...peppers, current: pepper }),
  );
  if (deployed === undefined || held.includes(deployed)) return;
  throw new ApiKeysError(
    "pepper_not_held",
    "The pepper of the deployed Action is not among those of API_KEY_PEPPER: every key would be refused.",
    "Nothing was changed. Put it back; a new one stands before it: npm run keys -- pepper add",
  );
}

function isPruned(gone: Gone, taken: readonly Share[]): boolean {
  return gone.kind !== "prefix" && isAmong(gone, taken);
}

function withoutScopes(api: ApiState, taken: readonly Share[]): ApiState {
  const isTaken = (scope: string) => isAmong({ kind: "scope", of: api.identifier, scope }, taken);
  return { ...api, scopes: api.scopes.filter(({ value }) => !isTaken(value)) };
}

/**
 * Carries out a plan, and reads the tenant again to see that nothing is left to do. Nothing to do writes nothing, but for
 * the end of a run that was interrupted. A run that fails can be run again. Throws what a change threw, or `deployment_unsettled`.
 */
export async function apply(deploying: Deploying, planned: PlannedApply): Promise<void> {
  const isNothing = planned.changes.length === 0 && !planned.isInterrupted;
  if (isNothing || !planned.actions) return;
  const after = await journaled(deploying, "apply", planned);
  const left = plan(deploying.desired, planned.actions, after);
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
  { changes, current, actions }: Planned,
): Promise<TenantState> {
  const at = () => new Date(api.clock.nowMs()).toISOString();
  const write = (entry: "write" | "written" | "refused", { effect, what }: Change) =>
    journal.append({ entry, at: at(), effect: effect.kind, what });
  await refuseNewNeighbours(api, desired, changes, current);
  await journal.append({ entry: "begin", at: at(), command, before: current });
  await carryOut(api, changes, { names: desired.actionNames, actions }, current, {
    async begun(change, number, of) {
      onProgress(`[${number}/${of}] ${change.sign} ${change.what}`);
      await write("write", change);
    },
    done: (change) => write("written", change),
    refused: (change) => write("refused", change),
  });
  const after = await readTenant(api, desired);
  await journal.append({ entry: "end", at: at(), after });
  return after;
}

/** Throws `deployment_conflict` where another deployment was applied since, and may use what would be taken. */
async function refuseNewNeighbours(
  api: ManagementApi,
  desired: Desired,
  changes: readonly Change[],
  { neighbours: before }: TenantState,
): Promise<void> {
  if (!changes.some(({ effect }) => isTaking(effect))) return;
  const { neighbours } = await readActions(api, desired);
  if (isDeepStrictEqual(neighbours, before)) return;
  throw new ApiKeysError(
    "deployment_conflict",
    "Another deployment of the tenant was applied or removed since the plan was made, and may use what would be taken.",
    "Nothing was changed. Run the same command again.",
  );
}

function isTaking(effect: Effect): boolean {
  if (effect.kind === "update_api") return effect.removeScopes.length > 0 || effect.skipsConsent === false;
  return effect.kind === "delete_api" || effect.kind === "disable_client";
}
