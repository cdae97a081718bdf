import { randomBytes, randomUUID } from "node:crypto";

import type { Actor } from "../actions/custom-token-exchange-api.ts";
import type { Tenant } from "../tenant.ts";
import type { Client, Organization, ResourceServer, User } from "../tenant-objects.ts";
import type { SigningKey } from "./signing-key.ts";

const ID_TOKEN_LIFETIME_SECONDS = 36_000;

/** Everything that goes into the tokens of one grant. */
export interface Grant {
  readonly subject: string;
  readonly client: Client;
  readonly audience: string | readonly string[];
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
  readonly dialect: ResourceServer["token_dialect"];
  readonly organization?: Organization | undefined;
  readonly actor?: Actor | undefined;
  readonly customClaims?: ReadonlyMap<string, unknown>;
  /** For the dialects that add them. */
  readonly permissions?: readonly string[] | undefined;
  /** `gty`, for the grants whose tokens carry it. */
  readonly gty?: string;
}

// Auth0 silently ignores custom claims of these names.
const RESTRICTED = new Set([
  "iss",
  "sub",
  "aud",
  "azp",
  "iat",
  "exp",
  "act",
  "org_id",
  "permissions",
  "roles",
  "gty",
]);

/** Signs an access token in the API's dialect: Auth0's own, or RFC 9068. */
export async function issueAccessToken(tenant: Tenant, key: SigningKey, grant: Grant): Promise<string> {
  const iat = tenant.nowSeconds();
  const custom = [...(grant.customClaims ?? [])].filter(([name]) => !RESTRICTED.has(name));
  const isRfc9068 = grant.dialect.startsWith("rfc9068_profile");
  const claims = {
    ...Object.fromEntries(custom),
    iss: tenant.issuer,
    sub: grant.subject,
    aud: grant.audience as string | string[],
    iat,
    exp: iat + grant.lifetimeSeconds,
    ...(grant.scopes.length > 0 && { scope: grant.scopes.join(" ") }),
    ...(grant.organization && { org_id: grant.organization.id }),
    ...(grant.actor && { act: grant.actor }),
    ...(grant.permissions && { permissions: [...grant.permissions] }),
    ...(grant.gty !== undefined && { gty: grant.gty }),
    ...(isRfc9068
      ? { client_id: grant.client.client_id, jti: randomUUID() }
      : { azp: grant.client.client_id }),
  };
  return key.sign(claims, isRfc9068 ? "at+jwt" : "JWT");
}

/** Signs an ID token about a user, with the claims that the scopes ask for. */
export async function issueIdToken(
  tenant: Tenant,
  key: SigningKey,
  user: User,
  client: Client,
  scopes: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const iat = tenant.nowSeconds();
  const { name, nickname, picture, updated_at, email, email_verified } = user as Record<string, unknown>;
  const claims = {
    ...(scopes.includes("profile") && { name, nickname, picture, updated_at }),
    ...(scopes.includes("email") && { email, email_verified }),
    iss: tenant.issuer,
    sub: user.user_id,
    aud: client.client_id,
    iat,
    exp: iat + ID_TOKEN_LIFETIME_SECONDS,
    ...more,
  };
  return key.sign(claims, "JWT");
}

/** An opaque refresh token. The local tenant has no grant that takes it. */
export function issueRefreshToken(): string {
  return `v1.${randomBytes(48).toString("base64url")}`;
}
