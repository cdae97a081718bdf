import { TRIGGERS } from "./bundle.ts";
import type { Change } from "./change.ts";
import type { History } from "./journal.ts";
import type { Share } from "./mark.ts";
import { restoreAction } from "./resources/actions.ts";
import { giveBackToApi, othersScopes, takeFromApi } from "./resources/apis.ts";
import { restoreBinding } from "./resources/bindings.ts";
import { giveBackToClient, takeFromClient } from "./resources/clients.ts";
import { giveBackIpThrottling, takeIpThrottling } from "./resources/ip-throttling.ts";
import { restoreProfile } from "./resources/profile.ts";
import { isAmong, isSetByOthers, wasGivenAt } from "./shares.ts";
import type { TenantState } from "./tenant-state.ts";

/** The way back: what to do, and what cannot be done. */
export interface Restoration {
  readonly changes: readonly Change[];
  /** For people: what will not be as it was. */
  readonly caveats: readonly string[];
}

/** Taking gifts back: from clients first, so that no exchange begins which then fails. */
export interface TakingBack {
  readonly changes: readonly Change[];
  /** What is taken of what was to be. */
  readonly taken: readonly Share[];
  readonly caveats: readonly string[];
}

/** Takes back what was given, and leaves what another deployment of the tenant uses, or may use. */
export function takeBack(
  gifts: readonly Share[],
  current: TenantState,
  history: Pick<History, "interrupted">,
): TakingBack {
  const silent = current.neighbours.filter(({ mark }) => !mark).map(({ name }) => name);
  const used = current.neighbours.flatMap(({ mark }) => mark?.uses ?? []);
  const taken = silent.length > 0 ? [] : gifts.filter((gift) => !isAmong(gift, used));
  const stays = silent.length > 0 ? [] : gifts.filter((gift) => isAmong(gift, used));
  const ours = taken.filter((gift) => !isSetByOthers(gift, current, history));
  return {
    changes: [
      ...takeIpThrottling(ours, current),
      ...current.clients.toReversed().flatMap((client) => takeFromClient(client, ours)),
      ...current.apis.toReversed().flatMap((api) => takeFromApi(api, ours)),
    ],
    taken,
    caveats: [
      ...(gifts.length > 0 ? silent : []).map(
        (name) =>
          `APIs and clients stay as they are: the deployment "${name}" is of an older version, and does not say what it uses. Apply it with this version first.`,
      ),
      ...stays.flatMap((gift) =>
        gift.kind === "api" || gift.kind === "client"
          ? [`${gift.of} stays as it is: another deployment of the tenant uses it.`]
          : [],
      ),
      ...current.apis
        .filter(({ identifier: of }) => isAmong({ kind: "api", of }, ours))
        .map((api) => [api.identifier, othersScopes(api, ours)] as const)
        .filter(([, scopes]) => scopes.length > 0)
        .map(([of, scopes]) => `API ${of} stays: this deployment did not add ${scopes.join(" ")}.`),
    ],
  };
}

/**
 * The changes that bring what is ours back to an earlier state: exchanges end before the Action that narrows their tokens is
 * unbound. The Actions go last, since they say what was given: broken off anywhere, the same call goes on. What others did
 * meanwhile stays.
 */
export function planRestore(
  target: TenantState,
  current: TenantState,
  gave: readonly Share[],
  history: Pick<History, "interrupted">,
): Restoration {
  const actions = TRIGGERS.toReversed().map((trigger) => restoreAction(trigger, target, current));
  const given = gave.filter((gift) => !wasGivenAt(target, gift));
  const { changes, caveats } = takeBack(given, current, history);
  const before = target.mark?.gave ?? [];
  // What the deployment had set is set again, unless it goes back to what it was before, or others set it.
  const others = [...given, ...current.neighbours.flatMap(({ mark }) => mark?.uses ?? [])];
  const set = (target.mark?.uses ?? []).filter(
    (use) => !isAmong(use, others) && !isSetByOthers(use, current, history),
  );
  return {
    changes: [
      ...restoreProfile(target, current),
      ...restoreBinding(target, current),
      ...changes,
      ...target.apis.flatMap((api) => giveBackToApi(api, current, before, set)),
      ...giveBackIpThrottling(set, current),
      ...actions.flatMap(({ changes: own }) => own),
      ...current.clients.flatMap((client) => giveBackToClient(client, target, before)),
    ],
    caveats: [...caveats, ...actions.flatMap(({ caveats: own }) => own)],
  };
}

/** The tenant without the deployment. */
export function withoutOurs(current: TenantState): TenantState {
  const ids = new Set(current.actions.map(({ id }) => id));
  return {
    ...current,
    actions: [],
    apis: [],
    clients: [],
    bindings: current.bindings.filter(({ actionId }) => !ids.has(actionId)),
    profile: undefined,
    mark: undefined,
    ipThrottling: undefined,
  };
}
