import {
  changeDraft,
  deploySource,
  newAction,
  type ActionState,
} from "../../../src/local/management/action-state.ts";
import { newResourceServer } from "../../../src/local/management/resource-servers.ts";
import type { Tenant } from "../../../src/local/tenant.ts";
import type { ResourceServer } from "../../../src/local/tenant-objects.ts";

/** Code of an Action that is not ours. */
export const THEIRS = "exports.onExecutePostLogin = async () => {};";

/** What a person does in the dashboard, or another tool: past the Management API, at once. */
export class Hand {
  constructor(private readonly tenant: Tenant) {}

  /** Makes an API, or changes one. */
  api(identifier: string, change: Partial<ResourceServer> = {}): void {
    const before =
      this.tenant.resourceServers.get(identifier) ??
      newResourceServer(this.tenant, identifier, { name: "Theirs", scopes: [] });
    this.tenant.resourceServers.set(identifier, { ...before, ...change });
  }

  deleteApi(identifier: string): void {
    this.tenant.resourceServers.delete(identifier);
  }

  addScope(identifier: string, scope: string, description = "By hand"): void {
    const { scopes, scope_descriptions } = this.apiOf(identifier);
    this.api(identifier, {
      scopes: [...scopes.filter((one) => one !== scope), scope],
      scope_descriptions: { ...scope_descriptions, [scope]: description },
    });
  }

  removeScope(identifier: string, scope: string): void {
    const { scopes, scope_descriptions } = this.apiOf(identifier);
    const { [scope]: _, ...others } = scope_descriptions ?? {};
    this.api(identifier, { scopes: scopes.filter((one) => one !== scope), scope_descriptions: others });
  }

  describeScope(identifier: string, scope: string, description: string): void {
    const { scope_descriptions } = this.apiOf(identifier);
    this.api(identifier, { scope_descriptions: { ...scope_descriptions, [scope]: description } });
  }

  /** Makes an Action and deploys it. */
  makeAction(name: string, trigger: ActionState["trigger"], code = THEIRS): string {
    const draft = { code, dependencies: [], runtime: "node22", secrets: [] };
    const action = newAction(this.tenant, { name, trigger, draft });
    deploySource(this.tenant, action, draft, true);
    return action.id;
  }

  /** Writes other code, and other secrets, into an Action, and deploys that. */
  deploy(name: string, change: Partial<ActionState["draft"]>): void {
    const changed = changeDraft(this.tenant, this.action(name), change);
    deploySource(this.tenant, changed, changed.draft, true);
  }

  /** Writes into the draft alone. */
  draft(name: string, change: Partial<ActionState["draft"]>): void {
    changeDraft(this.tenant, this.action(name), change);
  }

  /** Sets a secret beside the others, and deploys that. */
  setSecret(name: string, secret: string, value: string): void {
    const others = this.action(name).draft.secrets.filter((one) => one.name !== secret);
    this.deploy(name, { secrets: [...others, this.secret(secret, value)] });
  }

  secret(name: string, value: string): ActionState["draft"]["secrets"][number] {
    return { name, value, updated_at: this.tenant.nowIso() };
  }

  /** As a run leaves an Action that ends before it is deployed. */
  neverDeployed(name: string): void {
    const { deployed: _, ...action } = this.action(name);
    this.tenant.actionStates.set(action.id, { ...action, versions: [] });
    this.tenant.actions.delete(action.id);
  }

  /** Puts another tenant's code into an Action, as tools do that copy tenants. */
  copyFromElsewhere(name: string): void {
    const { code } = this.action(name).draft;
    this.deploy(name, { code: code.replaceAll('"tenant":"localhost"', '"tenant":"elsewhere.auth0.com"') });
  }

  /** Takes the mark out of the code of Actions, as versions made them that wrote none. */
  unmark(beginning: string): void {
    for (const { name, draft } of this.tenant.actionStates.values()) {
      if (!name.startsWith(beginning)) continue;
      this.deploy(name, { code: draft.code.replace(/^\/\/ deployment: .*\n/m, "") });
    }
  }

  /** Makes Actions, until there are so many. */
  fillActions(count: number): void {
    while (this.tenant.actionStates.size < count) {
      this.makeAction(`theirs-${this.tenant.actionStates.size}`, "post-login");
    }
  }

  /** Binds Actions to post-login, until there are so many. */
  fillBindings(count: number): void {
    while (this.tenant.postLoginBindings.length < count) {
      const name = `bound-${this.tenant.postLoginBindings.length}`;
      this.makeAction(name, "post-login");
      this.bind(name);
    }
  }

