import { Command, InvalidArgumentError } from "commander";

import { inspectKey, keyPattern } from "../core/api-key.ts";
import type { NewKeyRequest } from "../core/policy.ts";
import { loadDeployConfig } from "../deploy/load-config.ts";
import { createKey } from "../keys/create.ts";
import { initStore } from "../keys/init.ts";
import type { Keys } from "../keys/keys.ts";
import { listKeys, showKey } from "../keys/list.ts";
import { revokeKey } from "../keys/revoke.ts";
import type { Io } from "./io.ts";
import { openKeys } from "./open-keys.ts";
import { keyLines, keysTable, presentKey } from "./present-key.ts";
import { runProgram } from "./run-program.ts";
import { readSettings } from "./settings.ts";

interface CommonOptions {
  readonly config: string;
  readonly json?: true;
  readonly local?: true;
}

interface CreateOptions extends CommonOptions {
  readonly user: string;
  readonly name: string;
  readonly scope?: string;
  readonly audience?: readonly string[];
  readonly org?: string;
  readonly ip?: readonly string[];
  readonly client?: readonly string[];
  readonly expiresInDays?: number;
  readonly expiry: boolean;
}

type UserOptions = CommonOptions & { readonly user: string };

/** Runs `keys` with these arguments. Gives the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runKeys(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  return runProgram(keysProgram(io), argv, io);
}

function keysProgram(io: Io): Command {
  const program = new Command("keys").description("Make, show and revoke API keys of Auth0 users.");
  const add = (usage: string, description: string) =>
    program
      .command(usage)
      .description(description)
      .option("--config <file>", "the deployment's configuration", "deploy.config.ts")
      .option("--json", "print one JSON value");
  const addOnline = (usage: string, description: string) =>
    add(usage, description).option("--local", "use the running local tenant");
  const addForUser = (usage: string, description: string) =>
    addOnline(usage, description).requiredOption("--user <id>", "the user's Auth0 user_id");
  const print = (options: CommonOptions, value: object, text: string) =>
    io.stdout(options.json ? `${JSON.stringify(value)}\n` : text);

  addOnline("init", "mark an empty Redis database as this deployment's").action(
    async (options: CommonOptions) => {
      const { marked } = await initStore(await open(io, options));
      print(
        options,
        { marked },
        marked ? "The store is ready for keys.\n" : "The store was ready already.\n",
      );
    },
  );

  addForUser("create", "make a key and print it, this once")
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
      const keys = await open(io, options);
      const { apiKey, entry } = await createKey(keys, options.user, requestOf(options));
      const presented = presentKey(options.user, entry, keys.nowSeconds());
      io.stderr(`${keyLines(presented)}This is the only time that the key is shown.\n`);
      print(options, { key: apiKey.reveal(), ...presented }, `${apiKey.reveal()}\n`);
    });

  addForUser("list", "list a user's keys").action(async (options: UserOptions) => {
    const keys = await open(io, options);
    const entries = await listKeys(keys, options.user);
    const presented = entries.map((entry) => presentKey(options.user, entry, keys.nowSeconds()));
    print(options, presented, keysTable(presented));
  });

  addForUser("show <key-id>", "show all that is known of a key").action(
    async (keyId: string, options: UserOptions) => {
      const keys = await open(io, options);
      const entry = await showKey(keys, options.user, keyId);
      const presented = presentKey(options.user, entry, keys.nowSeconds());
      print(options, presented, keyLines(presented));
    },
  );

  addForUser("revoke <key-id>", "revoke a key for good")
    .option("--reason <text>", "why, at most 128 characters", "revoked by an operator")
    .action(async (keyId: string, options: UserOptions & { readonly reason: string }) => {
      const keys = await open(io, options);
      const { entry, wasRevoked } = await revokeKey(keys, options.user, keyId, options.reason);
      const presented = presentKey(options.user, entry, keys.nowSeconds());
      const again = wasRevoked ? " already" : "";
      print(options, presented, `Key ${keyId} was revoked${again} at ${presented.revoked_at}.\n`);
    });

  add("inspect", "read a key on standard input and say offline what it is").action(
    async (options: CommonOptions) => {
      const { keyPrefixes } = await loadDeployConfig(options.config);
      const parts = inspectKey((await io.readStdin()).trim());
      const found = parts && {
        prefix: parts.prefix,
        id: parts.id,
        checksum_ok: parts.isChecksumRight,
        prefix_known: keyPrefixes.includes(parts.prefix),
      };
      const lines = `prefix    ${found?.prefix}${found?.prefix_known ? "" : " (not of this deployment)"}\nid        ${found?.id}\nchecksum  ${found?.checksum_ok ? "ok" : "wrong: the key was mistyped or cut"}\n`;
      print(
        options,
        found ?? { prefix: null, id: null, checksum_ok: false, prefix_known: false },
        found ? lines : "This is no API key.\n",
      );
    },
  );

  add("pattern", "print the regular expression that finds keys, for secret scanners").action(
    async (options: CommonOptions) => {
      const pattern = keyPattern((await loadDeployConfig(options.config)).keyPrefixes);
      print(options, { pattern }, `${pattern}\n`);
    },
  );
  return program;
}

async function open(io: Io, options: CommonOptions): Promise<Keys> {
  const config = await loadDeployConfig(options.config);
  return openKeys(config, await readSettings(io.env, options.local === true));
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

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function wholeNumber(text: string): number {
  if (!/^-?\d{1,6}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
