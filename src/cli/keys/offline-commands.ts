import { inspectKey, keyPattern } from "../../core/key-format.ts";
import { acceptedPrefixes } from "../../core/deployment.ts";
import { loadDeployConfig } from "../../deploy/load-config.ts";
import { environmentOf } from "../target.ts";
import type { CommandKit, CommonOptions } from "./command-kit.ts";

/** `keys inspect` and `pattern`, which need no store. */
export function addOfflineCommands(kit: CommandKit): void {
  kit
    .add("inspect", "read a key on standard input and say offline what it is")
    .action(async (options: CommonOptions) => {
      const keyPrefixes = acceptedPrefixes(
        await loadDeployConfig(options.config, environmentOf(options, kit.io)),
      );
      const parts = inspectKey((await kit.io.readStdin()).trim());
      const found = parts && {
        prefix: parts.prefix,
        id: parts.id,
        checksum_ok: parts.isChecksumRight,
        prefix_known: keyPrefixes.includes(parts.prefix),
      };
      const lines = `prefix    ${found?.prefix}${found?.prefix_known ? "" : " (not of this deployment)"}\nid        ${found?.id}\nchecksum  ${found?.checksum_ok ? "ok" : "wrong: the key was mistyped or cut"}\n`;
      kit.print(
        options,
        found ?? { prefix: null, id: null, checksum_ok: false, prefix_known: false },
        found ? lines : "This is no API key.\n",
      );
    });

  kit
    .add("pattern", "print the regular expression that finds keys, for secret scanners")
    .action(async (options: CommonOptions) => {
      const pattern = keyPattern(
        acceptedPrefixes(await loadDeployConfig(options.config, environmentOf(options, kit.io))),
      );
      kit.print(options, { pattern }, `${pattern}\n`);
    });
}
