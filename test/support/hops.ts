import { post, type Answer, type Stage } from "./stage.ts";

const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

/** The client of an API, which may pass tokens on that were made for it. */
export const clientOf = (api: string) => `client of ${api}`;

/** Gives each API a client that may pass its tokens on to every one of them, with all that it names. */
export function connectApis({ local: { tenant } }: Stage, apis: readonly string[]): void {
  for (const identifier of apis) {
    const client_id = clientOf(identifier);
    tenant.clients.set(client_id, {
      client_id,
      name: client_id,
      client_secret: "s3cret",
      token_endpoint_auth_method: "client_secret_post",
      grant_types: [],
      is_first_party: true,
      oidc_conformant: true,
      is_token_endpoint_ip_header_trusted: false,
      client_metadata: {},
      app_type: "resource_server",
      resource_server_identifier: identifier,
      token_exchange: { allow_any_profile_of_type: ["on_behalf_of_token_exchange"] },
    });
    for (const audience of apis) {
      const scope = tenant.resourceServers.get(audience)?.scopes ?? [];
      tenant.clientGrants.push({ client_id, audience, scope, subject_type: "user" });
    }
  }
}

/** An API passes a token on that it got: the on-behalf-of exchange. */
export async function passOn(
  { local }: Stage,
  from: string,
  token: unknown,
  parameters: Readonly<Record<string, string | undefined>>,
): Promise<Answer> {
  const all = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: ACCESS_TOKEN,
    requested_token_type: ACCESS_TOKEN,
    subject_token: String(token),
    client_id: clientOf(from),
    client_secret: "s3cret",
    ...parameters,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return post(local.description.token_endpoint, new URLSearchParams(given));
}
