import type { Actor } from "../actions/custom-token-exchange-api.ts";
import type { Tenant } from "../tenant.ts";
import type { TokenBucket } from "../token-bucket.ts";
import type { Client, Organization, ResourceServer, TenantLog, User } from "../tenant-objects.ts";
import { answerWithTokens } from "./answer-with-tokens.ts";
import type { Caller, Exchange } from "./exchange.ts";
import { invalidRequest, OAuthError } from "./oauth-error.ts";
import { runExchangeAction, runPostLogin } from "./run-actions.ts";
import type { SigningKey } from "./signing-key.ts";
import { required, type TokenParameters } from "./token-request.ts";
import { isEnabledFor, requireAccess, requireConnection, requireNoMfa } from "./user-policies.ts";

/** The grant type of RFC 8693 §2.1. */
export const TOKEN_EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
/** Of access tokens, RFC 8693 §3. */
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";
const NO_PROFILE = "Invalid subject_token_type and requested_token_type combination.";

/** The custom token exchange: the checks in the order of docs/FIDELITY.md, both triggers, then the tokens. */
export async function exchangeToken(
  tenant: Tenant,
  key: SigningKey,
  client: Client,
  parameters: TokenParameters,
  caller: Caller,
): Promise<object> {
  throttle(tenant, caller.ip);
  const subjectTokenType = required(parameters, "subject_token_type");
  required(parameters, "subject_token");
  if (parameters.has("actor_token") !== parameters.has("actor_token_type")) {
    throw invalidRequest("actor_token and actor_token_type must be given together.");
  }
  const profile = [...tenant.profiles.values()].find((one) => one.subject_token_type === subjectTokenType);
  const action = profile && tenant.actions.get(profile.action_id);
  if (!action || parameters.has("requested_token_type")) throw invalidRequest(NO_PROFILE);
  refuseClient(tenant, client);

  const exchange: Exchange = {
    client,
    caller,
    parameters,
    subjectTokenType,
    requestedScopes: readScopes(parameters),
    api: findApi(tenant, parameters.get("audience")),
    organization: findOrganization(tenant, parameters.get("organization")),
  };
  requireAccess(tenant, client, exchange.api);
  let actor: Actor | undefined;
  try {
    const outcome = await runExchangeAction(tenant, action, exchange);
    actor = outcome.actor;
    const user = findUser(tenant, outcome.userIds);
    requireConnection(tenant, client, user);
    const organization = joinOrganization(tenant, exchange, outcome.organization, user);
    const login = await runPostLogin(tenant, { ...exchange, organization }, user, {
      protocol: "oauth2-token-exchange",
      subject_token_type: subjectTokenType,
      ...(actor && { actor }),
    });
    requireNoMfa(tenant, actor);
    const { isAsRequested, scope, ...tokens } = await answerWithTokens(tenant, key, {
      ...exchange,
      organization,
      user,
      actor,
      login,
      noScopeGrants: tenant.fidelity.no_scope_grants,
    });
    const answer = {
      ...tokens,
      ...(!isAsRequested && { scope }),
      issued_token_type: ACCESS_TOKEN_TYPE,
    };
    const details = { subject_token_type: subjectTokenType, ...(actor && { actor }) };
    log(tenant, "secte", "Successful token exchange", exchange, details, { user_id: user.user_id });
    return answer;
  } catch (error) {
    const description = error instanceof OAuthError ? (error.detail ?? error.message) : "Internal error";
    const details = { subject_token_type: subjectTokenType, ...(actor && { actor }) };
    log(tenant, "fecte", description, exchange, details, { hostname: caller.hostname });
    throw error;
  }
}

/** Takes one exchange of so many a second. Throws Auth0's answer where there is none left. */
export function takeOne({ nowMs }: Tenant, rate: TokenBucket | undefined): void {
  if (!rate || rate.take("tenant")) return;
  const waitMs = rate.waitMs("tenant");
  const headers = {
    "x-ratelimit-limit": String(rate.size),
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(Math.ceil((nowMs() + waitMs) / 1000)),
    "retry-after": String(Math.ceil(waitMs / 1000)),
  };
  throw new OAuthError(429, "too_many_requests", "Global limit has been reached", { headers });
}

