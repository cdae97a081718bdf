import { fileJournal, historyOf } from "../../src/deploy/journal.ts";
import type { TenantState } from "../../src/deploy/tenant-state.ts";
import { TENANT } from "./stage.ts";
import type { Tenant } from "../../src/local/tenant.ts";
import type { Database } from "./deployment.ts";

/** Remembers all that a tenant and some databases hold; what it gives brings it back. */
export async function checkpointOf(
  tenant: Tenant,
  databases: readonly Database[],
): Promise<() => Promise<void>> {
  const { users, clients, resourceServers, actions, actionStates, profiles, connections } = tenant;
  // Objects of a tenant are replaced, never changed.
  const maps = [users, clients, resourceServers, actions, actionStates, profiles, connections].map(
    (map: Map<string, unknown>) => [map, [...map]] as const,
  );
  const lists = [tenant.postLoginBindings, tenant.clientGrants].map(
    (list: unknown[]) => [list, [...list]] as const,
  );
  const { ipThrottling } = tenant;
  const stored = await Promise.all(databases.map(itemsOf));
  return async () => {
    for (const [map, items] of maps) {
      for (const key of map.keys()) map.delete(key);
      for (const [key, value] of items) map.set(key, value);
    }
    for (const [list, items] of lists) list.splice(0, list.length, ...items);
    tenant.ipThrottling = ipThrottling;
    for (const [at, database] of databases.entries()) {
      await database.execute(["FLUSHALL"]);
      for (const [key, value, lifeMs] of stored[at] ?? []) {
        await database.execute(["SET", key, value, ...(lifeMs < 0 ? [] : ["PX", String(lifeMs)])]);
      }
    }
  };
}

/** All that a tenant and some databases hold, but ids, times and locks. */
export async function contentOf(tenant: Tenant, databases: readonly Database[]): Promise<object> {
  const actionName = (id: string) => tenant.actionStates.get(id)?.name;
  const source = (one: { readonly code: string; readonly secrets: readonly object[] } | undefined) =>
    one && { ...one, id: "", number: 0, created_at: "", secrets: one.secrets.map(withoutTimes) };
  const stored = await Promise.all(databases.map(itemsOf));
  return {
    actions: [...tenant.actionStates.values()]
      .map(({ name, trigger, draft, deployed }) => ({
        name,
        trigger,
        draft: source(draft),
        deployed: source(deployed?.version),
        runs: tenant.actions.get([...tenant.actionStates.values()].find((one) => one.name === name)?.id ?? "")
          ?.version.code,
      }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    bindings: tenant.postLoginBindings.map(({ action_id, display_name }) => [
      actionName(action_id),
      display_name,
    ]),
    profiles: [...tenant.profiles.values()].map(({ name, subject_token_type, action_id }) => [
      name,
      subject_token_type,
      actionName(action_id),
    ]),
    apis: [...tenant.resourceServers.values()].map((api) => ({ ...api, id: "" })),
    clients: [...tenant.clients.values()],
    ipThrottling: tenant.ipThrottling,
    users: [...tenant.users.values()].map(withoutTimes),
    // Notes for a day say when they were made: a run that waits makes them later.
    databases: stored.map((items) =>
      items.flatMap(([key, value]) => (/^apikey-(given:|unmarked$)/.test(key) ? [] : [[key, value]])),
    ),
  };
}

/** What the journal of a deployment says of now, and where it leads back to, but ids and times. */
export async function waysBack(file: string, name: string): Promise<object> {
  const history = historyOf(await fileJournal({ file, tenant: TENANT, name }).read());
  const { recorded, beforeLast, beforeAll } = history;
  const { made = [], written = [] } = beforeAll ?? {};
  return {
    recorded: told(recorded),
    beforeLast: told(beforeLast),
    beforeAll: told(beforeAll?.before),
    made: [...made],
    written: [...written],
  };
}

function told(state: TenantState | undefined): object | undefined {
  return (
    state && {
      actions: state.actions.map(({ name, deployed }) => [name, deployed?.codeHash]),
      bindings: state.bindings.map(({ displayName }) => displayName),
      profile: state.profile && [state.profile.name, state.profile.subjectTokenType],
      apis: state.apis.map((api) => ({ ...api, id: "" })),
      clients: state.clients,
    }
  );
}

/** What is in a database, in the order of its names, but locks: those that are left run out by themselves. */
async function itemsOf(database: Database): Promise<readonly (readonly [string, string, number])[]> {
  const [, found] = (await database.execute(["SCAN", "0", "COUNT", "100000"])) as [string, string[]];
  const names = found.filter((name) => !name.startsWith("apikey-lock:")).toSorted();
  return Promise.all(
    names.map(
      async (name) =>
        [
          name,
          String(await database.execute(["GET", name])),
          Number(await database.execute(["PTTL", name])),
        ] as const,
    ),
  );
}

function withoutTimes(one: object): object {
  return { ...one, updated_at: "" };
}
