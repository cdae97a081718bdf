import type { Command } from "commander";

import { ApiKeysError } from "../../core/errors.ts";
import type { Keys } from "../../keys/keys.ts";
import { mayHoldKeys, revokeLeakedKeys, type LeakedKey } from "../../keys/revoke-leaked.ts";
import { revokeAllKeys, revokeKey } from "../../keys/revoke.ts";
import { table } from "../table.ts";
import { owned, type CommandKit, type CommonOptions } from "./command-kit.ts";
import { keysTable, presentKey } from "./present-key.ts";

interface RevokeOptions extends CommonOptions {
  readonly user?: string;
  readonly all?: true;
  readonly stdin?: true;
  readonly yes?: true;
  readonly reason: string;
}

/** `keys revoke`: one key, all keys of a user, or whatever keys stand in a leak report. */
export function addRevokeCommand(kit: CommandKit): void {
  owned(kit.addOnline("revoke [key-id]", "revoke a key for good"))
    .option("--all", "every key of the user")
    .option("--stdin", "every whole key that stands in the text on standard input, whoever's it is")
    .option("--reason <text>", "why, at most 128 characters", "revoked by an operator")
    .option("--yes", "with --all: do not ask")
    .action(async (keyId: string | undefined, options: RevokeOptions, command: Command) => {
      const { user, all, stdin, reason } = options;
      if (stdin && keyId === undefined && user === undefined && !all) {
        const keys = await kit.open(options);
        const text = await kit.io.readStdin();
        const leaked = await revokeLeakedKeys(keys, text, reason);
        kit.print(options, leaked, leakTable(leaked));
        return requireFound(keys, text, leaked);
      }
      if (!stdin && user !== undefined && (keyId !== undefined) !== (all === true)) {
        return keyId === undefined ? revokeAll(kit, options, user) : revokeOne(kit, options, user, keyId);
      }
      return command.error("error: give KEY_ID --user ID, or --user ID --all, or --stdin");
    });
}

async function revokeOne(
  kit: CommandKit,
  options: RevokeOptions,
  user: string,
  keyId: string,
): Promise<void> {
  const keys = await kit.open(options);
  const { entry, wasRevoked } = await revokeKey(keys, user, keyId, options.reason);
  const presented = presentKey(keys, user, entry);
  const again = wasRevoked ? " already" : "";
  kit.print(options, presented, `Key ${keyId} was revoked${again} at ${presented.revoked_at}.\n`);
}

async function revokeAll(kit: CommandKit, options: RevokeOptions, user: string): Promise<void> {
  const keys = await kit.open(options);
  const question = `Revoke every key of ${user}?`;
  if (!options.yes && kit.io.confirm && !(await kit.io.confirm(question))) return;
  const { revoked, madeMeanwhile } = await revokeAllKeys(keys, user, options.reason);
  const presented = revoked.map(({ entry }) => presentKey(keys, user, entry));
  const text = presented.length === 0 ? "There was no key to revoke.\n" : keysTable(presented);
  const meanwhile = madeMeanwhile === 0 ? "" : `${madeMeanwhile} of them were made meanwhile.\n`;
  kit.print(options, presented, text + meanwhile);
}

/** Throws `no_key_found` for a text in which a key may stand, and none was ended. */
function requireFound(keys: Keys, text: string, leaked: readonly LeakedKey[]): void {
  const isEnded = leaked.some(({ outcome }) => outcome === "revoked" || outcome === "revoked_already");
  if (isEnded || !mayHoldKeys(text, keys)) return;
  throw new ApiKeysError(
    "no_key_found",
    "The text has something in it that may be a key of this deployment, and none in it was revoked.",
    "Look at the report: is the whole key in it? Revoke it by its id: npm run keys -- revoke KEY_ID --user ID",
  );
}

function leakTable(leaked: readonly LeakedKey[]): string {
  if (leaked.length === 0) return "There is no key of this deployment in the text.\n";
  const said = {
    revoked: "revoked",
    revoked_already: "was revoked already",
    mistyped: "no key: mistyped or cut",
    unknown: "no key that is known",
  };
  return table([
    ["KEY", "OUTCOME", "USER"],
    ...leaked.map((one) => [one.hint, said[one.outcome], one.user_id ?? ""]),
  ]);
}
