import { createHash } from "node:crypto";

import type { Tenant } from "../tenant.ts";
import type { Client } from "../tenant-objects.ts";
import { answerWithTokens } from "./answer-with-tokens.ts";
import { OAuthError } from "./oauth-error.ts";
import type { Sessions } from "./sessions.ts";
import type { SigningKey } from "./signing-key.ts";
import { required, type TokenParameters } from "./token-request.ts";

/** The authorization-code grant with PKCE. A code is good for one request, whatever becomes of that. */
export async function redeemCode(
  tenant: Tenant,
  key: SigningKey,
  state: Sessions,
  client: Client,
  parameters: TokenParameters,
): Promise<object> {
  const grant = state.codes.take(required(parameters, "code"));
  const user = tenant.users.get(grant?.session.userId ?? "");
  if (!grant || !user || grant.request.client.client_id !== client.client_id) {
    throw new OAuthError(403, "invalid_grant", "Invalid authorization code");
  }
  const { request, session, login } = grant;
  if (parameters.get("redirect_uri") !== request.redirectUri) {
    throw new OAuthError(403, "invalid_grant", "The redirect URI is wrong.");
  }
  const verifier = parameters.get("code_verifier") ?? "";
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  if (challenge !== request.codeChallenge) {
    throw new OAuthError(403, "invalid_grant", "Failed to verify code verifier");
  }
  const { isAsRequested: _, ...answer } = await answerWithTokens(tenant, key, {
    client,
    user,
    api: request.api,
    organization: request.organization,
    requestedScopes: request.scopes,
    login,
    idClaims: {
      sid: session.id.slice(0, 16),
      ...(request.nonce !== undefined && { nonce: request.nonce }),
      ...(request.organization && { org_id: request.organization.id }),
      ...(request.maxAgeSeconds !== undefined && { auth_time: session.loggedInAtSeconds }),
    },
  });
  return answer;
}
