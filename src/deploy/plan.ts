import type { Change } from "./change.ts";
import type { Desired, DesiredActions } from "./desired.ts";
import { planAction } from "./resources/actions.ts";
import { planApi } from "./resources/apis.ts";
import { planBinding } from "./resources/bindings.ts";
import { planClient } from "./resources/clients.ts";
import { planIpThrottling } from "./resources/ip-throttling.ts";
import { planProfile } from "./resources/profile.ts";
import type { TenantState } from "./tenant-state.ts";

/**
 * The changes that turn a tenant into what is desired, in the order in which they are safe: nothing is named before it
 * is there, no exchange is possible before the Action that narrows its token is bound, and post-login comes before the
 * exchange whose tokens it must understand. Nothing to do gives none.
 *
 * @param recorded how the last deployment left the tenant, if that is known: it betrays a secret that somebody changed
 *   by hand, which cannot be read back.
 */
export function plan(
  desired: Desired,
  actions: DesiredActions,
  current: TenantState,
  recorded?: TenantState,
): readonly Change[] {
  return [
    ...desired.apis.flatMap((api) => planApi(api, current)),
    ...planAction(actions["post-login"], current, recorded),
    ...planAction(actions["custom-token-exchange"], current, recorded),
    ...planBinding(desired, current),
    ...planProfile(desired, current),
    ...desired.clients.flatMap((clientId) => planClient(clientId, current)),
    ...planIpThrottling(desired, current),
  ];
}
