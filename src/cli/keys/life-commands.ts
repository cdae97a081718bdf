import { disableKey, enableKey } from "../../keys/disable.ts";
import { lastUses } from "../../keys/last-uses.ts";
import { showKey } from "../../keys/list.ts";
import { pruneKeys } from "../../keys/prune.ts";
import type { CommandKit, UserOptions } from "./command-kit.ts";
import { keyLines, keysTable, presentKey } from "./present-key.ts";

/** `keys show`, `disable`, `enable` and `prune`. */
export function addLifeCommands(kit: CommandKit): void {
  kit
    .addForUser("show <key-id>", "show all that is known of a key")
    .action(async (keyId: string, options: UserOptions) => {
      const keys = await kit.openToRead(options);
      const entry = await showKey(keys, options.user, keyId);
      const nowSeconds = keys.nowSeconds();
      const presented = presentKey(keys, options.user, entry, await lastUses(keys, [keyId]));
      kit.print(options, presented, keyLines(presented, nowSeconds));
    });

  for (const [verb, description, change] of [
    ["disable", "switch a key off until it is enabled again", disableKey],
    ["enable", "switch a disabled key on", enableKey],
  ] as const) {
    kit.addForUser(`${verb} <key-id>`, description).action(async (keyId: string, options: UserOptions) => {
      const keys = await kit.open(options);
      const { after } = await change(keys, options.user, keyId);
      const presented = presentKey(keys, options.user, after);
      kit.print(options, presented, `Key ${keyId} is ${presented.status}.\n`);
    });
  }

  kit
    .addForUser("prune", "drop a user's keys that have been dead for longer than the retention")
    .action(async (options: UserOptions) => {
      const keys = await kit.open(options);
      const dropped = await pruneKeys(keys, options.user);
      const presented = dropped.map((entry) => presentKey(keys, options.user, entry));
      kit.print(
        options,
        presented,
        presented.length === 0 ? "There was nothing to drop.\n" : keysTable(presented),
      );
    });
}
