import { Command } from "commander";

import { ApiKeysError } from "../../core/errors.ts";
import { apply, planApply, type Planned } from "../../deploy/apply.ts";
import { findDrift } from "../../deploy/drift.ts";
import type { DeployClock } from "../../deploy/management-api.ts";
import { planDestroy, planRollback, undo } from "../../deploy/undo.ts";
import { refuseForeignStore } from "../../keys/init.ts";
import { dropAllKeys, endOfKeys } from "./drop-all-keys.ts";
import { examine } from "./examine.ts";
import type { Io } from "../io.ts";
import { markStore, openDeploying, verifyOpened, type DeployOptions } from "./open-deploying.ts";
import { table } from "../table.ts";
import { planJson, planText } from "./present-plan.ts";
import { runProgram } from "../run-program.ts";
import type { Terminal } from "./terminal.ts";

/** Time, and who is there to be asked. */
export interface DeployEnvironment {
  readonly clock: DeployClock;
  readonly terminal: Terminal;
}

type WritingOptions = DeployOptions & { readonly yes?: true };

/** Runs `deploy`. Gives the exit code: 0 done, 1 failed, 2 wrong usage, 3 something was found (`--exit-code`). */
export async function runDeploy(
  argv: readonly string[],
  io: Io,
  environment: DeployEnvironment,
): Promise<0 | 1 | 2 | 3> {
  let isFound = false;
  const program = deployProgram(io, environment, () => {
    isFound = true;
  });
  const code = await runProgram(program, argv, io);
  return code === 0 && isFound ? 3 : code;
}

function deployProgram(io: Io, { clock, terminal }: DeployEnvironment, onFindings: () => void): Command {
  const program = new Command("deploy").description("Bring API keys to an Auth0 tenant, and take them back.");
  const add = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option("--config <file>", "the deployment's configuration", "deploy.config.ts")
      .option("--journal <file>", "what was done to this tenant (default: .deploy/DOMAIN.jsonl)")
      .option("--json", "print one JSON value")
      .option("--local", "use the running local tenant");
  const addWriting = (name: string, description: string) =>
    add(name, description).option("--yes", "do not ask before writing");
  const open = async (options: DeployOptions) => openDeploying(io, options, clock);
  const print = (options: DeployOptions, value: unknown, text: string) =>
    io.stdout(options.json ? `${JSON.stringify(value)}\n` : text);

  /** Whether to go on. Nobody to ask and no --yes is an error: a pipeline must say what it wants. */
  const confirmed = async (options: WritingOptions, question: string): Promise<boolean> => {
    if (options.yes) return true;
    if (terminal.isInteractive) return terminal.confirm(question);
    throw new ApiKeysError("confirmation_missing", "Nobody is there to confirm the plan.", "Add --yes.");
  };
  const show = (
    options: DeployOptions,
    { changes, caveats }: Planned & { readonly caveats?: readonly string[] },
  ) => io[options.json ? "stderr" : "stdout"](planText(changes, caveats));

  add("plan", "say what apply would change, and write nothing")
    .option("--exit-code", "end with 3 if there are changes")
    .action(async (options: DeployOptions & { readonly exitCode?: true }) => {
      const { changes } = await planApply((await open(options)).deploying);
      print(options, planJson(changes), planText(changes));
      if (options.exitCode && changes.length > 0) onFindings();
    });

  addWriting("apply", "bring the tenant to what deploy.config.ts says, then verify it")
    .option("--no-verify", "do not exchange a throw-away key at the end")
    .action(async (options: WritingOptions & { readonly verify: boolean }) => {
      const opened = await open(options);
      const planned = await planApply(opened.deploying);
      show(options, planned);
      const isAsked = planned.changes.length > 0;
      if (isAsked && !(await confirmed(options, "Apply this?"))) return;
      // An Action with a pepper that the store's marker was not sealed with would refuse every key.
      await refuseForeignStore(opened.keys);
      await apply(opened.deploying, planned);
      await markStore(opened);
      const checks = options.verify && opened.config.verify ? await verifyOpened(opened) : undefined;
      if (options.verify && !checks) io.stderr("Not verified: deploy.config.ts names no user for it.\n");
      if (options.json) print(options, { ...planJson(planned.changes), checks: checks ?? null }, "");
    });

  add("verify", "exchange a throw-away key and look at what comes back").action(
    async (options: DeployOptions) => {
      const checks = await verifyOpened(await open(options));
      print(options, { checks }, `${checks.length} checks passed.\n`);
    },
  );

  add("drift", "say what others changed since the last deployment").action(async (options: DeployOptions) => {
    const drift = await findDrift((await open(options)).deploying);
    const text =
      drift.length === 0 ? "Nothing was changed.\n" : table(drift.map(({ what, how }) => [what, how]));
    print(options, { drift }, text);
  });

  add("doctor", "look for what keeps exchanges from working, and write nothing")
    .option("--exit-code", "end with 3 if there is an error")
    .action(async (options: DeployOptions & { readonly exitCode?: true }) => {
      const findings = await examine(await open(options));
      const lines = findings.map(({ level, what, fix }) => `${level}: ${what}\n  fix: ${fix}\n`).join("");
      print(options, { findings }, lines === "" ? "Nothing was found.\n" : lines);
      if (options.exitCode && findings.some(({ level }) => level === "error")) onFindings();
    });

  addWriting("rollback", "back to how the tenant was before the last apply").action(
    async (options: WritingOptions) => {
      const { deploying } = await open(options);
      const planned = await planRollback(deploying);
      show(options, planned);
      if (planned.changes.length > 0 && !(await confirmed(options, "Roll this back?"))) return;
      await undo(deploying, "rollback", planned);
      if (options.json) print(options, planJson(planned.changes, planned.caveats), "");
    },
  );

  addWriting("destroy", "remove everything that was made, and nothing else; keys stay")
    .option("--keys", "drop every key as well, for good: its entry in app_metadata, its record in Redis")
    .action(async (options: WritingOptions & { readonly keys?: true }) => {
      const opened = await open(options);
      const ending = options.keys ? [await endOfKeys(opened)] : [];
      const planned = await planDestroy(opened.deploying);
      const caveats = [...planned.caveats, ...ending];
      show(options, { ...planned, caveats });
      const isAsked = planned.changes.length > 0 || options.keys === true;
      if (isAsked && !(await confirmed(options, "Remove this?"))) return;
      await undo(opened.deploying, "destroy", planned);
      // Last: nothing exchanges a key any more, and what is dropped here cannot be made again.
      const keys = options.keys ? await dropAllKeys(opened, io) : undefined;
      if (options.json) print(options, { ...planJson(planned.changes, caveats), keys: keys ?? null }, "");
    });
  return program;
}
