import { ApiKeysError } from "../core/errors.ts";
import { TRIGGERS, type Trigger } from "./bundle.ts";
import type { Change, Effect } from "./change.ts";
import type { DesiredAction, DesiredActions } from "./desired.ts";
import type { ManagementApi } from "./management-api.ts";
import { createAction, deleteAction, updateAction } from "./resources/actions.ts";
import { createApi, deleteApi, updateApi } from "./resources/apis.ts";
import { bind, unbind } from "./resources/bindings.ts";
import { disableClient, enableClient } from "./resources/clients.ts";
import { deployDraft, deployVersion } from "./resources/deploy-action.ts";
import { setIpThrottling } from "./resources/ip-throttling.ts";
import { createProfile, deleteProfile, updateProfile } from "./resources/profile.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

/** Who is told about each change: before it is begun, and once it is done, or was refused and had no effect. */
export interface Watcher {
  begun(change: Change, number: number, of: number): Promise<void>;
  done(change: Change): Promise<void>;
  refused(change: Change): Promise<void>;
}

/** The Actions that changes may be about: their names, and what they are made of where one is to be deployed. */
export interface ActionsAtHand {
  readonly names: Readonly<Record<Trigger, string>>;
  readonly actions: DesiredActions | undefined;
}

/** Carries out changes one by one. The first failure ends it; the same changes planned anew go on from there. */
export async function carryOut(
  api: ManagementApi,
  changes: readonly Change[],
  at: ActionsAtHand,
  current: TenantState,
  watcher: Watcher,
): Promise<void> {
  const ids: Partial<Record<Trigger, string>> = {};
  for (const trigger of TRIGGERS) {
    const action = actionFor(current, trigger);
    if (action) ids[trigger] = action.id;
  }
  for (const [index, change] of changes.entries()) {
    await watcher.begun(change, index + 1, changes.length);
    try {
      await carryOutOne(api, change.effect, at, ids);
    } catch (error) {
      if (error instanceof ApiKeysError && error.code === "management_refused") await watcher.refused(change);
      throw error;
    }
    await watcher.done(change);
  }
}

async function carryOutOne(
  api: ManagementApi,
  effect: Effect,
  at: ActionsAtHand,
  ids: Partial<Record<Trigger, string>>,
): Promise<void> {
  switch (effect.kind) {
    case "create_api":
      return createApi(api, effect);
    case "update_api":
      return updateApi(api, effect);
    case "delete_api":
      return deleteApi(api, effect);
    case "create_action": {
      const action = made(at, effect.trigger);
      const id = await createAction(api, action);
      ids[effect.trigger] = id;
      return deployDraft(api, id, action.name);
    }
    case "update_action": {
      const action = made(at, effect.trigger);
      await updateAction(api, effect.actionId, action);
      return deployDraft(api, effect.actionId, action.name);
    }
    case "deploy_version":
      return deployVersion(api, effect.actionId, effect.versionId, at.names[effect.trigger]);
    case "delete_action":
      return deleteAction(api, effect.actionId);
    case "bind":
      return bind(api, ids["post-login"] ?? "", at.names["post-login"], effect.position);
    case "unbind":
      return unbind(api, effect.actionId);
    case "create_profile":
      return createProfile(api, { ...effect, actionId: exchangeAction(ids) });
    case "update_profile":
      return updateProfile(api, effect);
    case "replace_profile":
      await deleteProfile(api, effect.id);
      return createProfile(api, { ...effect, actionId: exchangeAction(ids) });
    case "delete_profile":
      return deleteProfile(api, effect.id);
    case "enable_client":
      return enableClient(api, effect.clientId);
    case "disable_client":
      return disableClient(api, effect.clientId, effect.keepsList);
    case "set_ip_throttling":
      return setIpThrottling(api, effect.stage);
  }
}

function made({ actions }: ActionsAtHand, trigger: Trigger): DesiredAction {
  if (actions) return actions[trigger];
  throw new TypeError(`no code for the Action of "${trigger}"`);
}

function exchangeAction(ids: Partial<Record<Trigger, string>>): string {
  return ids["custom-token-exchange"] ?? "";
}
