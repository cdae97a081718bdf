import type { NewKeyRequest } from "../../core/policy.ts";
import { createKey } from "../../keys/create.ts";
import { collect, wholeNumber, type CommandKit, type UserOptions } from "./command-kit.ts";
import { keyLines, presentKey } from "./present-key.ts";

interface CreateOptions extends UserOptions {
  readonly name: string;
  readonly scope?: string;
  readonly audience?: readonly string[];
  readonly org?: string;
  readonly ip?: readonly string[];
  readonly client?: readonly string[];
  readonly expiresInDays?: number;
  readonly expiry: boolean;
}

/** `keys create`. */
export function addCreateCommand(kit: CommandKit): void {
  kit
    .addForUser("create", "make a key and print it, this once")
    .requiredOption("--name <name>", "what the key is for, at most 64 characters")
    .option("--scope <scopes>", "space-delimited; without it the key has every scope that its user has")
    .option(
      "--audience <url>",
      "an API that the key is for (repeatable; default: all of the deployment's)",
      collect,
    )
    .option("--org <id>", "the organization that the key is bound to")
    .option("--ip <cidr>", "an address or range it may be used from (repeatable)", collect)
    .option("--client <id>", "a client that may use it (repeatable)", collect)
    .option("--expires-in-days <days>", "its lifetime", wholeNumber)
    .option("--no-expiry", "let it live until it is revoked, if the policy allows that")
    .action(async (options: CreateOptions) => {
      const keys = await kit.open(options);
      const { apiKey, entry } = await createKey(keys, options.user, requestOf(options));
      const presented = presentKey(options.user, entry, keys.nowSeconds());
      kit.io.stderr(`${keyLines(presented)}This is the only time that the key is shown.\n`);
      kit.print(options, { key: apiKey.reveal(), ...presented }, `${apiKey.reveal()}\n`);
    });
}

function requestOf(options: CreateOptions): NewKeyRequest {
  const { scope, audience, org, ip, client, expiresInDays } = options;
  const lifetimeDays = options.expiry ? expiresInDays : "never";
  return {
    name: options.name,
    ...(scope !== undefined && { scope }),
    ...(audience && { audiences: audience }),
    ...(org !== undefined && { organizationId: org }),
    ...(ip && { ipRanges: ip }),
    ...(client && { clientIds: client }),
    ...(lifetimeDays !== undefined && { lifetimeDays }),
  };
}
