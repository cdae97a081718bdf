import type { Stage } from "./stage.ts";

/** What the Management API answered. */
export interface ManagementAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly id: string; readonly [field: string]: unknown };
}

/** Sends a request to the Management API as a client of the tenant. */
export type Manage = (method: string, path: string, body?: unknown) => Promise<ManagementAnswer>;

/**
 * A client of the stage's Management API; with other scopes than the provisioning client's if they are given, and
 * through a proxy if one is.
 */
export async function manage(s: Stage, scopes?: readonly string[], proxy?: string): Promise<Manage> {
  const { tenant, description } = s.local;
  const client_id = description.management_client_id;
  if (scopes) {
    const at = tenant.clientGrants.findIndex((grant) => grant.client_id === client_id);
    const audience = tenant.managementAudience;
    tenant.clientGrants.splice(at, 1, { client_id, audience, scope: scopes });
  }
  const token = await fetch(description.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id,
      client_secret: description.management_client_secret,
      audience: tenant.managementAudience,
    }),
  });
  const { access_token } = (await token.json()) as { readonly access_token: string };
  return async (method, path, body) => {
    const response = await fetch(`${proxy ?? description.management_api}${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === "" ? {} : JSON.parse(text)) as ManagementAnswer["body"],
    };
  };
}
