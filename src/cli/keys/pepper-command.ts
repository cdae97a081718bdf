import type { Command } from "commander";

import { addPepper, dropPepper, parsePeppers } from "../../core/peppers.ts";
import { countPeppers, retirePepper, type PepperCount } from "../../keys/peppers.ts";
import { writeLocalPepper } from "../local-file.ts";
import { readPepperText } from "../settings.ts";
import { environmentOf } from "../target.ts";
import { table } from "../table.ts";
import { wholeNumber, type CommandKit, type CommonOptions } from "./command-kit.ts";

interface PepperOptions extends CommonOptions {
  readonly yes?: true;
}

/** `keys pepper add`, `retire` and `status`. */
export function addPepperCommand(kit: CommandKit): void {
  kit
    .addOnline(
      "pepper <verb> [version]",
      "add a pepper, retire an older one, or say what depends on each (status)",
    )
    .option("--yes", "retire it although records that no entry confirms need it")
    .action(async (verb: string, version: string | undefined, options: PepperOptions, command: Command) => {
      if (verb === "add" && version === undefined) return add(kit, options);
      if (verb === "status" && version === undefined) return status(kit, options);
      if (verb === "retire" && version !== undefined) return retire(kit, options, wholeNumber(version));
      return command.error("error: give add, status, or retire VERSION");
    });
}

async function add(kit: CommandKit, options: CommonOptions): Promise<void> {
  const { io } = kit;
  const isLocal = options.local === true;
  const text = addPepper(await readPepperText(io.env, isLocal, environmentOf(options, io)), kit.randomBytes);
  const { version } = parsePeppers(text).current;
  const next = `Next: npm run deploy -- apply${isLocal ? " --local" : ""}. Until then no key can be made; all go on working.`;
  await hand(kit, options, text, version, `Pepper ${version} is the current one. ${next}`);
}

async function retire(kit: CommandKit, options: PepperOptions, version: number): Promise<void> {
  const isLocal = options.local === true;
  const resealed = await retirePepper(await kit.open(options), version, options.yes === true);
  const text = dropPepper(await readPepperText(kit.io.env, isLocal, environmentOf(options, kit.io)), version);
  const next = `Next: npm run deploy -- apply${isLocal ? " --local" : ""}`;
  const said = `Nothing depends on pepper ${version} any more; ${resealed} records were sealed anew. ${next}`;
  await hand(kit, options, text, version, said);
}

/** Hands over the new value: to the local tenant's file, or on standard output, for the place where secrets are kept. */
async function hand(
  kit: CommandKit,
  options: CommonOptions,
  text: string,
  version: number,
  said: string,
): Promise<void> {
  const { io } = kit;
  if (options.local) {
    await writeLocalPepper(io.env, text);
    return kit.print(options, { version }, `${said}\n`);
  }
  io.stderr(`${said}\nThe new value of API_KEY_PEPPER is on standard output, and nowhere else.\n`);
  return kit.print(options, { version, api_key_pepper: text }, `${text}\n`);
}

async function status(kit: CommandKit, options: CommonOptions): Promise<void> {
  const keys = await kit.openToRead(options);
  const counts = await countPeppers(keys);
  const marker = await keys.records.readMarker();
  const isDeployed = marker === "ours";
  const peppers = counts.map((one) => ({
    version: one.version,
    role: one.role,
    living_keys: one.livingKeys,
    dead_keys: one.deadKeys,
    sealed_records: one.sealedRecords,
  }));
  const note = isDeployed ? "" : "The current pepper is not deployed yet: npm run deploy -- apply\n";
  kit.print(options, { current_is_deployed: isDeployed, peppers }, `${pepperTable(counts)}${note}`);
}

function pepperTable(counts: readonly PepperCount[]): string {
  return table([
    ["VERSION", "ROLE", "LIVING KEYS", "DEAD KEYS", "SEALED RECORDS"],
    ...counts.map((one) =>
      [one.version, one.role, one.livingKeys, one.deadKeys, one.sealedRecords].map(String),
    ),
  ]);
}
