import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";

import { InvalidArgumentError, Option, type Command } from "commander";

import type { RandomBytes } from "../../core/base62.ts";
import { ApiKeysError } from "../../core/errors.ts";
import { isOrganizationId } from "../../core/policy.ts";
import { serviceUserId } from "../../core/service-user.ts";
import { loadDeployConfig } from "../../deploy/load-config.ts";
import type { Keys } from "../../keys/keys.ts";
import type { Io } from "../io.ts";
import { readSettings } from "../settings.ts";
import { openKeys } from "../../keys/open-keys.ts";
import { environmentOf, targetLine, targetOf } from "../target.ts";

/** The options that every command has. */
export interface CommonOptions {
  readonly config: string;
  readonly env?: string;
  readonly json?: true;
  readonly local?: true;
  readonly auditLog?: string;
}

/** The options of a command about one user's keys. */
export interface UserOptions extends CommonOptions {
  readonly user: string;
}

/** What commands are made with, so that all of them take the same options and print the same way. */
export interface CommandKit {
  readonly io: Io;
  readonly randomBytes: RandomBytes;
  /** A command that needs neither store. */
  add(usage: string, description: string): Command;
  /** A command that works on the stores. */
  addOnline(usage: string, description: string): Command;
  /** A command about one user's keys, or those that an organization owns: `options.user` is who owns them. */
  addForUser(usage: string, description: string): Command;
  /** Prints a result: as JSON if that was asked for, else as text. */
  print(options: CommonOptions, value: object, text: string): void;
  /** Opens the stores that the options and the environment name, to change something; first says which they are. */
  open(options: CommonOptions): Promise<Keys>;
  /** The audit log that could not be written to, if there was one. */
  unwrittenLog(): string | undefined;
  /** Opens the stores to read alone. */
  openToRead(options: CommonOptions): Promise<Keys>;
}

/** A kit that adds its commands to `program`. */
export function commandKit(program: Command, io: Io): CommandKit {
  let unwritten: string | undefined;
  const add = (usage: string, description: string) =>
    program
      .command(usage)
      .description(description)
      .option("--config <file>", "the deployment's configuration", "deploy.config.ts")
      .option("--env <name>", "the environment of the configuration (default: AUTH0_API_KEYS_ENV)")
      .option("--json", "print one JSON value");
  const addOnline = (usage: string, description: string) =>
    add(usage, description)
      .option("--local", "use the running local tenant")
      .option("--audit-log <file>", "append a line of JSON for every change (default: to stderr)");
  return {
    io,
    randomBytes,
    add,
    addOnline,
    unwrittenLog: () => unwritten,
    addForUser(usage, description) {
      const command = owned(addOnline(usage, description));
      return command.hook("preAction", () => {
        if (command.opts<Partial<UserOptions>>().user === undefined)
          command.error("error: give --user ID, or --org ID for the keys that an organization owns");
      });
    },
    print: (options, value, text) => io.stdout(options.json ? `${JSON.stringify(value)}\n` : text),
    open: async (options) => openStores(options, (line) => io.stderr(line)),
    openToRead: async (options) => openStores(options, () => undefined),
  };

  async function openStores(options: CommonOptions, tell: (target: string) => void): Promise<Keys> {
    const config = await loadDeployConfig(options.config, environmentOf(options, io));
    const settings = await readSettings(io.env, options.local === true, config);
    const target = { target: targetOf(config, settings) };
    tell(options.json ? `${JSON.stringify(target)}\n` : targetLine(config, settings));
    if (options.auditLog !== undefined) requireWritable(options.auditLog);
    return openKeys(config, settings, {
      actor: `cli:${io.env["USER"] ?? "unknown"}`,
      ...(io.clock && { clock: io.clock }),
      audit(event) {
        const line = `${JSON.stringify(event)}\n`;
        if (options.auditLog === undefined) return io.stderr(line);
        try {
          appendFileSync(options.auditLog, line, { mode: 0o600 });
        } catch (error) {
          unwritten = options.auditLog;
          throw error;
        }
      },
    });
  }
}

/** Lets a command take `--user`, or `--org` for the service user of an organization; either is in `options.user` then. */
export function owned(command: Command): Command {
  return command
    .option("--user <id>", "the user's Auth0 user_id")
    .addOption(
      new Option("--org <id>", "the keys that this organization owns")
        .conflicts("user")
        .argParser(organizationId),
    )
    .hook("preAction", () => {
      const { org } = command.opts<{ readonly org?: string }>();
      if (org !== undefined) command.setOptionValue("user", serviceUserId(org));
    });
}

/** Reads an organization's id. */
function organizationId(text: string): string {
  if (isOrganizationId(text)) return text;
  throw new InvalidArgumentError("It must be an id such as org_4fJ2kQ9xZb1T3hXy.");
}

/** Looked at before the first write: a key that was made must not be lost to a full audit log's error. */
function requireWritable(file: string): void {
  try {
    appendFileSync(file, "", { mode: 0o600 });
  } catch (error) {
    throw new ApiKeysError(
      "configuration_invalid",
      `The audit log ${file} cannot be written.`,
      "Nothing was changed. Name a file that can be appended to with --audit-log.",
      error,
    );
  }
}

/** Collects the values of an option that may be given more than once. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Reads a whole number, negative ones included: what is out of range is refused where the range is known. */
export function wholeNumber(text: string): number {
  if (!/^-?\d{1,6}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
