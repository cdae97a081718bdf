import * as v from "valibot";

import { ApiKeysError } from "../core/errors.ts";
import { nearestOf } from "../core/nearest.ts";
import { LEGAL_NAMES } from "./config-schema.ts";

/** Something wrong in a configuration: where, and what. */
export interface Mistake {
  readonly path: string;
  readonly what: string;
}

const NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  Array: "a list",
  Object: "an object",
};

/** A mistake that the schema found, in our words. It quotes names of fields, and no values. */
export function mistakeOf(issue: v.BaseIssue<unknown>): Mistake {
  const path = v.getDotPath(issue) ?? "";
  const where = path === "" ? "the configuration" : path;
  if (issue.kind === "validation") return { path: where, what: issue.message };
  if (issue.expected === "never") return { path: where, what: `is not known${suggestion(path)}` };
  if (issue.received === "undefined") return { path: where, what: "is missing" };
  // A picklist says in its own message what it takes.
  if (issue.type === "picklist") return { path: where, what: issue.message };
  const expected = NAMES[issue.expected ?? ""] ?? issue.expected ?? "something else";
  return { path: where, what: `must be ${expected}` };
}

/** All mistakes as one error, a line each. */
export function invalidConfiguration(mistakes: readonly Mistake[], file = "deploy.config.ts"): ApiKeysError {
  const lines = mistakes.map(({ path, what }) => `  ${path}: ${what}`);
  const count = mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`;
  return new ApiKeysError(
    "configuration_invalid",
    `${file} has ${count}:\n${[...new Set(lines)].join("\n")}`,
    `Correct ${file}: src/deploy/config.ts describes each field.`,
  );
}

/** `; did you mean X?` for a name that is nearly a legal one of the object that it stands in. */
function suggestion(path: string): string {
  const steps = path.split(".").filter((step) => !/^\d+$/.test(step));
  const name = steps.at(-1) ?? "";
  const legal = LEGAL_NAMES[steps.at(-2) ?? ""] ?? [];
  const nearest = nearestOf(name, legal);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}
