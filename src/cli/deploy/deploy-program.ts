import { Command } from "commander";

import { DEFAULT_NAME, entriesFieldOf } from "../../core/deployment.ts";
import { ApiKeysError } from "../../core/errors.ts";
import { apply, planApply, type Planned, type PlannedApply } from "../../deploy/apply.ts";
import { isProblem, isProblemAfterApply } from "../../deploy/doctor.ts";
import { findDrift } from "../../deploy/drift.ts";
import { countTouched, describeGone } from "../../deploy/gone.ts";
import { refuseUnfilled, refuseUnreadable, storeCaveats } from "../../deploy/store-checks.ts";
import { planDestroy, planRollback, undo } from "../../deploy/undo.ts";
import { isStoreOurs } from "../../keys/init.ts";
import { listAllKeys } from "../../keys/list.ts";
import { refuseMoved } from "../../keys/take-over.ts";
import { collect } from "../keys/command-kit.ts";
import { confirmed, confirmPrefixes, confirmTenant, type DeployEnvironment } from "./confirm.ts";
import { dropAllKeys, endOfKeys } from "./drop-all-keys.ts";
import { examine, examineStoreOf } from "./examine.ts";
import type { Io } from "../io.ts";
import {
  markStore,
  openDeploying,
  takingOver,
  verifyOpened,
  type DeployOptions,
  type Opened,
} from "./open-deploying.ts";
import { table } from "../table.ts";
import { targetOf } from "../target.ts";
import { checksText, planJson, planText } from "./present-plan.ts";
import { runProgram } from "../run-program.ts";

type WritingOptions = DeployOptions & { readonly yes?: true };
type ApplyCommandOptions = WritingOptions & {
  readonly verify: boolean;
  readonly prune?: true;
  readonly dropPrefix?: readonly string[];
};
type DestroyOptions = WritingOptions & { readonly keys?: true; readonly tenant?: string };

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

