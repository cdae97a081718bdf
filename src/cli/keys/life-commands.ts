import { disableKey, enableKey } from "../../keys/disable.ts";
import { lastUses } from "../../keys/last-uses.ts";
import { listKeys, showKey } from "../../keys/list.ts";
import { pruneKeys } from "../../keys/prune.ts";
import type { CommandKit, UserOptions } from "./command-kit.ts";
import { keyLines, keysTable, presentKey } from "./present-key.ts";
import { seconds } from "./rotate-command.ts";

/** `keys list`, `show`, `disable`, `enable` and `prune`. */
export function addLifeCommands(kit: CommandKit): void {
  kit
    .addForUser("list", "list a user's keys")
    .option("--expiring-within <duration>", "only keys that expire in this time, such as 14d", seconds)
    .action(async (options: UserOptions & { readonly expiringWithin?: number }) => {
      const keys = await kit.open(options);
      const nowSeconds = keys.nowSeconds();
      const { expiringWithin } = options;
      const entries = (await listKeys(keys, options.user)).filter(
        ({ exp, revoked_at }) =>
          expiringWithin === undefined ||
          (revoked_at === undefined &&
            exp !== undefined &&
            exp > nowSeconds &&
            exp <= nowSeconds + expiringWithin),
      );
      const uses = await lastUses(
        keys,
        entries.map(({ id }) => id),
      );
      const presented = entries.map((entry) => presentKey(options.user, entry, nowSeconds, uses));
      kit.print(options, presented, keysTable(presented, nowSeconds));
    });

  kit
    .addForUser("show <key-id>", "show all that is known of a key")
    .action(async (keyId: string, options: UserOptions) => {
      const keys = await kit.open(options);
      const entry = await showKey(keys, options.user, keyId);
      const nowSeconds = keys.nowSeconds();
      const presented = presentKey(options.user, entry, nowSeconds, await lastUses(keys, [keyId]));
      kit.print(options, presented, keyLines(presented, nowSeconds));
    });

  for (const [verb, description, change] of [
    ["disable", "switch a key off until it is enabled again", disableKey],
    ["enable", "switch a disabled key on", enableKey],
  ] as const) {
    kit.addForUser(`${verb} <key-id>`, description).action(async (keyId: string, options: UserOptions) => {
      const keys = await kit.open(options);
      const { after } = await change(keys, options.user, keyId);
      const presented = presentKey(options.user, after, keys.nowSeconds());
      kit.print(options, presented, `Key ${keyId} is ${presented.status}.\n`);
    });
  }

  kit
    .addForUser("prune", "drop a user's keys that have been dead for longer than the retention")
    .action(async (options: UserOptions) => {
      const keys = await kit.open(options);
      const dropped = await pruneKeys(keys, options.user);
      const presented = dropped.map((entry) => presentKey(options.user, entry, keys.nowSeconds()));
      kit.print(
        options,
        presented,
        presented.length === 0 ? "There was nothing to drop.\n" : keysTable(presented),
      );
    });
}
