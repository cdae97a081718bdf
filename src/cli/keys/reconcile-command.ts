import { ApiKeysError } from "../../core/errors.ts";
import type { Difference, DifferenceKind } from "../../keys/mend-user.ts";
import { reconcile } from "../../keys/reconcile.ts";
import { printable } from "../printable.ts";
import { progressLine } from "../progress-line.ts";
import type { CommandKit, CommonOptions } from "./command-kit.ts";

interface ReconcileCommandOptions extends CommonOptions {
  readonly user?: string;
  readonly fix?: true;
  readonly restoreEntries?: true;
  readonly yes?: true;
}

/** As many differences are in the JSON value; `counts` counts all of them. */
const LISTED = 1_000;
/** What nobody has to do anything about: such a record grants nothing, and goes with its time. */
const HARMLESS: ReadonlySet<DifferenceKind> = new Set(["deleted_user"]);

/** `keys reconcile`. */
export function addReconcileCommand(kit: CommandKit): void {
  const command = kit
    .addOnline("reconcile", "compare the keys in Auth0 with those in Redis, both ways, and mend what differs")
    .option("--user <id>", "one user alone (default: the whole tenant)")
    .option(
      "--fix",
      "repair what differs: Auth0 wins, a revocation on either side wins, no record is deleted",
    )
    .option("--restore-entries", "with --fix: write lost entries back to Auth0 from their records, disabled")
    .option("--yes", "restore however many entries are lost");
  command.action(async (options: ReconcileCommandOptions) => {
    if (options.restoreEntries && !options.fix) command.error("error: --restore-entries needs --fix");
    const keys = await (options.fix ? kit.open(options) : kit.openToRead(options));
    const tally = startTally(options.json ? undefined : (text) => kit.io.stdout(text));
    const progress = progressLine(kit.io);
    const done = await reconcile(keys, {
      fix: options.fix === true,
      restoreEntries: options.restoreEntries === true,
      restoreMany: options.yes === true,
      ...(options.user !== undefined && { userId: options.user }),
      onDifference: (difference) => {
        progress.clear();
        tally.add(difference);
      },
      onProgress: ({ users, entries, records }) =>
        progress.show(`${users} users, ${entries} entries, ${records} records`),
    }).finally(progress.clear);
    const { counts, listed, mended, remaining } = tally;
    const summary = { ...done, counts: Object.fromEntries(counts), mended: mended(), remaining: remaining() };
    const text = `${done.users} users, ${done.entries} entries, ${done.records} records. ${mended()} differences mended, ${remaining()} left.${done.marked ? " The store is whole." : ""}\n`;
    kit.print(options, { ...summary, differences: listed.map(toJson) }, text);
    if (remaining() > 0) throw remain(remaining(), counts, options.fix === true);
  });
}

interface Tally {
  readonly counts: ReadonlyMap<DifferenceKind, number>;
  readonly listed: readonly Difference[];
  readonly add: (difference: Difference) => void;
  readonly mended: () => number;
  /** Differences that somebody has to do something about. */
  readonly remaining: () => number;
}

function startTally(print: ((text: string) => void) | undefined): Tally {
  const counts = new Map<DifferenceKind, number>();
  const listed: Difference[] = [];
  let [mended, remaining] = [0, 0];
  return {
    counts,
    listed,
    mended: () => mended,
    remaining: () => remaining,
    add(difference) {
      counts.set(difference.kind, (counts.get(difference.kind) ?? 0) + 1);
      if (difference.mended) mended++;
      else if (!HARMLESS.has(difference.kind)) remaining++;
      if (print) print(lineOf(difference));
      else if (listed.length < LISTED) listed.push(difference);
    },
  };
}

function lineOf({ kind, userId, keyId, linkedTo, problem, mended }: Difference): string {
  const told = [kind.replaceAll("_", " ").padEnd(17), keyId ?? "-", userId ?? "-"];
  if (mended) told.push("mended");
  if (problem !== undefined) told.push(problem);
  if (linkedTo !== undefined) {
    told.push(`is linked to ${linkedTo}: npm run keys -- transfer --from '${userId}' --to '${linkedTo}'`);
  }
  return `${printable(told.join("  "))}\n`;
}

function toJson({ kind, userId, keyId, linkedTo, problem, mended }: Difference): object {
  return {
    kind,
    user_id: userId ?? null,
    key_id: keyId ?? null,
    ...(linkedTo !== undefined && { linked_to: linkedTo }),
    ...(problem !== undefined && { problem }),
    mended,
  };
}

function remain(
  remaining: number,
  counts: ReadonlyMap<DifferenceKind, number>,
  isFixed: boolean,
): ApiKeysError {
  const orphans = counts.has("orphan_record")
    ? " Entries that were lost come back with --fix --restore-entries."
    : "";
  return new ApiKeysError(
    "differences_remain",
    `${remaining} ${remaining === 1 ? "difference is" : "differences are"} left.`,
    (isFixed ? "See docs/RECONCILE.md for each kind." : "Mend them: npm run keys -- reconcile --fix.") +
      orphans,
  );
}
