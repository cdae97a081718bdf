import { ApiKeysError } from "./errors.ts";
import { nearestOf } from "./nearest.ts";

/** The configurations of several environments, by name. */
export interface Environments<T> {
  readonly environments: Readonly<Record<string, T>>;
}

/**
 * The configuration of one environment. Without environments there is one configuration, and no name to give. Throws
 * `configuration_invalid` for a name that is missing where there are several, or that is not known.
 */
export function configOf<T extends object>(defined: T | Environments<T>, environment?: string): T {
  const given = environment === "" ? undefined : environment;
  if (!("environments" in defined)) {
    if (given === undefined) return defined;
    throw refusal(
      `deploy.config.ts has no environments, and "${given}" was asked for.`,
      "Leave --env and AUTH0_API_KEYS_ENV out, or write: environments: { … }",
    );
  }
  const names = Object.keys(defined.environments);
  if (given === undefined) {
    throw refusal("No environment was named.", `Add --env with one of: ${names.join(", ")}`);
  }
  const found = Object.hasOwn(defined.environments, given) ? defined.environments[given] : undefined;
  if (found) return found;
  const nearest = nearestOf(given, names);
  throw refusal(
    `deploy.config.ts has no environment "${given}".`,
    nearest === undefined ? `It has: ${names.join(", ")}` : `Did you mean --env ${nearest}?`,
  );
}

function refusal(message: string, fix: string): ApiKeysError {
  return new ApiKeysError("configuration_invalid", message, fix);
}
