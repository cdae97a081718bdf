import type { Tenant } from "../tenant.ts";
import type { Client } from "../tenant-objects.ts";
import { issueAccessToken } from "./issue-tokens.ts";
import { OAuthError } from "./oauth-error.ts";
import type { SigningKey } from "./signing-key.ts";
import { required, type TokenParameters } from "./token-request.ts";

const MANAGEMENT_LIFETIME_SECONDS = 86_400;

/** The client-credentials grant, for APIs that the client has a grant for; the Management API among them. */
export async function clientCredentials(
  tenant: Tenant,
  key: SigningKey,
  client: Client,
  parameters: TokenParameters,
): Promise<object> {
  const audience = required(parameters, "audience");
  const isManagement = audience === tenant.managementAudience;
  const api = tenant.resourceServers.get(audience);
  if (!client.grant_types.includes("client_credentials")) {
    throw new OAuthError(
      403,
      "unauthorized_client",
      "Grant type 'client_credentials' not allowed for the client.",
    );
  }
  if (!isManagement && !api) {
    throw new OAuthError(403, "access_denied", `Service not enabled within domain: ${audience}`);
  }
  const grant = tenant.clientGrants.find(
    (one) => one.client_id === client.client_id && one.audience === audience && one.subject_type !== "user",
  );
  if (!grant) {
    throw new OAuthError(
      403,
      "access_denied",
      `Client is not authorized to access "${audience}". You need to create a "client-grant" associated to this API.`,
    );
  }
  const lifetimeSeconds = api?.token_lifetime ?? MANAGEMENT_LIFETIME_SECONDS;
  const access_token = await issueAccessToken(tenant, key, {
    subject: `${client.client_id}@clients`,
    client,
    audience,
    scopes: grant.scope,
    lifetimeSeconds,
    dialect: api?.token_dialect ?? "access_token",
    gty: "client-credentials",
  });
  return { access_token, scope: grant.scope.join(" "), expires_in: lifetimeSeconds, token_type: "Bearer" };
}
