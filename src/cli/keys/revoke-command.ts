import type { Command } from "commander";

import { revokeLeakedKeys, type LeakedKey } from "../../keys/revoke-leaked.ts";
import { revokeAllKeys, revokeKey } from "../../keys/revoke.ts";
import { table } from "../table.ts";
import { owned, type CommandKit, type CommonOptions } from "./command-kit.ts";
import { keysTable, presentKey } from "./present-key.ts";

interface RevokeOptions extends CommonOptions {
  readonly user?: string;
  readonly all?: true;
  readonly stdin?: true;
  readonly reason: string;
}

/** `keys revoke`: one key, all keys of a user, or whatever keys stand in a leak report. */
export function addRevokeCommand(kit: CommandKit): void {
  owned(kit.addOnline("revoke [key-id]", "revoke a key for good"))
    .option("--all", "every key of the user")
    .option("--stdin", "every whole key that stands in the text on standard input, whoever's it is")
    .option("--reason <text>", "why, at most 128 characters", "revoked by an operator")
    .action(async (keyId: string | undefined, options: RevokeOptions, command: Command) => {
      const { user, all, stdin, reason } = options;
      if (stdin && keyId === undefined && user === undefined && !all) {
        const leaked = await revokeLeakedKeys(await kit.open(options), await kit.io.readStdin(), reason);
        return kit.print(options, leaked, leakTable(leaked));
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
  const { revoked, madeMeanwhile } = await revokeAllKeys(keys, user, options.reason);
  const presented = revoked.map(({ entry }) => presentKey(keys, user, entry));
  const text = presented.length === 0 ? "There was no key to revoke.\n" : keysTable(presented);
  const meanwhile = madeMeanwhile === 0 ? "" : `${madeMeanwhile} of them were made meanwhile.\n`;
  kit.print(options, presented, text + meanwhile);
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
