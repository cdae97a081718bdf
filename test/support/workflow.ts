import { readFile } from "node:fs/promises";

import { parse } from "yaml";

/** A step of a GitHub Actions workflow, as far as tests look at it. */
export interface Step {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly shell?: string;
}

interface Defaults {
  readonly run?: { readonly shell?: string };
}

/** A job of one. */
export interface Job {
  readonly if: string;
  readonly environment: string;
  readonly permissions?: unknown;
  readonly concurrency: { readonly group: string };
  readonly env: Readonly<Record<string, string>>;
  readonly defaults?: Defaults;
  readonly steps: readonly Step[];
}

/** A GitHub Actions workflow. */
export interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly concurrency?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly defaults?: Defaults;
  readonly jobs: Readonly<Record<"plan" | "apply", Job>>;
}

/** Where a value stands in a document, and what it is. */
export type Leaf = readonly [path: string, value: string];

export async function readWorkflow(file: string): Promise<Workflow> {
  return parse(await readFile(file, "utf8")) as Workflow;
}

/** Every scalar of a document. */
export function leavesOf(value: unknown, path = ""): readonly Leaf[] {
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one, path === "" ? key : `${path}.${key}`));
}

/** The arguments of the `deploy` that a step runs; of none, if it runs none. */
export function deployArguments({ run = "" }: Step): readonly string[] {
  return /^npm run --silent deploy -- ([^|\n]+)/m.exec(run)?.[1]?.trim().split(" ") ?? [];
}

/** How GitHub runs a step's script. Its shell has `pipefail` only where it is named. */
export function shellOf(workflow: Workflow, job: Job, step: Step): readonly string[] {
  const named = step.shell ?? job.defaults?.run?.shell ?? workflow.defaults?.run?.shell;
  if (named === undefined) return ["bash", "-e"];
  return named === "bash" ? ["bash", "--noprofile", "--norc", "-eo", "pipefail"] : [named, "-e"];
}
