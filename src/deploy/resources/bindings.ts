import type { Management } from "auth0";

import { ApiKeysError } from "../../core/errors.ts";
import type { BindingPosition, Change, Effect } from "../change.ts";
import type { Desired } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import { actionFor, type BindingState, type TenantState } from "../tenant-state.ts";

const PAGE = 100;
const TRIGGER = "post-login";

/** Reads which Actions are bound to post-login, in their order. Needs `read:actions`. */
export async function readBindings(api: ManagementApi): Promise<BindingState[]> {
  return api.ask("read the bindings of post-login", async () => {
    const all: BindingState[] = [];
    for await (const binding of await api.client.actions.triggers.bindings.list(TRIGGER, {
      per_page: PAGE,
    })) {
      all.push({
        id: binding.id ?? "",
        actionId: binding.action?.id ?? "",
        displayName: binding.display_name ?? "",
      });
    }
    return all;
  });
}

/** Whether our Action is bound, and where it shall be. */
export function planBinding({ actionNames, postLoginPosition }: Desired, current: TenantState): Change[] {
  const name = actionNames[TRIGGER];
  const ours = actionFor(current, TRIGGER);
  const bindings = withoutNeighbours(current.bindings, current);
  const at = bindings.findIndex(({ actionId }) => actionId === ours?.id);
  const wanted = postLoginPosition === "first" ? 0 : bindings.length - 1;
  if (at !== -1 && at === wanted) return [];
  const others = current.bindings.length - (at === -1 ? 0 : 1);
  const why = [
    `${at === -1 ? "is not bound" : `is bound as number ${at + 1}`}; ${postLoginPosition} of ${others + 1}, the others stay as they are`,
  ];
  const effect: Effect = { kind: "bind", position: postLoginPosition };
  return [{ sign: at === -1 ? "+" : "~", what: `binding of ${name}`, why, effect }];
}

/** The bindings without those of other deployments: each leaves the others' tokens alone, in whatever order they run. */
export function withoutNeighbours(
  bindings: readonly BindingState[],
  { neighbours }: TenantState,
): readonly BindingState[] {
  const theirs = new Set(neighbours.flatMap(({ actionIds }) => actionIds));
  return bindings.filter(({ actionId }) => !theirs.has(actionId));
}

/** Unbinds our Action where it was not bound, or puts it back behind those that it stood behind. */
export function restoreBinding(target: TenantState, current: TenantState): Change[] {
  const ours = actionFor(current, TRIGGER);
  if (!ours) return [];
  const idsOf = ({ bindings }: TenantState) => bindings.map(({ actionId }) => actionId);
  const ahead = (ids: readonly string[]) =>
    ids.includes(ours.id) ? ids.slice(0, ids.indexOf(ours.id)) : undefined;
  const [idsBefore, idsNow] = [idsOf(target), idsOf(current)];
  const [before, now] = [ahead(idsBefore), ahead(idsNow)];
  const what = `binding of ${ours.name}`;
  if (!before) {
    if (!now) return [];
    const effect: Effect = { kind: "unbind", actionId: ours.id };
    return [{ sign: "-", what, why: ["was not bound before"], effect }];
  }
  // What others bound or unbound since moves nothing.
  const isKept = (id: string) => idsNow.includes(id) && idsBefore.includes(id);
  const [stood, stands] = [before, now ?? []].map((ids) => ids.filter(isKept).toSorted().join(" "));
  if (now && stood === stands) return [];
  const effect: Effect = { kind: "bind", position: { behind: before } };
  return [{ sign: now ? "~" : "+", what, why: ["where it stood before"], effect }];
}

/**
 * Binds an Action at a place and keeps every other binding in its order. Auth0 replaces the list as a whole and has no
 * concurrency control: the list is read right before, and compared right after. Throws `bindings_conflict`.
 */
export async function bind(
  api: ManagementApi,
  actionId: string,
  name: string,
  position: BindingPosition,
): Promise<void> {
  const others = (await readBindings(api)).filter((one) => one.actionId !== actionId);
  const at =
    position === "first"
      ? 0
      : position === "last"
        ? others.length
        : others.findLastIndex((one) => position.behind.includes(one.actionId)) + 1;
  const ours = { id: "", actionId, displayName: name };
  await replace(api, [...others.slice(0, at), ours, ...others.slice(at)]);
}

/** Takes an Action out of the bindings, if it is in them. */
export async function unbind(api: ManagementApi, actionId: string): Promise<void> {
  const bindings = await readBindings(api);
  const others = bindings.filter((one) => one.actionId !== actionId);
  if (others.length < bindings.length) await replace(api, others);
}

async function replace(api: ManagementApi, wanted: readonly BindingState[]): Promise<void> {
  const bindings: Management.ActionBindingWithRef[] = wanted.map(({ id, actionId, displayName }) => ({
    ref: id === "" ? { type: "action_id", value: actionId } : { type: "binding_id", value: id },
    display_name: displayName,
  }));
  await api.ask("bind Actions to post-login", () =>
    api.client.actions.triggers.bindings.updateMany(TRIGGER, { bindings }),
  );
  const order = (all: readonly BindingState[]) => all.map(({ actionId }) => actionId).join(" ");
  if (order(await readBindings(api)) === order(wanted)) return;
  throw new ApiKeysError(
    "bindings_conflict",
    "Somebody else changed the bindings of post-login at the same time.",
    "Look at them in the Auth0 dashboard, then run the same command again.",
  );
}
