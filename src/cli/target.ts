import type { DeployConfig } from "../deploy/config.ts";
import type { Io } from "./io.ts";
import type { Settings } from "./settings.ts";

/** The environment that a command is about: `--env`, else `AUTH0_API_KEYS_ENV`, else none. */
export function environmentOf(
  options: { readonly env?: string },
  { env }: Pick<Io, "env">,
): string | undefined {
  return options.env ?? env["AUTH0_API_KEYS_ENV"];
}

/** What a command is about to work on, as data. */
export function targetOf(
  { name, environment }: Pick<DeployConfig, "name" | "environment">,
  { tenant, redisUrl }: Pick<Settings, "tenant" | "redisUrl">,
): object {
  return { tenant, deployment: name, environment: environment ?? null, store: new URL(redisUrl).host };
}

/** The first line of what a command prints: its tenant, its deployment and its store. */
export function targetLine(
  { name, environment }: Pick<DeployConfig, "name" | "environment">,
  { tenant, redisUrl }: Pick<Settings, "tenant" | "redisUrl">,
): string {
  const of = environment === undefined ? "" : ` (${environment})`;
  return `tenant ${tenant}, deployment ${name}${of}, store ${new URL(redisUrl).host}\n`;
}
