import { listKeys, showKey } from "../../keys/list.ts";
import { revokeKey } from "../../keys/revoke.ts";
import type { CommandKit, UserOptions } from "./command-kit.ts";
import { keyLines, keysTable, presentKey } from "./present-key.ts";

/** `keys list`, `show` and `revoke`. */
export function addLifeCommands(kit: CommandKit): void {
  kit.addForUser("list", "list a user's keys").action(async (options: UserOptions) => {
    const keys = await kit.open(options);
    const entries = await listKeys(keys, options.user);
    const presented = entries.map((entry) => presentKey(options.user, entry, keys.nowSeconds()));
    kit.print(options, presented, keysTable(presented));
  });

  kit
    .addForUser("show <key-id>", "show all that is known of a key")
    .action(async (keyId: string, options: UserOptions) => {
      const keys = await kit.open(options);
      const entry = await showKey(keys, options.user, keyId);
      const presented = presentKey(options.user, entry, keys.nowSeconds());
      kit.print(options, presented, keyLines(presented));
    });

  kit
    .addForUser("revoke <key-id>", "revoke a key for good")
    .option("--reason <text>", "why, at most 128 characters", "revoked by an operator")
    .action(async (keyId: string, options: UserOptions & { readonly reason: string }) => {
      const keys = await kit.open(options);
      const { entry, wasRevoked } = await revokeKey(keys, options.user, keyId, options.reason);
      const presented = presentKey(options.user, entry, keys.nowSeconds());
      const again = wasRevoked ? " already" : "";
      kit.print(options, presented, `Key ${keyId} was revoked${again} at ${presented.revoked_at}.\n`);
    });
}
