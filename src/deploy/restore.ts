import { TRIGGERS } from "./bundle.ts";
import type { Change } from "./change.ts";
import { restoreAction } from "./resources/actions.ts";
import { restoreApi } from "./resources/apis.ts";
import { restoreBinding } from "./resources/bindings.ts";
import { restoreClient } from "./resources/clients.ts";
import { restoreIpThrottling } from "./resources/ip-throttling.ts";
import { restoreProfile } from "./resources/profile.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

/** The way back: what to do, and what cannot be done. */
export interface Restoration {
  readonly changes: readonly Change[];
  /** For people: what will not be as it was. */
  readonly caveats: readonly string[];
}

/**
 * The changes that bring what is ours back to an earlier state, in the reverse of the order in which it was made:
 * exchanges end before the Action that narrows their tokens is unbound. What others did meanwhile stays.
 */
export function planRestore(target: TenantState, current: TenantState): Restoration {
  const actions = TRIGGERS.toReversed().map((trigger) => restoreAction(trigger, target, current));
  return {
    changes: [
      ...restoreIpThrottling(target, current),
      ...current.clients.toReversed().flatMap((client) => restoreClient(client, target)),
      ...restoreProfile(target, current),
      ...restoreBinding(target, current),
      ...actions.flatMap(({ changes }) => changes),
      ...current.apis.toReversed().flatMap((api) => restoreApi(api, target)),
    ],
    caveats: actions.flatMap(({ caveats }) => caveats),
  };
}

/** The tenant without the product, as far as that is known without a journal: APIs and clients stay as they are. */
export function withoutOurs(current: TenantState): TenantState {
  const ids = new Set(TRIGGERS.map((trigger) => actionFor(current, trigger)?.id));
  const isOurs = current.profile !== undefined && ids.has(current.profile.actionId);
  return {
    ...current,
    actions: current.actions.filter(({ isMarked }) => !isMarked),
    bindings: current.bindings.filter(({ actionId }) => !ids.has(actionId)),
    profile: isOurs ? undefined : current.profile,
  };
}
