import type { ApiKey, Grantable } from "./types.ts";

/** What an exchange of a key sends besides the key itself: for the first API that the key has scopes of. */
export function exchangeFields(
  apiKey: ApiKey,
  { exchange, scopes }: Pick<Grantable, "exchange" | "scopes">,
): readonly (readonly [name: string, value: string])[] {
  const granted = scopes.filter(({ value }) => apiKey.scopes?.includes(value) ?? true);
  const audience = granted[0]?.audience ?? apiKey.audiences?.[0] ?? scopes[0]?.audience ?? "";
  const scope = granted.filter((one) => one.audience === audience).map(({ value }) => value);
  return [
    ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
    ["subject_token_type", exchange.subject_token_type],
    ["client_id", exchange.client_ids[0] ?? ""],
    ["audience", audience],
    ...(scope.length > 0 ? [["scope", scope.join(" ")] as const] : []),
  ];
}

/**
 * The command that exchanges a key with nothing but a shell and curl. The key is asked for, and goes to curl on standard
 * input: it is neither in the shell's history nor among the arguments that others can list.
 */
export function exchangeCommand(apiKey: ApiKey, known: Pick<Grantable, "exchange" | "scopes">): string {
  const lines = exchangeFields(apiKey, known).map(
    ([name, value]) => `  --data-urlencode ${quote(`${name}=${value}`)} \\\n`,
  );
  return `printf 'API key: '; read -rs API_KEY; printf %s "$API_KEY" | curl -sS ${quote(known.exchange.token_endpoint)} \\\n${lines.join("")}  --data-urlencode subject_token@-`;
}

function quote(text: string): string {
  return /^[\w:/.=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
