import type { Management } from "auth0";

import type { DeploymentId } from "../../core/deployment.ts";
import { ApiKeysError } from "../../core/errors.ts";
import { ACTION_MARK, type Trigger } from "../bundle.ts";
import type { Change } from "../change.ts";
import { bodyOf, fingerprintsOf, RUNTIME, type Desired, type DesiredAction } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import { readMark, type DeploymentMark, type Neighbour } from "../mark.ts";
import {
  actionFor,
  hashOfCode,
  type ActionState,
  type DeployedState,
  type SecretState,
  type TenantState,
} from "../tenant-state.ts";

const PAGE = 100;
const TRIGGER_VERSIONS: Readonly<Record<Trigger, string>> = {
  "custom-token-exchange": "v1",
  "post-login": "v3",
};

/** What the Actions of a tenant say: ours, what they say of us, and who else is there. */
export interface ReadActions {
  readonly actions: readonly ActionState[];
  readonly mark: DeploymentMark | undefined;
  readonly neighbours: readonly Neighbour[];
  /** The name of every Action, by its id. */
  readonly names: ReadonlyMap<string, string>;
}

/** Reads the tenant's Actions: ours are found by their names, other deployments' by their marks. Needs `read:actions`. */
export async function readActions(
  api: ManagementApi,
  { actionNames, tenant, name: ourName }: Pick<Desired, "actionNames" | "tenant" | "name">,
): Promise<ReadActions> {
  const listed = await api.ask("list the Actions", async () => {
    const all: Management.Action[] = [];
    for await (const one of await api.client.actions.list({ per_page: PAGE })) all.push(one);
    return all;
  });
  const actions: ActionState[] = [];
  let mark: DeploymentMark | undefined;
  for (const [trigger, name] of Object.entries(actionNames) as [Trigger, string][]) {
    const id = listed.find((one) => one.name === name)?.id;
    if (id === undefined) continue;
    const action = await api.ask(`read the Action ${name}`, () => api.client.actions.get(id));
    actions.push(stateOf(trigger, action, { tenant, name: ourName }));
    if (!isOfTrigger(action, trigger)) continue;
    const said = readMark(action.deployed_version?.code ?? "") ?? readMark(action.code ?? "");
    // Where a run was broken off between them, post-login's, which is deployed first, knows more.
    if (said?.tenant === tenant && said.name === ourName && (!mark || trigger === "post-login")) mark = said;
  }
  const ids = new Set(actions.map(({ id }) => id));
  const neighbours = new Map<string, Neighbour>();
  for (const one of listed) {
    if (ids.has(one.id ?? "")) continue;
    const [running = "", draft = ""] = [one.deployed_version?.code, one.code];
    if ([running, draft].some((code) => code.includes(ACTION_MARK))) {
      const said = readMark(running) ?? readMark(draft);
      const name = said?.name ?? (one.name ?? "").replace(/-(custom-token-exchange|post-login)$/, "");
      const known = neighbours.get(name);
      const actionIds = [...(known?.actionIds ?? []), one.id ?? ""];
      neighbours.set(name, { name, actionIds, mark: known?.mark ?? said });
    }
  }
  return {
    actions,
    mark,
    neighbours: [...neighbours.values()],
    names: new Map(listed.map((one) => [one.id ?? "", one.name ?? ""])),
  };
}

function isOfTrigger(
  { supported_triggers }: Pick<Management.Action, "supported_triggers">,
  trigger: Trigger,
): boolean {
  return supported_triggers?.some(({ id }) => id === trigger) === true;
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
  if (!action.isMarked && !(known?.isMarked && known.id === action.id)) {
    throw new ApiKeysError(
      "action_foreign",
      `There is an Action "${name}" that was not made by this tool.`,
      "Rename it in the Auth0 dashboard, or give this deployment another name in deploy.config.ts.",
    );
  }
  if (action.madeFor !== undefined) {
    throw new ApiKeysError(
      "action_foreign",
      `The Action "${name}" was made for ${action.madeFor}, and copied or renamed.`,
      "Delete it in the Auth0 dashboard, or give this deployment another name in deploy.config.ts.",
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
  // A journal that ends before the code was last deployed knows nothing of what was set with it.
  const isKnown = known?.deployed?.codeHash === deployed.codeHash;
  return [
    ...(deployed.codeHash === desired.codeHash ? [] : codeDifferences(desired, deployed)),
    ...(packages(deployed.dependencies) === packages(desired.dependencies)
      ? []
      : [`npm packages: ${packages(desired.dependencies)}`]),
    ...(deployed.runtime === RUNTIME ? [] : [`runtime ${deployed.runtime} → ${RUNTIME}`]),
    ...(names(deployed.secrets) === names(wanted) ? [] : [`secrets: ${names(wanted)}`]),
    ...changedSecrets(deployed.secrets, isKnown ? known.deployed.secrets : undefined).map(
      (name) => `secret ${name} was set by somebody else`,
    ),
  ];
}

/** What of the code differs: the code itself, secrets by name, or what it says of its deployment. */
function codeDifferences({ code }: DesiredAction, { bodyHash, fingerprints = {} }: DeployedState): string[] {
  const wanted = fingerprintsOf(code);
  const isPepperKept = fingerprints["pepper"] === wanted["pepper"];
  // Under another pepper every fingerprint differs, and says nothing of the other secrets.
  const secrets = Object.keys(wanted).filter((name) =>
    isPepperKept ? fingerprints[name] !== wanted[name] : name === "pepper",
  );
  const isBodyKept = bodyHash === hashOfCode(bodyOf(code));
  const why = [
    ...(isBodyKept ? [] : ["code"]),
    ...secrets.map((name) => (name === "pepper" ? "another current pepper" : `secret ${name} changed`)),
  ];
  return why.length > 0 ? why : ["what it says of its deployment"];
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
function stateOf(
  trigger: Trigger,
  action: Management.GetActionResponseContent,
  { tenant, name }: DeploymentId,
): ActionState {
  const { deployed_version: version } = action;
  const code = action.code ?? "";
  const mark = readMark(version?.code ?? "") ?? readMark(code);
  const isOurs = !mark || (mark.tenant === tenant && mark.name === name);
  return {
    trigger,
    id: action.id ?? "",
    name: action.name ?? "",
    isMarked:
      isOfTrigger(action, trigger) && [code, version?.code ?? ""].some((one) => one.includes(ACTION_MARK)),
    ...(!isOurs && { madeFor: `deployment ${mark.name} of ${mark.tenant}` }),
    draftHash: hashOfCode(code),
    secrets: secretsOf(action.secrets),
    deployed: version && {
      versionId: version.id ?? "",
      number: version.number ?? 0,
      codeHash: hashOfCode(version.code ?? ""),
      bodyHash: hashOfCode(bodyOf(version.code ?? "")),
      fingerprints: fingerprintsOf(version.code ?? ""),
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
