import { getConnInfo } from "@hono/node-server/conninfo";
import { Hono, type Context } from "hono";
import { cors } from "hono/cors";

import { limitBody } from "../limit-body.ts";
import type { Tenant } from "../tenant.ts";
import type { Client } from "../tenant-objects.ts";
import { authenticateClient } from "./authenticate-client.ts";
import { redeemCode } from "./authorization-code.ts";
import { listOf } from "./authorization-request.ts";
import { authorizeApp } from "./authorize-app.ts";
import { clientCredentials } from "./client-credentials.ts";
import { OAuthError } from "./oauth-error.ts";
import { exchangeOnBehalfOf } from "./on-behalf-of.ts";
import type { SigningKey } from "./signing-key.ts";
import type { Caller } from "./exchange.ts";
import { Sessions } from "./sessions.ts";
import { ACCESS_TOKEN_TYPE, exchangeToken, TOKEN_EXCHANGE_GRANT } from "./token-exchange.ts";
import { readTokenRequest, required } from "./token-request.ts";
import { userinfo } from "./userinfo.ts";

const MAX_BODY_BYTES = 100 * 1024;
const tooLarge = new OAuthError(413, "invalid_request", "The request is too large.");

/** `/oauth/token`, `/authorize` and what belongs to it, the discovery document and the JWKS of a tenant. */
export function oauthApp(tenant: Tenant, key: SigningKey): Hono {
  const app = new Hono();
  const state = new Sessions(tenant.nowMs);
  // Auth0 lets in the pages of every origin that is one of a client's web origins.
  const isWebOrigin = (origin: string) =>
    [...tenant.clients.values()].some((client) => listOf(client, "web_origins").includes(origin));
  const forPages = cors({ origin: (origin) => (isWebOrigin(origin) ? origin : undefined), maxAge: 600 });
  for (const path of ["/oauth/token", "/userinfo", "/.well-known/*"]) {
    app.use(path, async (c, next) => {
      if (c.req.header("origin") !== undefined || c.req.method === "OPTIONS") return forPages(c, next);
      // All that it would add to an answer for no page, for which it would make a second answer of each.
      c.header("vary", "Origin");
      return next();
    });
  }
  app.route("/", authorizeApp(tenant, state));
  app.on(["GET", "POST"], "/userinfo", async (c) => {
    try {
      const claims = await userinfo(tenant, key, c.req.header("authorization"));
      noStore(c);
      return c.json(claims);
    } catch (error) {
      return refuse(c, error);
    }
  });
  app.get("/.well-known/openid-configuration", (c) => c.json(discovery(tenant)));
  app.get("/.well-known/jwks.json", (c) => c.json({ keys: [key.publicJwk] }));
  app.use(
    "/oauth/token",
    limitBody(MAX_BODY_BYTES, (c) => refuse(c, tooLarge)),
  );
  app.post("/oauth/token", async (c) => {
    try {
      const parameters = await readTokenRequest(c.req, tenant.fidelity.json_token_requests);
      const grantType = required(parameters, "grant_type");
      const client = authenticateClient(tenant, c.req.header("authorization"), parameters);
      noStore(c);
      switch (grantType) {
        case "client_credentials":
          return c.json(await clientCredentials(tenant, key, client, parameters));
        case "authorization_code":
          return c.json(await redeemCode(tenant, key, state, client, parameters));
        case TOKEN_EXCHANGE_GRANT: {
          const isPassedOn = parameters.get("subject_token_type") === ACCESS_TOKEN_TYPE;
          const exchange = isPassedOn ? exchangeOnBehalfOf : exchangeToken;
          return c.json(await exchange(tenant, key, client, parameters, callerOf(c, client)));
        }
        default:
          throw new OAuthError(403, "unsupported_grant_type", `Unsupported grant type: ${grantType}`);
      }
    } catch (error) {
      return refuse(c, error);
    }
  });
  app.all("/oauth/token", (c) => refuse(c, new OAuthError(405, "invalid_request", "Use POST.")));
  return app;
}

/** Every failure as an OAuth error; what is not one of them is our own, and says nothing of itself. */
function refuse(c: Context, error: unknown): Response {
  const refusal =
    error instanceof OAuthError
      ? error
      : new OAuthError(500, "server_error", "The request could not be processed.");
  noStore(c);
  for (const [name, value] of Object.entries(refusal.headers)) c.header(name, value);
  return c.json(
    { error: refusal.error, error_description: refusal.message, ...refusal.fields },
    refusal.status,
  );
}

function noStore(c: Context): void {
  c.header("cache-control", "no-store");
  c.header("pragma", "no-cache");
}

/** The caller's address: that of the socket, unless a trusted confidential client says whom it forwards for. */
function callerOf(c: Context, client: Client): Caller {
  const forwarded = c.req.header("auth0-forwarded-for");
  const isTrusted =
    client.is_token_endpoint_ip_header_trusted && client.token_endpoint_auth_method !== "none";
  const ip = isTrusted && forwarded !== undefined ? forwarded : (getConnInfo(c).remote.address ?? "");
  return { ip, hostname: new URL(c.req.url).hostname, userAgent: c.req.header("user-agent") };
}

function discovery({ issuer }: Tenant): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}authorize`,
    token_endpoint: `${issuer}oauth/token`,
    userinfo_endpoint: `${issuer}userinfo`,
    jwks_uri: `${issuer}.well-known/jwks.json`,
    mfa_challenge_endpoint: `${issuer}mfa/challenge`,
    grant_types_supported: ["authorization_code", "client_credentials", TOKEN_EXCHANGE_GRANT],
    code_challenge_methods_supported: ["S256"],
    response_modes_supported: ["query", "web_message"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    scopes_supported: ["openid", "profile", "email", "address", "phone", "offline_access"],
  };
}
