import { Command, InvalidArgumentError, Option } from "commander";

import { fileTokenCache, defaultCacheFolder } from "../client/file-token-cache.ts";
import { memoryTokenCache } from "../client/memory-token-cache.ts";
import { ApiKeyTokenSource } from "../client/token-source.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { Io } from "./io.ts";
import { presentToken, type TokenForm } from "./present-token.ts";
import { runProgram } from "./run-program.ts";
import { readTokenSettings, type TokenFlags } from "./token-settings.ts";

interface Options extends TokenFlags {
  readonly cache: boolean;
  readonly wait: number;
  readonly header?: true;
  readonly curl?: true;
  readonly execCredential?: true;
  readonly json?: true;
}

const FORMS = ["header", "curl", "execCredential", "json"] as const;

/** Runs `auth0-api-keys` with these arguments. Gives the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runToken(argv: readonly string[], io: Io): Promise<0 | 1 | 2> {
  const program = new Command("auth0-api-keys").description("Use API keys of Auth0 users.");
  const form = (flags: string, description: string, name: TokenForm) =>
    new Option(flags, description).conflicts(FORMS.filter((other) => other !== name));
  program
    .command("token")
    .description(
      "Exchange the API key in API_KEY, or on standard input, for an access token and print it. Tokens are cached.",
    )
    .option("--domain <domain>", "the tenant's domain (AUTH0_DOMAIN)")
    .option("--client-id <id>", "the client that exchanges (API_KEY_CLIENT_ID)")
    .option("--subject-token-type <urn>", "the type of these keys (API_KEY_SUBJECT_TOKEN_TYPE)")
    .option("--audience <url>", "the API (API_KEY_AUDIENCE)")
    .option("--scope <scopes>", "space-delimited; default: all that the key has (API_KEY_SCOPE)")
    .option("--organization <id>", "the organization (API_KEY_ORGANIZATION)")
    .option("--local", "use the running local tenant")
    .option("--no-cache", "neither read nor keep a token")
    .option("--wait <seconds>", "how long to wait where the tenant's limit is reached", wholeSeconds, 20)
    .addOption(form("--header", "print a header: Authorization: Bearer …", "header"))
    .addOption(form("--curl", "print a configuration: curl --config <(auth0-api-keys token --curl)", "curl"))
    .addOption(form("--exec-credential", "print a Kubernetes ExecCredential", "execCredential"))
    .addOption(form("--json", "print one JSON value", "json"))
    .action(async (options: Options) => printToken(options, io));
  return runProgram(program, argv, io);
}

async function printToken(options: Options, io: Io): Promise<void> {
  const settings = await readTokenSettings(io.env, options);
  const { audience, scope, organization, ...endpoint } = settings;
  const source = new ApiKeyTokenSource({
    ...endpoint,
    cache: options.cache ? fileTokenCache({ folder: defaultCacheFolder(io.env) }) : memoryTokenCache(),
    refresh: "inline",
    waitBudgetMs: options.wait * 1000,
    onCacheError: warnOnce(io),
  });
  const token = await source.getToken({ apiKey: await readApiKey(io), audience, scope, organization });
  io.stdout(presentToken(token, FORMS.find((name) => options[name]) ?? "token"));
}

function wholeSeconds(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) <= 3_600) return Number(text);
  throw new InvalidArgumentError("It must be a number of seconds from 0 to 3600.");
}

async function readApiKey(io: Io): Promise<string> {
  const given = (io.env["API_KEY"] ?? "").trim();
  const text = given === "" ? (await io.readStdin()).trim() : given;
  if (text !== "") return text;
  throw new ApiKeysError(
    "configuration_invalid",
    "There is no API key.",
    "Set API_KEY, or give the key on standard input; never as an argument, which other users of the machine can see.",
  );
}

function warnOnce(io: Io): (error: unknown) => void {
  let isTold = false;
  return (error) => {
    if (!isTold)
      io.stderr(`warning: tokens are not cached: ${error instanceof Error ? error.message : ""}\n`);
    isTold = true;
  };
}