function deployProgram(io: Io, environment: DeployEnvironment, onFindings: () => void): Command {
  const { clock } = environment;
  const program = new Command("deploy").description(
    "Bring API keys to an Auth0 tenant, and take them back. A deployment is a name on a tenant: name in deploy.config.ts, api-keys unless given.",
  );
  const add = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option("--config <file>", "the deployment's configuration", "deploy.config.ts")
      .option("--env <name>", "the environment of the configuration (default: AUTH0_API_KEYS_ENV)")
      .option(
        "--journal <file>",
        "what was done to this deployment (default: .deploy/TENANT/NAME.jsonl, by name in deploy.config.ts)",
      )
      .option("--json", "print one JSON value")
      .option("--local", "use the running local tenant");
  const addWriting = (name: string, description: string) =>
    add(name, description).option("--yes", "do not ask before writing");
  const open = async (options: DeployOptions) => openDeploying(io, options, clock);
  const print = (options: DeployOptions, { config, settings }: Opened, value: object, text: string) =>
    io.stdout(options.json ? `${JSON.stringify({ target: targetOf(config, settings), ...value })}\n` : text);
  const show = (
    options: DeployOptions,
    { changes, caveats }: Planned & { readonly caveats?: readonly string[] },
  ) => io[options.json ? "stderr" : "stdout"](planText(changes, caveats));

  add("plan", "say what apply would change, and write nothing")
    .option("--prune", "as apply --prune would")
    .option("--exit-code", "end with 3 if there are changes")
    .action(async (options: DeployOptions & { readonly exitCode?: true; readonly prune?: true }) => {
      const opened = await open(options);
      const planned = await plannedApply(opened, options.prune === true);
      const { deployment } = opened.keys;
      const facts = await examineStoreOf(opened);
      const ofStore = storeCaveats(facts, deployment, opened.config.lastUsed, planned.isStoreNew);
      const [{ changes }, caveats] = [planned, [...ofStore, ...planned.caveats]];
      print(options, opened, planJson(changes, caveats), planText(changes, caveats));
      if (options.exitCode && changes.length > 0) onFindings();
    });

  addWriting("apply", "bring the tenant to what deploy.config.ts says, then verify it")
    .option("--prune", "take away what this deployment gave and the configuration no longer names")
    .option("--drop-prefix <prefix>", "confirm that keys with this prefix are refused from now on", collect)
    .option("--no-verify", "do not exchange a throw-away key at the end")
    .action(async (options: ApplyCommandOptions) => {
      const first = await open(options);
      const store = await examineStoreOf(first);
      refuseUnreadable(store, first.keys.deployment, first.config.lastUsed);
      const opened = takingOver(first, store.marker);
      const planned = await plannedApply(opened, options.prune === true);
      refuseUnfilled(store, planned.isStoreNew);
      show(options, planned);
      await confirmPrefixes(planned.gone, options.dropPrefix ?? [], environment);
      const isAsked = planned.changes.length > 0;
      if (isAsked && !(await confirmed(options, "Apply this?", environment))) return;
      await apply(opened.deploying, planned);
      await markStore(opened, planned.current);
      if (opened.deploying.sources.takesOver) {
        // What was of before deployments had names is taken over: the Actions need not read it any more.
        const { sources } = opened.deploying;
        const deploying = { ...opened.deploying, sources: { ...sources, takesOver: false } };
        await apply(deploying, await planApply(deploying));
      }
      const checks = options.verify && opened.config.verify ? await verifyOpened(opened) : undefined;
      if (options.verify && !checks) io.stderr("Not verified: deploy.config.ts names no user for it.\n");
      if (!options.json) return;
      print(options, opened, { ...planJson(planned.changes, planned.caveats), checks: checks ?? null }, "");
    });

  add("verify", "exchange a throw-away key and look at what comes back").action(
    async (options: DeployOptions) => {
      const opened = await open(options);
      const checks = await verifyOpened(opened);
      print(options, opened, { checks }, `${checks.length} checks passed.\n`);
    },
  );

  add("drift", "say what others changed since the last deployment").action(async (options: DeployOptions) => {
    const opened = await open(options);
    const drift = await findDrift(opened.deploying);
    const text =
      drift.length === 0 ? "Nothing was changed.\n" : table(drift.map(({ what, how }) => [what, how]));
    print(options, opened, { drift }, text);
  });

  add("doctor", "look for what keeps exchanges from working, write nothing, and end with 1 if there is any")
    .option("--before-apply", "end with 0 where apply mends all that is found")
    .action(async (options: DeployOptions & { readonly beforeApply?: true }) => {
      const opened = await open(options);
      const checks = await examine(opened);
      print(options, opened, { checks }, checksText(checks));
      const isLeft = options.beforeApply ? isProblemAfterApply : isProblem;
      const problems = checks.filter(isLeft).map(({ check }) => check);
      if (problems.length === 0) return;
      throw new ApiKeysError(
        "problems_found",
        `Exchanges do not work, or would not: ${problems.join(", ")}.`,
        "Do what is said of each, then look again.",
      );
    });

  addWriting("rollback", "back to how the tenant was before the last apply").action(
    async (options: WritingOptions) => {
      const opened = await open(options);
      const planned = await planRollback(opened.deploying);
      if (planned.isToUnnamed) await refuseMoved(opened.keys);
      show(options, planned);
      const isAsked = planned.changes.length > 0;
      if (isAsked && !(await confirmed(options, "Roll this back?", environment))) return;
      await undo(opened.deploying, "rollback", planned);
      if (options.json) print(options, opened, planJson(planned.changes, planned.caveats), "");
    },
  );

  addWriting("destroy", "remove everything that was made, and nothing else; keys stay")
    .option("--keys", "drop every key as well, for good: its entry in app_metadata, its record in Redis")
    .option("--tenant <domain>", "with --yes: the tenant's domain, as the first line of output names it")
    .action(async (options: DestroyOptions) => {
      const opened = await open(options);
      const isKnown = options.keys === true && (await isStoreOurs(opened.keys));
      const planned = await planDestroy(opened.deploying, { isKnown });
      const ending = options.keys ? [await endOfKeys(opened)] : [];
      const caveats = [...planned.caveats, ...ending];
      show(options, { ...planned, caveats });
      const isAsked = planned.changes.length > 0 || options.keys === true;
      if (isAsked) await confirmTenant(options, opened.settings.tenant, environment);
      let keys: object | null = null;
      // Before the Actions go, which say what there was, and after the profile: nothing exchanges a key any more.
      const drop = async () => {
        keys = await dropAllKeys(opened, io);
      };
      await undo(opened.deploying, "destroy", planned, options.keys && drop);
      if (options.json) print(options, opened, { ...planJson(planned.changes, caveats), keys }, "");
    });
  return program;
}

/** A planned application, with what the configuration no longer names told among its caveats. */
async function plannedApply({ deploying, keys, config }: Opened, prune: boolean): Promise<PlannedApply> {
  const planned = await planApply(deploying, { prune });
  const counts = await countTouched(planned.gone, listAllKeys(keys), keys.nowSeconds()).catch(
    unknownIfForbidden,
  );
  const gone = planned.gone.map((one, at) => describeGone(one, counts?.[at]));
  const isMoved = deploying.sources.takesOver && config.name !== DEFAULT_NAME;
  const takingOver = isMoved
    ? [`keys in app_metadata.api_keys that are of this Redis database move to ${entriesFieldOf(config)}.`]
    : [];
  return { ...planned, caveats: [...planned.caveats, ...gone, ...takingOver] };
}

/** An application that may only plan need not read users: then it is not known how many keys are touched. */
function unknownIfForbidden(error: unknown): undefined {
  if (error instanceof ApiKeysError && error.code === "management_forbidden") return undefined;
  throw error;
}
