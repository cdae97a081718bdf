import { jwtVerify } from "jose";

import type { Tenant } from "../tenant.ts";
import { OAuthError } from "./oauth-error.ts";
import type { SigningKey } from "./signing-key.ts";

/** What `/userinfo` tells the holder of an access token with `openid` about its user, OpenID Connect Core §5.3. */
export async function userinfo(
  tenant: Tenant,
  key: SigningKey,
  authorization: string | undefined,
): Promise<object> {
  const token = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1] ?? "";
  const { payload } = await jwtVerify(token, key.publicKey, {
    issuer: tenant.issuer,
    audience: `${tenant.issuer}userinfo`,
    algorithms: ["RS256"],
    currentDate: new Date(tenant.nowMs()),
  }).catch(() => {
    throw new OAuthError(401, "invalid_token", "Unauthorized");
  });
  const user = tenant.users.get(payload.sub ?? "");
  if (!user) throw new OAuthError(401, "invalid_token", "Unauthorized");
  const scopes = (typeof payload["scope"] === "string" ? payload["scope"] : "").split(" ");
  const { name, nickname, picture, updated_at, email, email_verified } = user as Record<string, unknown>;
  return {
    sub: user.user_id,
    ...(payload["act"] !== undefined && { act: payload["act"] }),
    ...(scopes.includes("profile") && { name, nickname, picture, updated_at }),
    ...(scopes.includes("email") && { email, email_verified }),
  };
}
