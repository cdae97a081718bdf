import type { CachedToken } from "../client/token-cache.ts";

/** The forms that a token is printed in. */
export type TokenForm = "token" | "header" | "curl" | "execCredential" | "json";

/** A token for whoever reads standard output, with its line break. */
export function presentToken(token: CachedToken, form: TokenForm): string {
  const { access_token, token_type, scope } = token;
  const expiresAt = new Date(token.expiresAtSeconds * 1000).toISOString().replace(".000Z", "Z");
  switch (form) {
    case "token":
      return `${access_token}\n`;
    case "header":
      return `Authorization: Bearer ${access_token}\n`;
    case "curl":
      // A token has none of the characters that curl's configuration would read otherwise: see B64TOKEN.
      return `header = "Authorization: Bearer ${access_token}"\n`;
    case "execCredential":
      return `${JSON.stringify({
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        status: { token: access_token, expirationTimestamp: expiresAt },
      })}\n`;
    case "json":
      return `${JSON.stringify({ access_token, token_type, scope, expires_at: expiresAt })}\n`;
  }
}
