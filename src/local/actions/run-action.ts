import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";

import { DeployedAction, type ActionVersion } from "./deployed-action.ts";

const TIMEOUT_MS = 20_000;
/** What Auth0 keeps of an Action's console output. */
const KEPT_LOG_CHARACTERS = 256;

/** An Action that threw, took too long, or could not be loaded. Its own error is in `cause`, for tests. */
export class ActionFailure extends Error {
  override readonly name = "ActionFailure";
}

// Executions interleave in one instance: who writes to the console is known by its asynchronous context.
const output = new AsyncLocalStorage<string[]>();
const write = (...values: unknown[]): void => {
  output
    .getStore()
    ?.push(values.map((value) => (typeof value === "string" ? value : inspect(value))).join(" "));
};

/** Makes a version runnable. */
export function deployAction(version: ActionVersion): DeployedAction {
  return new DeployedAction(version, { log: write, info: write, warn: write, error: write, debug: write });
}

/** Runs an Action once. Rejects with {@link ActionFailure}; the caller then looks at the commands of `api`. */
export async function runAction(
  action: DeployedAction,
  event: object,
  api: object,
  onLog: (line: string) => void,
): Promise<void> {
  const lines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("The Action took longer than 20 seconds.")), TIMEOUT_MS);
    });
    await Promise.race([output.run(lines, async () => action.handler()(event, api)), timeout]);
  } catch (cause) {
    throw new ActionFailure(`The Action "${action.version.name}" failed.`, { cause });
  } finally {
    clearTimeout(timer);
    if (lines.length > 0) onLog(`${action.version.name}: ${lines.join("\n").slice(0, KEPT_LOG_CHARACTERS)}`);
  }
}
