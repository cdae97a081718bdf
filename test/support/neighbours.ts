import { deploySource, newAction, type ActionState } from "../../src/local/management/action-state.ts";
import type { Tenant } from "../../src/local/tenant.ts";
import { CLIENT_ID } from "./stage.ts";

/**
 * What a tenant may hold that is not ours: three post-login Actions, two profiles with their Action, a client grant,
 * and a client that may use profiles of another type already.
 */
export function moveIn(tenant: Tenant): void {
  for (const name of ["enrich", "audit", "redirect"]) {
    const action = install(tenant, name, "post-login", "exports.onExecutePostLogin = async () => {};");
    tenant.postLoginBindings.push({
      id: crypto.randomUUID(),
      action_id: action.id,
      display_name: `${name}!`,
      created_at: tenant.nowIso(),
    });
  }
  const code = "exports.onExecuteCustomTokenExchange = async () => {};";
  const action_id = install(tenant, "legacy", "custom-token-exchange", code).id;
  for (const name of ["First", "Second"]) {
    const id = tenant.newId("tep_");
    const now = tenant.nowIso();
    tenant.profiles.set(id, {
      id,
      name,
      type: "custom_authentication",
      subject_token_type: `urn:legacy:${name.toLowerCase()}`,
      action_id,
      created_at: now,
      updated_at: now,
    });
  }
  tenant.clientGrants.push({ client_id: CLIENT_ID, audience: "https://other.example", scope: ["read:it"] });
  const client = tenant.clients.get(CLIENT_ID);
  if (!client) return;
  const token_exchange = { allow_any_profile_of_type: ["on_behalf_of_token_exchange"] };
  tenant.clients.set(CLIENT_ID, { ...client, token_exchange });
}

function install(tenant: Tenant, name: string, trigger: ActionState["trigger"], code: string): ActionState {
  const draft = { code, dependencies: [], runtime: "node22", secrets: [] };
  const action = newAction(tenant, { name, trigger, draft });
  deploySource(tenant, action, draft, true);
  return action;
}
