import type { Management } from "auth0";

import { ApiKeysError } from "../../core/errors.ts";
import { ACTION_MARK, type Trigger } from "../bundle.ts";
import type { Change } from "../change.ts";
import { RUNTIME, type DesiredAction } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import {
  actionFor,
  hashOfCode,
  type ActionState,
  type SecretState,
  type TenantState,
} from "../tenant-state.ts";

const PAGE = 100;
const TRIGGER_VERSIONS: Readonly<Record<Trigger, string>> = {
  "custom-token-exchange": "v1",
  "post-login": "v3",
};

/** Reads the product's Actions, found by their names. Needs `read:actions`. */
export async function readActions(
  api: ManagementApi,
  names: Readonly<Record<Trigger, string>>,
): Promise<ActionState[]> {
  const found: ActionState[] = [];
  for (const [trigger, name] of Object.entries(names) as [Trigger, string][]) {
    const listed = await api.ask(`list the Actions of ${trigger}`, async () => {
      const all: Management.Action[] = [];
      for await (const one of await api.client.actions.list({ triggerId: trigger, per_page: PAGE }))
        all.push(one);
      return all;
    });
    const id = listed.find((action) => action.name === name)?.id;
    if (id === undefined) continue;
    const action = await api.ask(`read the Action ${name}`, () => api.client.actions.get(id));
    found.push(stateOf(trigger, action));
  }
  return found;
}

/** Compares with the version that runs, and not with the draft. Throws `action_foreign` for one that is not ours. */
export function planAction(
  desired: DesiredAction,
  current: TenantState,
  recorded: TenantState | undefined,
): Change[] {
  const { trigger, name } = desired;
  const what = `Action ${name}`;
  const action = actionFor(current, trigger);
  if (!action) {
    const why = ["does not exist; built, then deployed"];
    return [{ sign: "+", what, why, effect: { kind: "create_action", trigger } }];
  }
  const known = recorded && actionFor(recorded, trigger);
  if (!action.isMarked && known?.id !== action.id) {
    throw new ApiKeysError(
      "action_foreign",
      `There is an Action "${name}" that was not made by this tool.`,
      "Rename it in the Auth0 dashboard, or give this deployment another name in deploy.config.ts.",
    );
  }
  const why = action.deployed ? differences(desired, action, known) : ["is not deployed"];
  if (why.length === 0) return [];
  return [{ sign: "~", what, why, effect: { kind: "update_action", trigger, actionId: action.id } }];
}

function differences(
  desired: DesiredAction,
  { deployed }: ActionState,
  known: ActionState | undefined,
): string[] {
  if (!deployed) return [];
  const names = (secrets: readonly { readonly name: string }[]) =>
    secrets
      .map(({ name }) => name)
      .toSorted()
      .join(" ");
  const packages = (all: DesiredAction["dependencies"]) =>
    all.map(({ name, version }) => `${name}@${version}`).join(" ");
  const wanted = Object.keys(desired.secrets).map((name) => ({ name }));
  return [
    ...(deployed.codeHash === desired.codeHash ? [] : ["code or secrets"]),
    ...(packages(deployed.dependencies) === packages(desired.dependencies)
      ? []
      : [`npm packages: ${packages(desired.dependencies)}`]),
    ...(deployed.runtime === RUNTIME ? [] : [`runtime ${deployed.runtime} → ${RUNTIME}`]),
    ...(names(deployed.secrets) === names(wanted) ? [] : [`secrets: ${names(wanted)}`]),
    ...changedSecrets(deployed.secrets, known?.deployed?.secrets).map(
      (name) => `secret ${name} was set by somebody else`,
    ),
  ];
}

