import { jwtVerify, type JWTPayload } from "jose";

import type { Actor } from "../actions/custom-token-exchange-api.ts";
import type { Tenant } from "../tenant.ts";
import type { Client } from "../tenant-objects.ts";
import { answerWithTokens } from "./answer-with-tokens.ts";
import type { Caller, Exchange } from "./exchange.ts";
import { invalidRequest, OAuthError } from "./oauth-error.ts";
import { runPostLogin } from "./run-actions.ts";
import type { SigningKey } from "./signing-key.ts";
import {
  ACCESS_TOKEN_TYPE,
  findApi,
  findOrganization,
  findUser,
  joinOrganization,
  log,
  readScopes,
  takeOne,
  TOKEN_EXCHANGE_GRANT,
} from "./token-exchange.ts";
import { required, type TokenParameters } from "./token-request.ts";
import { requireAccess } from "./user-policies.ts";

/**
 * The on-behalf-of exchange: an API gives an access token that it got, and gets one for the next API, of the same user.
 * Its client becomes an actor around those before it, and post-login runs again.
 */
export async function exchangeOnBehalfOf(
  tenant: Tenant,
  key: SigningKey,
  client: Client,
  parameters: TokenParameters,
  caller: Caller,
): Promise<object> {
  takeOne(tenant, tenant.onBehalfOfRate);
  refuseClient(client);
  const audience = required(parameters, "audience");
  if (required(parameters, "requested_token_type") !== ACCESS_TOKEN_TYPE) {
    throw invalidRequest("requested_token_type must be that of an access token.");
  }
  const subject = await readSubject(tenant, key, client, required(parameters, "subject_token"));
  const api = findApi(tenant, audience);
  requireAccess(tenant, client, api);
  const grant = tenant.clientGrants.find(
    (one) => one.client_id === client.client_id && one.audience === audience && one.subject_type === "user",
  );
  if (!grant) throw new OAuthError(403, "access_denied", `Client is not authorized to access "${audience}".`);
  const exchange: Exchange = {
    client,
    caller,
    parameters,
    subjectTokenType: ACCESS_TOKEN_TYPE,
    requestedScopes: readScopes(parameters),
    api,
    organization: findOrganization(tenant, subject["org_id"] as string | undefined),
  };
  const actor = actorAround(tenant, client, subject);
  const details = {
    actor: withoutCustom(actor),
    requested_token_type: ACCESS_TOKEN_TYPE,
    subject_token_type: ACCESS_TOKEN_TYPE,
  };
  try {
    const user = findUser(tenant, [subject.sub ?? ""]);
    const organization = joinOrganization(tenant, exchange, undefined, user);
    const login = await runPostLogin(tenant, exchange, user, {
      protocol: "oauth2-token-exchange",
      subject_token_type: ACCESS_TOKEN_TYPE,
      actor,
    });
    const asked = exchange.requestedScopes;
    const requestedScopes =
      asked.length === 0 ? grant.scope : asked.filter((one) => grant.scope.includes(one));
    const answered = { client, user, api, organization, requestedScopes, actor, login };
    const { isAsRequested: _, scope, ...tokens } = await answerWithTokens(tenant, key, answered);
    log(tenant, "success_on_behalf_of_token_exchange", "Successful exchange", exchange, details);
    return {
      ...tokens,
      ...(scope !== asked.join(" ") && { scope }),
      issued_token_type: ACCESS_TOKEN_TYPE,
    };
  } catch (error) {
    const description = error instanceof OAuthError ? (error.detail ?? error.message) : "Internal error";
    log(tenant, "failed_on_behalf_of_token_exchange", description, exchange, details);
    throw error;
  }
}

function refuseClient(client: Client): void {
  const isAllowed =
    client["app_type"] === "resource_server" &&
    client.token_endpoint_auth_method !== "none" &&
    client.token_exchange?.allow_any_profile_of_type.includes("on_behalf_of_token_exchange") === true;
  if (isAllowed) return;
  const description = `Grant type '${TOKEN_EXCHANGE_GRANT}' not allowed for the client.`;
  throw new OAuthError(403, "unauthorized_client", description);
}

/** The claims of a user's access token for the API whose client this is. */
async function readSubject(
  tenant: Tenant,
  key: SigningKey,
  client: Client,
  token: string,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, key.publicKey, {
    issuer: tenant.issuer,
    audience: String(client["resource_server_identifier"]),
    algorithms: ["RS256"],
    currentDate: new Date(tenant.nowMs()),
  }).catch(() => {
    throw invalidRequest("Invalid subject_token.");
  });
  if (!tenant.users.has(payload.sub ?? "")) throw invalidRequest("Invalid subject_token.");
  return payload;
}

/** The client, around the token's actors; around the client that got the token, if it has none. */
function actorAround({ fidelity }: Tenant, client: Client, { act, azp, client_id }: JWTPayload): Actor {
  const limit = fidelity.max_delegation_depth;
  if (levelsOf(act) >= limit) {
    throw invalidRequest(
      `Delegation chain (\`act\` claim) depth exceeds the maximum allowed limit of ${limit}`,
    );
  }
  return { sub: client.client_id, act: act ?? { sub: azp ?? client_id } };
}

function levelsOf(act: unknown): number {
  return act === undefined ? 0 : 1 + levelsOf((act as Actor)["act"]);
}

/** What the tenant log tells of actors. */
function withoutCustom({ sub, act }: Actor): object {
  return { sub, ...(act !== undefined && { act: withoutCustom(act as Actor) }) };
}
