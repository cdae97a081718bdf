import { InvalidArgumentError, type Command } from "commander";

import { loadDeployConfig } from "../../deploy/load-config.ts";
import type { Keys } from "../../keys/keys.ts";
import type { Io } from "../io.ts";
import { readSettings } from "../settings.ts";
import { openKeys } from "./open-keys.ts";

/** The options that every command has. */
export interface CommonOptions {
  readonly config: string;
  readonly json?: true;
  readonly local?: true;
}

/** The options of a command about one user's keys. */
export interface UserOptions extends CommonOptions {
  readonly user: string;
}

/** What commands are made with, so that all of them take the same options and print the same way. */
export interface CommandKit {
  readonly io: Io;
  /** A command that needs neither store. */
  add(usage: string, description: string): Command;
  /** A command that works on the stores. */
  addOnline(usage: string, description: string): Command;
  /** A command about one user's keys. */
  addForUser(usage: string, description: string): Command;
  /** Prints a result: as JSON if that was asked for, else as text. */
  print(options: CommonOptions, value: object, text: string): void;
  /** Opens the stores that the options and the environment name. */
  open(options: CommonOptions): Promise<Keys>;
}

/** A kit that adds its commands to `program`. */
export function commandKit(program: Command, io: Io): CommandKit {
  const add = (usage: string, description: string) =>
    program
      .command(usage)
      .description(description)
      .option("--config <file>", "the deployment's configuration", "deploy.config.ts")
      .option("--json", "print one JSON value");
  const addOnline = (usage: string, description: string) =>
    add(usage, description).option("--local", "use the running local tenant");
  return {
    io,
    add,
    addOnline,
    addForUser: (usage, description) =>
      addOnline(usage, description).requiredOption("--user <id>", "the user's Auth0 user_id"),
    print: (options, value, text) => io.stdout(options.json ? `${JSON.stringify(value)}\n` : text),
    async open(options) {
      const config = await loadDeployConfig(options.config);
      return openKeys(config, await readSettings(io.env, options.local === true));
    },
  };
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
