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

/** What the schema found, in our words. A required field whose name was mistyped is one mistake, and not a missing one too. */
export function mistakesOf(issues: readonly v.BaseIssue<unknown>[]): readonly Mistake[] {
  const mistakes = issues.map(mistakeOf);
  const isMistyped = (path: string) => {
    const name = path.split(".").at(-1) ?? "";
    const parent = path.slice(0, path.length - name.length);
    return mistakes.some(
      (other) =>
        other.path.startsWith(parent) &&
        !other.path.slice(parent.length).includes(".") &&
        other.what.endsWith(`; did you mean ${name}?`),
    );
  };
  return mistakes.filter(({ path, what }) => what !== "is missing" || !isMistyped(path));
}

/** It quotes names of fields, and no values. */
function mistakeOf(issue: v.BaseIssue<unknown>): Mistake {
  const path = v.getDotPath(issue) ?? "";
  const where = path === "" ? "the configuration" : path;
  if (issue.kind === "validation") return { path: where, what: issue.message };
  if (issue.expected === "never") return { path: where, what: `is not known${suggestion(path)}` };
  if (issue.received === "undefined") return { path: where, what: "is missing" };
  // These say in their own messages what they take.
  if (issue.type === "picklist" || issue.type === "custom") return { path: where, what: issue.message };
  const expected = NAMES[issue.expected ?? ""] ?? issue.expected ?? "something else";
  return { path: where, what: `must be ${expected}` };
}

/** All mistakes as one error, a line each. */
export function invalidConfiguration(mistakes: readonly Mistake[], file = "deploy.config.ts"): ApiKeysError {
  const lines = [...new Set(mistakes.map(({ path, what }) => `  ${path}: ${what}`))];
  const count = lines.length === 1 ? "a mistake" : `${lines.length} mistakes`;
  return new ApiKeysError(
    "configuration_invalid",
    `${file} has ${count}:\n${lines.join("\n")}`,
    `Correct ${file}: src/deploy/config.ts describes each field.`,
  );
}

/** `; did you mean X?` for a name that is nearly a legal one of the object that it stands in. */
function suggestion(path: string): string {
  const steps = path.split(".").filter((step) => !/^\d+$/.test(step));
  const name = steps.at(-1) ?? "";
  const legal = LEGAL_NAMES[steps.at(-2) ?? ""] ?? [];
  // Its own name is legal elsewhere: environments have none inside.
  const nearest = nearestOf(
    name,
    legal.filter((one) => one !== name),
  );
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}
