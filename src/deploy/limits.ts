import { ApiKeysError } from "../core/errors.ts";
import type { Desired } from "./desired.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

const MAX_ACTIONS = 100;
const MAX_PROFILES = 100;
const MAX_BINDINGS = 20;

/** A limit of the tenant: how much of it there is, and how much more is needed. */
export interface Limit {
  readonly what: string;
  readonly has: number;
  readonly needs: number;
  readonly most: number;
}

/** The tenant's limits that an application comes up against. */
export function limitsOf(desired: Desired, current: TenantState): readonly Limit[] {
  const { counts, bindings, profile } = current;
  const names = Object.values(desired.actionNames);
  const login = actionFor(current, "post-login");
  const isBound = bindings.some(({ actionId }) => actionId === login?.id);
  return [
    { what: "Actions", has: counts.actions, needs: names.length - current.actions.length, most: MAX_ACTIONS },
    { what: "token exchange profiles", has: counts.profiles, needs: profile ? 0 : 1, most: MAX_PROFILES },
    { what: "post-login bindings", has: bindings.length, needs: isBound ? 0 : 1, most: MAX_BINDINGS },
  ];
}

/** Whether there is no room. */
export function isExceeded({ has, needs, most }: Limit): boolean {
  return needs > 0 && has + needs > most;
}

/** Throws `limit_exceeded` for what the tenant would refuse half way through an application. */
export function refuseExceeded(desired: Desired, current: TenantState): void {
  const full = limitsOf(desired, current).filter(isExceeded);
  if (full.length === 0) return;
  throw new ApiKeysError(
    "limit_exceeded",
    `The tenant has no room: ${full.map(({ what, has, most }) => `${has} of ${most} ${what}`).join(", ")}.`,
    "Nothing was changed. Remove what is not used in the Auth0 dashboard, then apply again.",
  );
}
