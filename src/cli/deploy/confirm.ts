import { ApiKeysError } from "../../core/errors.ts";
import type { Gone } from "../../deploy/gone.ts";
import type { DeployClock } from "../../deploy/management-api.ts";
import type { Terminal } from "./terminal.ts";

/** Time, and who is there to be asked. */
export interface DeployEnvironment {
  readonly clock: DeployClock;
  readonly terminal: Terminal;
}

/** Whether to go on. Nobody to ask and no --yes is an error: a pipeline must say what it wants. */
export async function confirmed(
  { yes }: { readonly yes?: true },
  question: string,
  { terminal }: DeployEnvironment,
): Promise<boolean> {
  if (yes) return true;
  if (terminal.isInteractive) return terminal.confirm(question);
  throw new ApiKeysError("confirmation_missing", "Nobody is there to confirm the plan.", "Add --yes.");
}

/** Throws `confirmation_missing` unless the domain of the tenant was typed, or given beside --yes: what is removed is gone. */
export async function confirmTenant(
  { yes, tenant: given }: { readonly yes?: true; readonly tenant?: string },
  tenant: string,
  { terminal }: DeployEnvironment,
): Promise<void> {
  const isRight = (text: string | undefined) => text?.trim().toLowerCase() === tenant;
  if (yes) {
    if (isRight(given)) return;
    throw new ApiKeysError(
      "confirmation_missing",
      given === undefined
        ? "What is removed cannot be brought back, and the tenant was not named."
        : `The tenant is ${tenant}, and ${given} was named.`,
      `Nothing was changed. If it is meant, add: --yes --tenant ${tenant}`,
    );
  }
  const fix = `Add --yes --tenant ${tenant}.`;
  if (!terminal.isInteractive) {
    throw new ApiKeysError("confirmation_missing", "Nobody is there to confirm the plan.", fix);
  }
  if (isRight(await terminal.ask(`Type ${tenant} to remove this: `))) return;
  throw new ApiKeysError(
    "confirmation_missing",
    `${tenant} was not typed: nothing was removed.`,
    "If it is meant, run it again.",
  );
}

/** Throws `prefix_unconfirmed` unless each prefix whose keys would be refused was typed, or given beside --drop-prefix. */
export async function confirmPrefixes(
  gone: readonly Gone[],
  given: readonly string[],
  { terminal }: DeployEnvironment,
): Promise<void> {
  for (const one of gone) {
    if (one.kind !== "prefix" || given.includes(one.of)) continue;
    const { of: prefix } = one;
    const question = `Keys with the prefix ${prefix} will be refused. Type ${prefix} to go on: `;
    if (terminal.isInteractive && (await terminal.ask(question)) === prefix) continue;
    throw new ApiKeysError(
      "prefix_unconfirmed",
      `Keys with the prefix ${prefix} would be refused, and nobody confirmed it.`,
      `Nothing was changed. Let them go on working with retiredKeyPrefixes: ["${prefix}"], or add: --drop-prefix ${prefix}`,
    );
  }
}
