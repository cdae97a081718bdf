import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

import { ApiKeysError } from "../core/errors.ts";
import type { Io } from "./io.ts";

/** The variables that a command reads its settings from. */
export interface Variables {
  /** The value of a variable; the empty text where it is not set. Throws `configuration_invalid` for one in quotes. */
  readonly get: (name: string) => string;
  /** What a variable is called for whoever has to set it. */
  readonly nameOf: (name: string) => string;
}

/**
 * The variables of a process; with an environment, its own alone: `NAME__STAGING`, or `NAME` in the file `.env.staging`. One
 * without a suffix belongs to no environment, so that production's pepper in a shell does not reach staging.
 */
export function variablesOf(env: Io["env"], environment?: string): Variables {
  const suffix = environment === undefined ? "" : `__${environment.toUpperCase().replaceAll("-", "_")}`;
  const file = environment === undefined ? {} : readFile(`.env.${environment}`);
  const nameOf = (name: string) =>
    environment === undefined ? name : `${name}${suffix} (or ${name} in .env.${environment})`;
  return {
    nameOf,
    get(name) {
      // A blank or a line's end comes with copying, and is part of no domain, token or pepper.
      const value = (env[`${name}${suffix}`] ?? file[name] ?? file[`${name}${suffix}`] ?? "").trim();
      if (!/^(["']).*\1$/s.test(value)) return value;
      throw new ApiKeysError(
        "configuration_invalid",
        `${nameOf(name)} stands in quotes, which are then part of it.`,
        "Set it without them.",
      );
    },
  };
}

function readFile(file: string): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new ApiKeysError("configuration_invalid", `${file} cannot be read.`, "Make it readable.", error);
  }
}
