import {
  customTokenExchangeApi,
  type Actor,
  type ExchangeCommands,
} from "../actions/custom-token-exchange-api.ts";
import type { DeployedAction } from "../actions/deployed-action.ts";
import { postLoginApi, type LoginCommands } from "../actions/post-login-api.ts";
import { ActionFailure, runAction } from "../actions/run-action.ts";
import type { Tenant } from "../tenant.ts";
import type { User } from "../tenant-objects.ts";
import { OAuthError } from "./oauth-error.ts";
import type { Exchange } from "./exchange.ts";

/** Runs the profile's Action. Throws its denial as an `OAuthError`; counts what it rejects for the address. */
export async function runExchangeAction(
  tenant: Tenant,
  action: DeployedAction,
  exchange: Exchange,
): Promise<ExchangeCommands> {
  const { client, caller, parameters } = exchange;
  const event = {
    ...commonEvent(tenant, exchange),
    secrets: { ...action.version.secrets },
    configuration: {},
    request: {
      // The raw request, secrets included, as in the real event.
      body: Object.fromEntries(parameters),
      geoip: {},
      hostname: caller.hostname,
      ip: caller.ip,
      method: "POST",
      user_agent: caller.userAgent,
    },
    client: { client_id: client.client_id, name: client.name, metadata: client.client_metadata },
    transaction: {
      subject_token: parameters.get("subject_token"),
      subject_token_type: exchange.subjectTokenType,
      requested_scopes: [...exchange.requestedScopes],
      requested_token_type: null,
      ...(parameters.has("actor_token") && {
        actor_token: parameters.get("actor_token"),
        actor_token_type: parameters.get("actor_token_type"),
      }),
    },
  };
  const { api, commands } = customTokenExchangeApi();
  await run(tenant, action, event, api);
  const { denial } = commands;
  if (denial?.countsForIp) tenant.ipAttempts?.take(caller.ip);
  const isDenied = denial !== undefined && (tenant.fidelity.denial_wins || commands.userIds.length === 0);
  if (isDenied) throw new OAuthError(denial.code === "server_error" ? 500 : 400, denial.code, denial.reason);
  return commands;
}

/** What post-login Actions are told of how the login came about. */
export interface LoginTransaction {
  readonly protocol: "oauth2-token-exchange" | "oidc-basic-profile";
  readonly subject_token_type?: string;
  readonly actor?: Actor;
}

/** Runs the post-login Actions in the order of their bindings. Throws a denial as an `OAuthError`. */
export async function runPostLogin(
  tenant: Tenant,
  exchange: Pick<Exchange, "client" | "caller" | "requestedScopes" | "api" | "organization">,
  user: User,
  transaction: LoginTransaction,
): Promise<LoginCommands> {
  const { client, caller } = exchange;
  const { api, commands } = postLoginApi();
  const isTold = transaction.protocol !== "oauth2-token-exchange" || tenant.fidelity.post_login_request_ip;
  for (const { action_id } of tenant.postLoginBindings) {
    const action = tenant.actions.get(action_id);
    if (!action) continue;
    const event = {
      ...commonEvent(tenant, exchange),
      secrets: { ...action.version.secrets },
      configuration: {},
      client: { client_id: client.client_id, name: client.name, metadata: client.client_metadata },
      request: {
        geoip: {},
        hostname: caller.hostname,
        ...(isTold && { ip: caller.ip }),
        method: "POST",
        user_agent: caller.userAgent,
      },
      stats: { logins_count: 1 },
      user: structuredClone(user),
      transaction: {
        ...structuredClone(transaction),
        requested_scopes: [...exchange.requestedScopes],
      },
    };
    await run(tenant, action, event, api);
    if (commands.denial !== undefined) {
      throw new OAuthError(tenant.fidelity.post_login_deny_status, "access_denied", commands.denial);
    }
  }
  return commands;
}

function commonEvent(tenant: Tenant, { api, organization }: Pick<Exchange, "api" | "organization">): object {
  return {
    tenant: { id: tenant.name },
    ...(api && { resource_server: { identifier: api.identifier } }),
    ...(organization && {
      organization: {
        id: organization.id,
        name: organization.name,
        display_name: organization.display_name,
        metadata: {},
      },
    }),
  };
}

async function run(tenant: Tenant, action: DeployedAction, event: object, api: object): Promise<void> {
  try {
    await runAction(action, event, api, tenant.onLog);
  } catch (error) {
    if (!(error instanceof ActionFailure)) throw error;
    throw new OAuthError(
      tenant.fidelity.failed_action_status,
      "server_error",
      "The request could not be processed.",
      {
        detail: String(error.cause),
      },
    );
  }
}
