import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Trigger } from "../actions/deployed-action.ts";
import { deployAction } from "../actions/run-action.ts";
import type { Tenant } from "../tenant.ts";

/** A secret of an Action: its value never leaves the tenant. */
export interface ActionSecret {
  readonly name: string;
  readonly value: string;
  readonly updated_at: string;
}

/** What of an Action is built and deployed together. */
export interface ActionSource {
  readonly code: string;
  readonly dependencies: readonly { readonly name: string; readonly version: string }[];
  readonly runtime: string;
  readonly secrets: readonly ActionSecret[];
}

/** A version of an Action: what was deployed once, or a build that failed. */
export interface VersionState extends ActionSource {
  readonly id: string;
  readonly number: number;
  readonly status: "built" | "failed";
  readonly errors: readonly { readonly id: string; readonly msg: string; readonly url: string }[];
  readonly created_at: string;
}

/** An Action as the Management API knows it: a draft, and the versions that were made of it. */
export interface ActionState {
  readonly id: string;
  readonly name: string;
  readonly trigger: Trigger;
  readonly created_at: string;
  readonly updated_at: string;
  readonly draft: ActionSource;
  readonly buildStartedAtMs: number;
  /** In the order of their numbers. */
  readonly versions: readonly VersionState[];
  /** The version that runs, the one that ran before it, and when the change shows. */
  readonly deployed?: {
    readonly version: VersionState;
    readonly before: VersionState | undefined;
    readonly visibleAtMs: number;
    /** Whether the draft has changed since. */
    readonly isDraft: boolean;
  };
}

/** Stages of a build, as Auth0 names them. */
export type BuildStatus = "pending" | "building" | "built" | "failed";

const here = createRequire(import.meta.url);

/** How far the build of the draft is. A build passes through `pending` and `building`, and never comes back. */
export function buildStatus(tenant: Tenant, { draft, buildStartedAtMs }: ActionState): BuildStatus {
  const { buildMs, buildWithDependenciesMs } = tenant.actionTimes;
  const total = draft.dependencies.length > 0 ? buildWithDependenciesMs : buildMs;
  const elapsed = tenant.nowMs() - buildStartedAtMs;
  if (elapsed >= total) return buildProblem(draft) === undefined ? "built" : "failed";
  return elapsed < total / 3 ? "pending" : "building";
}

/** The version that the Management API shows as deployed: a new one only after a while. */
export function visibleVersion(tenant: Tenant, { deployed }: ActionState): VersionState | undefined {
  if (!deployed) return undefined;
  return tenant.nowMs() >= deployed.visibleAtMs ? deployed.version : deployed.before;
}

/** Whether the deployed version shows, and is what the draft is. */
export function isAllDeployed(tenant: Tenant, { deployed }: ActionState): boolean {
  return deployed?.isDraft === true && tenant.nowMs() >= deployed.visibleAtMs;
}

/** Changes the draft, which starts its build anew and leaves the deployed version alone. */
export function changeDraft(tenant: Tenant, action: ActionState, change: Partial<ActionSource>): ActionState {
  return keep(tenant, {
    ...action,
    draft: { ...action.draft, ...change },
    buildStartedAtMs: tenant.nowMs(),
    updated_at: tenant.nowIso(),
    ...(action.deployed && { deployed: { ...action.deployed, isDraft: false } }),
  });
}

/** Makes a version of a source and runs it from now on. */
export function deploySource(
  tenant: Tenant,
  action: ActionState,
  source: ActionSource,
  isDraft: boolean,
): VersionState {
  const version = newVersion(tenant, action, source);
  keep(tenant, {
    ...action,
    versions: [...action.versions, version],
    deployed: {
      version,
      before: visibleVersion(tenant, action),
      visibleAtMs: tenant.nowMs() + tenant.actionTimes.deployLagMs,
      isDraft,
    },
  });
  const secrets = Object.fromEntries(source.secrets.map(({ name, value }) => [name, value]));
  const { id, name, trigger } = action;
  const { code, dependencies } = source;
  tenant.actions.set(id, deployAction({ id, name, trigger, code, dependencies, secrets }));
  return version;
}

/** The action with the version of a failed build in its list, where Auth0 tells the reason. */
export function recordFailedBuild(tenant: Tenant, action: ActionState): ActionState {
  const problem = buildProblem(action.draft);
  const last = action.versions.at(-1);
  const isRecorded = last?.status === "failed" && last.created_at === action.updated_at;
  if (buildStatus(tenant, action) !== "failed" || problem === undefined || isRecorded) return action;
  const failed: VersionState = {
    ...newVersion(tenant, action, action.draft),
    status: "failed",
    errors: [{ id: "install_failed", msg: problem, url: "https://auth0.com/docs/customize/actions" }],
    created_at: action.updated_at,
  };
  return keep(tenant, { ...action, versions: [...action.versions, failed] });
}

/** An Action that is made now, its draft not yet built. */
export function newAction(
  tenant: Tenant,
  given: Pick<ActionState, "name" | "trigger"> & { readonly draft: ActionSource },
): ActionState {
  const now = tenant.nowIso();
  const id = crypto.randomUUID();
  const buildStartedAtMs = tenant.nowMs();
  return keep(tenant, { ...given, id, created_at: now, updated_at: now, buildStartedAtMs, versions: [] });
}

function newVersion(tenant: Tenant, { versions }: ActionState, source: ActionSource): VersionState {
  return {
    ...source,
    id: crypto.randomUUID(),
    number: (versions.at(-1)?.number ?? 0) + 1,
    status: "built",
    errors: [],
    created_at: tenant.nowIso(),
  };
}

/** The local tenant runs what is installed beside it: another package, or another version, is none that npm has. */
function buildProblem({ dependencies }: ActionSource): string | undefined {
  for (const { name, version } of dependencies) {
    const file = here.resolve
      .paths(name)
      ?.map((folder) => `${folder}/${name}/package.json`)
      .find((path) => existsSync(path));
    const installed = file && (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
    if (installed !== version) return `No matching version found for ${name}@${version}.`;
  }
  return undefined;
}

function keep(tenant: Tenant, action: ActionState): ActionState {
  tenant.actionStates.set(action.id, action);
  return action;
}