  /** Makes profiles, until there are so many. */
  fillProfiles(count: number): void {
    while (this.tenant.profiles.size < count) {
      this.makeProfile(`urn:theirs:${this.tenant.profiles.size}`, "legacy");
    }
  }

  renameAction(name: string, to: string): void {
    const action = this.action(name);
    this.tenant.actionStates.set(action.id, { ...action, name: to });
  }

  /** Deletes an Action with its bindings; its profiles stay, and name nothing. */
  deleteAction(name: string): void {
    const { id } = this.action(name);
    this.unbind(name);
    this.tenant.actionStates.delete(id);
    this.tenant.actions.delete(id);
  }

  /** Binds an Action to post-login at a place, or puts it there. Default: last. */
  bind(name: string, place = Infinity): void {
    const { id } = this.action(name);
    const bound = this.tenant.postLoginBindings;
    const at = bound.findIndex(({ action_id }) => action_id === id);
    const [before] = at === -1 ? [] : bound.splice(at, 1);
    const binding = before ?? {
      id: crypto.randomUUID(),
      action_id: id,
      display_name: name,
      created_at: this.tenant.nowIso(),
    };
    bound.splice(Math.min(place, bound.length), 0, binding);
  }

  unbind(name: string): void {
    const { id } = this.action(name);
    const at = this.tenant.postLoginBindings.findIndex(({ action_id }) => action_id === id);
    if (at !== -1) this.tenant.postLoginBindings.splice(at, 1);
  }

  /** Makes a profile for an Action, by its name or its id. */
  makeProfile(subject_token_type: string, action: string, name = "Theirs"): void {
    const now = this.tenant.nowIso();
    const id = this.tenant.newId("tep_");
    const isId = this.tenant.actionStates.has(action);
    const action_id = isId ? action : this.action(action).id;
    const times = { created_at: now, updated_at: now };
    const type = "custom_authentication" as const;
    this.tenant.profiles.set(id, { id, name, type, subject_token_type, action_id, ...times });
  }

  profile(type: string, change: { readonly name?: string; readonly subject_token_type?: string }): void {
    const before = this.profileOf(type);
    this.tenant.profiles.set(before.id, { ...before, ...change });
  }

  deleteProfile(type: string): void {
    this.tenant.profiles.delete(this.profileOf(type).id);
  }

  /** Sets what types of profiles a client may use; `undefined` takes the list away. */
  client(clientId: string, types: readonly string[] | undefined): void {
    const client = this.tenant.clients.get(clientId);
    if (!client) throw new Error(`no client ${clientId}`);
    const { token_exchange: _, ...rest } = client;
    const list = types && { token_exchange: { allow_any_profile_of_type: types } };
    this.tenant.clients.set(clientId, { ...rest, client_id: clientId, ...list });
  }

  changeClient(clientId: string, change: Readonly<Record<string, unknown>>): void {
    const client = this.tenant.clients.get(clientId);
    if (client) this.tenant.clients.set(clientId, { ...client, ...change });
  }

  deleteClient(clientId: string): void {
    this.tenant.clients.delete(clientId);
  }

  throttle(max_attempts: number, rate: number): void {
    const { ipThrottling } = this.tenant;
    const stage = { ...ipThrottling.stage, "pre-custom-token-exchange": { max_attempts, rate } };
    this.tenant.ipThrottling = { ...ipThrottling, stage };
  }

  /** What else another tool may set meanwhile: other stages of the throttling, and its allowlist. */
  throttleElsewhere(): void {
    const { ipThrottling } = this.tenant;
    const stage = { ...ipThrottling.stage, "pre-login": { max_attempts: 7, rate: 7_000 } };
    this.tenant.ipThrottling = { ...ipThrottling, stage, allowlist: ["192.0.2.7"] };
  }

  private action(name: string): ActionState {
    const found = [...this.tenant.actionStates.values()].find((one) => one.name === name);
    if (found) return found;
    throw new Error(`no Action ${name}`);
  }

  private apiOf(identifier: string): ResourceServer {
    const found = this.tenant.resourceServers.get(identifier);
    if (found) return found;
    throw new Error(`no API ${identifier}`);
  }

  private profileOf(type: string) {
    const found = [...this.tenant.profiles.values()].find((one) => one.subject_token_type === type);
    if (found) return found;
    throw new Error(`no profile ${type}`);
  }
}
