import type { ExchangeEndpoint, ExchangeParameters } from "../client/exchange.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { Io } from "./io.ts";
import { readLocalFile } from "./local-file.ts";
import { originOf } from "./settings.ts";

/** Where a key is exchanged and what the token is for. */
export type TokenSettings = ExchangeEndpoint & ExchangeParameters;

/** What flags say of it; each wins over the environment. */
export interface TokenFlags {
  readonly domain?: string;
  readonly clientId?: string;
  readonly subjectTokenType?: string;
  readonly audience?: string;
  readonly scope?: string;
  readonly organization?: string;
  readonly local?: true;
}

/**
 * Reads the settings from flags, the environment and, for `--local`, the running local tenant, in this order. Throws
 * `configuration_invalid` naming everything that is missing.
 */
export async function readTokenSettings(env: Io["env"], flags: TokenFlags): Promise<TokenSettings> {
  const local = flags.local ? await readLocalFile(env) : undefined;
  const missing: string[] = [];
  const find = (flag: string | undefined, name: string, ofLocal: string | undefined, flagName: string) => {
    // With --local the environment of the real tenant does not get in between.
    const found = flag ?? ofLocal ?? env[name];
    if (found === undefined || found.trim() === "") missing.push(`${flagName} or ${name}`);
    return found ?? "";
  };
  const domain = local ? "" : find(flags.domain, "AUTH0_DOMAIN", undefined, "--domain");
  const client_id = find(flags.clientId, "API_KEY_CLIENT_ID", local?.client_id, "--client-id");
  const subject_token_type = find(
    flags.subjectTokenType,
    "API_KEY_SUBJECT_TOKEN_TYPE",
    local?.subject_token_type,
    "--subject-token-type",
  );
  const audience = find(flags.audience, "API_KEY_AUDIENCE", local?.audience, "--audience");
  if (missing.length > 0) {
    throw new ApiKeysError(
      "configuration_invalid",
      `Missing: ${missing.join("; ")}.`,
      "Set them, or use the local tenant with --local.",
    );
  }
  // What is unset in a CI system is empty there: a client without a secret is then public, or the tenant says that it is wrong.
  const set = (name: string) => env[name]?.trim() || undefined;
  const secret = local ? undefined : set("API_KEY_CLIENT_SECRET");
  return {
    token_endpoint: local?.token_endpoint ?? `${originOf(domain)}/oauth/token`,
    client_id,
    subject_token_type,
    audience,
    scope: flags.scope ?? set("API_KEY_SCOPE"),
    organization: flags.organization ?? set("API_KEY_ORGANIZATION"),
    ...(secret !== undefined && { client_secret: secret }),
  };
}
