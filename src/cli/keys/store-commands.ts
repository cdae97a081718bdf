import { initStore } from "../../keys/init.ts";
import type { CommandKit, CommonOptions } from "./command-kit.ts";

/** `keys init`: what is done to the store as a whole. */
export function addStoreCommands(kit: CommandKit): void {
  kit
    .addOnline("init", "mark an empty Redis database as this deployment's")
    .action(async (options: CommonOptions) => {
      const { marked } = await initStore(await kit.open(options));
      kit.print(
        options,
        { marked },
        marked ? "The store is ready for keys.\n" : "The store was ready already.\n",
      );
    });
}
