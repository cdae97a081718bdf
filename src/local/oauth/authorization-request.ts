import type { Tenant } from "../tenant.ts";
import type { Client, Organization, ResourceServer } from "../tenant-objects.ts";
import { OAuthError } from "./oauth-error.ts";
import { findApi, findOrganization } from "./token-exchange.ts";
import { requireAccess } from "./user-policies.ts";

/** Where the answer to an authorization request goes, and how. */
export interface ReturnAddress {
  readonly client: Client;
  readonly redirectUri: string;
  readonly responseMode: "query" | "web_message";
  readonly state: string | undefined;
}

/** An authorization request, RFC 6749 §4.1.1 with PKCE and the parameters of OpenID Connect. */
export interface AuthorizationRequest extends ReturnAddress {
  readonly api: ResourceServer | undefined;
  readonly organization: Organization | undefined;
  readonly scopes: readonly string[];
  readonly nonce: string | undefined;
  readonly codeChallenge: string;
  readonly prompt: "none" | "login" | undefined;
  readonly maxAgeSeconds: number | undefined;
  readonly loginHint: string | undefined;
}

/** Where to answer. Throws an `OAuthError` that is for the person at the browser: nothing is sent anywhere else. */
export function readReturnAddress(tenant: Tenant, query: URLSearchParams): ReturnAddress {
  const client = tenant.clients.get(query.get("client_id") ?? "");
  if (!client) throw new OAuthError(403, "invalid_request", `Unknown client: ${query.get("client_id")}`);
  const redirectUri = query.get("redirect_uri") ?? "";
  if (!listOf(client, "callbacks").includes(redirectUri)) {
    throw new OAuthError(403, "invalid_request", "Callback URL mismatch.");
  }
  const responseMode = query.get("response_mode") ?? "query";
  if (responseMode !== "query" && responseMode !== "web_message") {
    throw new OAuthError(400, "invalid_request", "Unsupported response mode.");
  }
  const origins = listOf(client, "web_origins");
  if (responseMode === "web_message" && !origins.includes(new URL(redirectUri).origin)) {
    throw new OAuthError(403, "invalid_request", "The page's origin is not among the client's web origins.");
  }
  return { client, redirectUri, responseMode, state: query.get("state") ?? undefined };
}

/** What is asked for. Throws an `OAuthError` that is sent to the return address. */
export function readAuthorizationRequest(
  tenant: Tenant,
  query: URLSearchParams,
  address: ReturnAddress,
): AuthorizationRequest {
  const { client } = address;
  if (query.get("response_type") !== "code") {
    throw new OAuthError(400, "unsupported_response_type", "Only the response type code is supported.");
  }
  if (!client.grant_types.includes("authorization_code")) {
    throw new OAuthError(403, "unauthorized_client", "Grant type 'authorization_code' not allowed.");
  }
  const codeChallenge = query.get("code_challenge") ?? "";
  if (query.get("code_challenge_method") !== "S256" || !/^[\w-]{43}$/.test(codeChallenge)) {
    throw new OAuthError(400, "invalid_request", "A code_challenge of the method S256 is needed.");
  }
  const prompt = query.get("prompt") ?? undefined;
  if (prompt !== undefined && prompt !== "none" && prompt !== "login") {
    throw new OAuthError(400, "invalid_request", `Unsupported prompt: ${prompt}`);
  }
  const maxAge = query.get("max_age");
  const api = findApi(tenant, query.get("audience") ?? undefined);
  requireAccess(tenant, client, api);
  return {
    ...address,
    api,
    organization: findOrganization(tenant, query.get("organization") ?? undefined),
    scopes: [...new Set((query.get("scope") ?? "").split(" ").filter((scope) => scope !== ""))],
    nonce: query.get("nonce") ?? undefined,
    codeChallenge,
    prompt,
    maxAgeSeconds: maxAge === null ? undefined : Number(maxAge),
    loginHint: query.get("login_hint") ?? undefined,
  };
}

/** A list of URLs of a client; empty if it has none. */
export function listOf(client: Client, name: "callbacks" | "web_origins" | "allowed_logout_urls"): string[] {
  const list = client[name];
  return Array.isArray(list) ? list.map(String) : [];
}
