import { transferKeys } from "../../keys/transfer.ts";
import type { CommandKit, CommonOptions } from "./command-kit.ts";
import { keysTable, presentKey } from "./present-key.ts";

interface TransferOptions extends CommonOptions {
  readonly from: string;
  readonly to: string;
}

/** `keys transfer`. */
export function addTransferCommand(kit: CommandKit): void {
  kit
    .addOnline("transfer", "give the keys of a linked user to the user that it was linked into")
    .requiredOption("--from <id>", "the user_id that is an identity of the other now")
    .requiredOption("--to <id>", "the user_id that is left")
    .action(async (options: TransferOptions) => {
      const keys = await kit.open(options);
      const entries = await transferKeys(keys, options.from, options.to);
      const presented = entries.map((entry) => presentKey(keys, options.to, entry));
      const isOff = presented.some(({ status }) => status === "disabled");
      const hint = "Disabled, since only Redis knew of them: npm run keys -- enable KEY_ID --user ID\n";
      kit.print(options, presented, keysTable(presented) + (isOff ? hint : ""));
    });
}
