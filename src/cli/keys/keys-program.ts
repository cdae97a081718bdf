import { Command } from "commander";

import type { Io } from "../io.ts";
import { runProgram } from "../run-program.ts";
import { commandKit } from "./command-kit.ts";
import { addCreateCommand } from "./create-command.ts";
import { addImportCommand } from "./import-command.ts";
import { addLifeCommands } from "./life-commands.ts";
import { addListCommand } from "./list-command.ts";
import { addOfflineCommands } from "./offline-commands.ts";
import { addRevokeCommand } from "./revoke-command.ts";
import { addRotateCommand } from "./rotate-command.ts";
import { addPepperCommand } from "./pepper-command.ts";
import { addReconcileCommand } from "./reconcile-command.ts";
import { addStoreCommands } from "./store-commands.ts";
import { addTransferCommand } from "./transfer-command.ts";

/** Runs `keys` with these arguments. Gives the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runKeys(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  const program = new Command("keys").description(
    "Make, show and revoke API keys of Auth0 users: those of one deployment, by name in deploy.config.ts.",
  );
  const kit = commandKit(program, io);
  addCreateCommand(kit);
  addListCommand(kit);
  addLifeCommands(kit);
  addRotateCommand(kit);
  addRevokeCommand(kit);
  addStoreCommands(kit);
  addReconcileCommand(kit);
  addTransferCommand(kit);
  addImportCommand(kit);
  addPepperCommand(kit);
  addOfflineCommands(kit);
  const code = await runProgram(program, argv, io);
  const log = kit.unwrittenLog();
  if (log === undefined) return code;
  io.stderr(
    `error: The audit log ${log} could not be written. What was done is done, and its lines stand above.\nfix:   Make room there, and add these lines to it.\n`,
  );
  return 1;
}
