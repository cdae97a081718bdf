import type { Tenant } from "../tenant.ts";
import {
  buildStatus,
  isAllDeployed,
  visibleVersion,
  type ActionSecret,
  type ActionState,
  type VersionState,
} from "./action-state.ts";

const TRIGGER_VERSIONS = { "custom-token-exchange": "v1", "post-login": "v3" } as const;

/** An Action as the Management API shows it: secrets by their names. */
export function presentAction(tenant: Tenant, action: ActionState): object {
  const { code, dependencies, runtime, secrets } = action.draft;
  const version = visibleVersion(tenant, action);
  return {
    ...head(tenant, action),
    code,
    dependencies,
    runtime,
    status: buildStatus(tenant, action),
    secrets: namesOf(secrets),
    ...(version && { deployed_version: presentVersion(tenant, action, version) }),
  };
}

/** A version as the Management API shows it. `deployed` is true once it shows as the deployed one. */
export function presentVersion(tenant: Tenant, action: ActionState, version: VersionState): object {
  const { id, code, dependencies, runtime, secrets, number, status, errors, created_at } = version;
  return {
    id,
    action_id: action.id,
    code,
    dependencies,
    runtime,
    secrets: namesOf(secrets),
    number,
    status,
    ...(errors.length > 0 && { errors }),
    deployed: visibleVersion(tenant, action)?.id === id,
    created_at,
    updated_at: created_at,
    ...(status === "built" && { built_at: created_at }),
    supported_triggers: triggersOf(action),
    action: { ...head(tenant, action), all_changes_deployed: false },
  };
}

/** An Action within a binding, where `all_changes_deployed` is always false. */
export function presentBound(tenant: Tenant, action: ActionState): object {
  return { ...presentAction(tenant, action), all_changes_deployed: false };
}

function head(tenant: Tenant, action: ActionState): object {
  const { id, name, created_at, updated_at } = action;
  const supported_triggers = triggersOf(action);
  const all_changes_deployed = isAllDeployed(tenant, action);
  return { id, name, supported_triggers, created_at, updated_at, all_changes_deployed };
}

function triggersOf({ trigger }: ActionState): object[] {
  return [{ id: trigger, version: TRIGGER_VERSIONS[trigger] }];
}

/** Auth0 gives them in another order than they were sent in. */
function namesOf(secrets: readonly ActionSecret[]): object[] {
  return secrets.map(({ name, updated_at }) => ({ name, updated_at })).toReversed();
}
