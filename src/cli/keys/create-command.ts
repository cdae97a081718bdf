import { Option, type Command } from "commander";

import { isOrganizationId, refuseNonMember, type NewKeyRequest } from "../../core/policy.ts";
import { createKey, type CreatedKey } from "../../keys/create.ts";
import type { Keys } from "../../keys/keys.ts";
import { organizationIdsOf } from "../../keys/memberships.ts";
import { revokeKey } from "../../keys/revoke.ts";
import { createOrganizationKey } from "../../keys/service-user.ts";
import { collect, wholeNumber, type CommandKit, type CommonOptions } from "./command-kit.ts";
import { requireShown } from "./require-shown.ts";
import { keyLines, presentKey } from "./present-key.ts";

interface CreateOptions extends CommonOptions {
  readonly user?: string;
  readonly serviceUser?: true;
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
    .addOnline("create", "make a key and print it, this once")
    .option("--user <id>", "the Auth0 user_id of the user that the key acts as")
    .requiredOption("--name <name>", "what the key is for, at most 64 characters")
    .option("--scope <scopes>", "space-delimited; without it the key has every scope that its user has")
    .option(
      "--audience <url>",
      "an API that the key is for (repeatable; default: all of the deployment's)",
      collect,
    )
    .option("--org <id>", "the organization that the key is bound to")
    .option("--service-user", "owned by that organization, not by a person")
    .option("--ip <cidr>", "an address or range it may be used from (repeatable)", collect)
    .option("--client <id>", "a client that may use it (repeatable)", collect)
    .addOption(
      new Option("--expires-in-days <days>", "its lifetime").argParser(wholeNumber).conflicts("expiry"),
    )
    .option("--no-expiry", "let it live until it is revoked, if the policy allows that")
    .action(async (options: CreateOptions, command: Command) => {
      if ((options.user !== undefined) === (options.serviceUser === true)) {
        return command.error("error: give --user ID, or --org ID --service-user");
      }
      if (options.serviceUser && options.org === undefined) {
        return command.error("error: --service-user needs --org ID");
      }
      const keys = await kit.open(options);
      const { userId, apiKey, entry } = await create(keys, options, (note) => kit.io.stderr(note));
      const presented = presentKey(keys, userId, entry);
      kit.io.stderr(`${keyLines(presented)}This is the only time that the key is shown.\n`);
      kit.print(options, { key: apiKey.reveal(), ...presented }, `${apiKey.reveal()}\n`);
      return requireShown(kit.io, async () => {
        await revokeKey(keys, userId, entry.id, "could not be shown");
        return `Key ${entry.id} was revoked. Make another.`;
      });
    });
}

async function create(
  keys: Keys,
  options: CreateOptions,
  tell: (note: string) => void,
): Promise<CreatedKey & { readonly userId: string }> {
  const { user: userId, org } = options;
  const request = requestOf(options);
  if (userId === undefined) return createOrganizationKey(keys, org ?? "", request);
  if (org !== undefined && isOrganizationId(org)) await requireMember(keys, userId, org, tell);
  return { userId, ...(await createKey(keys, userId, request)) };
}

/** Throws `organization_not_found` for an organization that the user is no member of: such a key would never work. */
async function requireMember(
  keys: Keys,
  userId: string,
  organizationId: string,
  tell: (note: string) => void,
): Promise<void> {
  const ids = await organizationIdsOf(keys, userId);
  if (ids) return refuseNonMember(userId, organizationId, ids);
  const why = "that needs read:organizations, and fewer than 1,000 organizations";
  tell(`Whether the user is a member of the organization was not checked: ${why}.\n`);
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