/** Deletes an Action that was not there; else deploys the version that ran. */
export function restoreAction(
  trigger: Trigger,
  target: TenantState,
  current: TenantState,
): { readonly changes: readonly Change[]; readonly caveats: readonly string[] } {
  const [before, now] = [actionFor(target, trigger), actionFor(current, trigger)];
  if (!now) {
    const caveats = before ? [`The Action ${before.name} is gone and cannot be made again.`] : [];
    return { changes: [], caveats };
  }
  const what = `Action ${now.name}`;
  if (!before?.deployed) {
    const effect = { kind: "delete_action", trigger, actionId: now.id } as const;
    return { changes: [{ sign: "-", what, why: ["was not there before"], effect }], caveats: [] };
  }
  const { codeHash, number, runtime, versionId } = before.deployed;
  if (now.deployed?.codeHash === codeHash && now.deployed.runtime === runtime) {
    return { changes: [], caveats: [] };
  }
  if (before.id !== now.id) {
    const caveats = [`The Action ${now.name} was made anew since: its version ${number} is gone.`];
    return { changes: [], caveats };
  }
  const effect = { kind: "deploy_version", trigger, actionId: now.id, versionId } as const;
  const caveat = `The Action ${now.name} gets version ${number}'s own secrets back: if a Redis token or a pepper was replaced since, apply again with the present ones.`;
  return {
    changes: [{ sign: "~", what, why: [`version ${number} again`], effect }],
    caveats: before.deployed.secrets.length > 0 ? [caveat] : [],
  };
}

/** Names of secrets that were set at another time than is known. */
export function changedSecrets(
  secrets: readonly SecretState[],
  known: readonly SecretState[] | undefined,
): readonly string[] {
  if (!known) return [];
  return secrets
    .filter(({ name, updatedAt }) =>
      known.some((before) => before.name === name && before.updatedAt !== updatedAt),
    )
    .map(({ name }) => name);
}

/** Makes an Action, not yet built. Needs `create:actions`. Gives its id. */
export async function createAction(api: ManagementApi, desired: DesiredAction): Promise<string> {
  const { trigger, name } = desired;
  const created = await api.ask(`create the Action ${name}`, () =>
    api.client.actions.create({
      name,
      supported_triggers: [{ id: trigger, version: TRIGGER_VERSIONS[trigger] }],
      ...contentOf(desired),
    }),
  );
  return created.id ?? "";
}

/** Replaces an Action's draft, its whole set of secrets included. Needs `update:actions`. */
export async function updateAction(api: ManagementApi, id: string, desired: DesiredAction): Promise<void> {
  await api.ask(`change the Action ${desired.name}`, () => api.client.actions.update(id, contentOf(desired)));
}

/** Deletes an Action, bound or not. Needs `delete:actions`. */
export async function deleteAction(api: ManagementApi, id: string): Promise<void> {
  await api.find("delete an Action", () => api.client.actions.delete(id, { force: true }));
}

/** An Action of the Management API as a state: hashes for code, names for secrets. */
function stateOf(trigger: Trigger, action: Management.GetActionResponseContent): ActionState {
  const { deployed_version: version } = action;
  const code = action.code ?? "";
  return {
    trigger,
    id: action.id ?? "",
    name: action.name ?? "",
    isMarked: [code, version?.code ?? ""].some((one) => one.includes(ACTION_MARK)),
    draftHash: hashOfCode(code),
    secrets: secretsOf(action.secrets),
    deployed: version && {
      versionId: version.id ?? "",
      number: version.number ?? 0,
      codeHash: hashOfCode(version.code ?? ""),
      dependencies: (version.dependencies ?? []).map((one) => ({
        name: one.name ?? "",
        version: one.version ?? "",
      })),
      runtime: version.runtime ?? "",
      secrets: secretsOf(version.secrets),
    },
  };
}

function secretsOf(secrets: readonly Management.ActionSecretResponse[] | undefined): SecretState[] {
  const all = (secrets ?? []).map(({ name, updated_at }) => ({
    name: name ?? "",
    updatedAt: updated_at ?? "",
  }));
  // Auth0's order is none.
  return all.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function contentOf({ code, dependencies, secrets }: DesiredAction) {
  return {
    code,
    runtime: RUNTIME,
    dependencies: dependencies.map((one) => ({ ...one })),
    secrets: Object.entries(secrets).map(([name, value]) => ({ name, value })),
  };
}
