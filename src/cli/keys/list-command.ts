import { Option, type Command } from "commander";

import { isExpiringWithin, type KeyEntry } from "../../core/key-entry.ts";
import { lastUses } from "../../keys/last-uses.ts";
import { requireTakenOver } from "../../keys/init.ts";
import { listKeys } from "../../keys/list.ts";
import { versionsNeededBy } from "../../keys/peppers.ts";
import { owned, wholeNumber, type CommandKit, type CommonOptions } from "./command-kit.ts";
import { printAllKeys } from "./list-all-users.ts";
import { keysTable, presentKey } from "./present-key.ts";
import { seconds } from "./rotate-command.ts";

interface ListOptions extends CommonOptions {
  readonly user?: string;
  readonly allUsers?: true;
  readonly expiringWithin?: number;
  readonly pepper?: number;
}

/** `keys list`. */
export function addListCommand(kit: CommandKit): void {
  owned(kit.addOnline("list", "list a user's keys"))
    .addOption(
      new Option("--all-users", "the keys of every user, a line of JSON each, as they come").conflicts([
        "user",
        "org",
      ]),
    )
    .option("--expiring-within <duration>", "only keys that expire in this time, such as 14d", seconds)
    .option("--pepper <version>", "with --all-users: only living keys that need this pepper", wholeNumber)
    .action(async (options: ListOptions, command: Command) => {
      if (options.pepper !== undefined && !options.allUsers) {
        return command.error("error: --pepper needs --all-users");
      }
      if (options.allUsers) return listAll(kit, options);
      if (options.user !== undefined) return listOne(kit, options, options.user);
      return command.error("error: give --user ID, or --org ID, or --all-users");
    });
}

async function listOne(kit: CommandKit, options: ListOptions, userId: string): Promise<void> {
  const keys = await kit.openToRead(options);
  const nowSeconds = keys.nowSeconds();
  const { expiringWithin = Infinity } = options;
  const entries = (await listKeys(keys, userId)).filter(
    (entry) => expiringWithin === Infinity || isExpiringWithin(entry, nowSeconds, expiringWithin),
  );
  const uses = await lastUses(
    keys,
    entries.map(({ id }) => id),
  );
  const presented = entries.map((entry) => presentKey(keys, userId, entry, uses));
  kit.print(options, presented, keysTable(presented, nowSeconds));
}

async function listAll(kit: CommandKit, options: ListOptions): Promise<void> {
  const keys = await kit.openToRead(options);
  await requireTakenOver(keys);
  const nowSeconds = keys.nowSeconds();
  const { expiringWithin, pepper } = options;
  const isAsked = (entry: KeyEntry) =>
    (expiringWithin === undefined || isExpiringWithin(entry, nowSeconds, expiringWithin)) &&
    (pepper === undefined || versionsNeededBy(entry, nowSeconds).has(pepper));
  await printAllKeys(kit.io, keys, isAsked);
}