/** Auth0's two limits: exchanges a second for the tenant, and failed attempts for an address. */
function throttle(tenant: Tenant, ip: string): void {
  const { exchangeRate, ipAttempts } = tenant;
  takeOne(tenant, exchangeRate);
  const { enabled, allowlist } = tenant.ipThrottling;
  const isThrottled = enabled && !allowlist.includes(ip);
  if (ipAttempts && isThrottled && ipAttempts.left(ip) < 1) {
    throw new OAuthError(
      429,
      "too_many_attempts",
      "We have detected suspicious login behavior and further attempts will be blocked. Please contact the administrator.",
    );
  }
}

function refuseClient(tenant: Tenant, client: Client): void {
  const isAllowed =
    client.token_exchange?.allow_any_profile_of_type.includes("custom_authentication") === true &&
    client.is_first_party &&
    client.oidc_conformant &&
    (!tenant.fidelity.grant_type_required || client.grant_types.includes(TOKEN_EXCHANGE_GRANT));
  if (isAllowed) return;
  throw new OAuthError(
    403,
    "unauthorized_client",
    `Grant type '${TOKEN_EXCHANGE_GRANT}' not allowed for the client.`,
  );
}

/** The scopes that a request names, each once. */
export function readScopes(parameters: TokenParameters): readonly string[] {
  return [...new Set((parameters.get("scope") ?? "").split(" ").filter((scope) => scope !== ""))];
}

/** The API of an audience, which must not ask for consent. */
export function findApi(tenant: Tenant, audience: string | undefined): ResourceServer | undefined {
  if (audience === undefined) return undefined;
  const api = tenant.resourceServers.get(audience);
  if (!api) throw new OAuthError(403, "access_denied", `Service not found: ${audience}`);
  if (!api.skip_consent_for_verifiable_first_party_clients) {
    throw new OAuthError(tenant.fidelity.consent_required_status, "invalid_request", "consent_required");
  }
  return api;
}

/** The organization with this id or name. */
export function findOrganization(tenant: Tenant, idOrName: string | undefined): Organization | undefined {
  if (idOrName === undefined) return undefined;
  const all = [...tenant.organizations.values()];
  const organization = all.find(({ id, name }) => id === idOrName || name === idOrName);
  if (!organization) throw invalidRequest(`parameter organization is invalid: ${idOrName}`);
  return organization;
}

/** The one user that was named, who must not be blocked. */
export function findUser(tenant: Tenant, userIds: readonly string[]): User {
  const [userId] = userIds;
  const user = userId === undefined ? undefined : tenant.users.get(userId);
  if (user && userIds.length === 1 && user["blocked"] !== true) return user;
  const detail = user ? "The user is blocked." : "The Action set no user, or one that does not exist.";
  throw new OAuthError(tenant.fidelity.refused_user_status, "invalid_request", "Token exchange failed.", {
    detail,
  });
}

/** The organization of the login: what was requested and what the Action set must agree, and the user be a member. */
export function joinOrganization(
  tenant: Tenant,
  exchange: Exchange,
  setByAction: string | undefined,
  user: User,
): Organization | undefined {
  const set = findOrganization(tenant, setByAction);
  const organization = set ?? exchange.organization;
  if (set && exchange.organization && set.id !== exchange.organization.id) {
    throw invalidRequest("The organization does not match the requested organization.");
  }
  if (organization && !organization.members.has(user.user_id)) {
    throw invalidRequest(`user is not part of the ${organization.id} organization`);
  }
  if (organization && !isEnabledFor(tenant, organization, user)) {
    throw invalidRequest(`the connection of the user is not enabled for the ${organization.id} organization`);
  }
  return organization;
}

/** Tells the tenant log how an exchange ended. */
export function log(
  tenant: Tenant,
  type: TenantLog["type"],
  description: string,
  exchange: Exchange,
  details: object,
  more: object = {},
): void {
  tenant.log({
    type,
    description,
    ...more,
    audience: exchange.api?.identifier ?? "",
    client_id: exchange.client.client_id,
    client_name: exchange.client.name,
    ip: exchange.caller.ip,
    user_agent: exchange.caller.userAgent ?? "",
    scope: exchange.requestedScopes.join(" "),
    details,
  });
}
