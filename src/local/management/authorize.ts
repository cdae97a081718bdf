import type { MiddlewareHandler } from "hono";
import { jwtVerify } from "jose";

import type { SigningKey } from "../oauth/signing-key.ts";
import type { Tenant } from "../tenant.ts";
import { ManagementApiError } from "./management-error.ts";

/** What a route gets to know of its caller. */
export interface ManagementVariables {
  Variables: { scopes: ReadonlySet<string> };
}

/** Lets a request through only with an access token of this tenant for its Management API. */
export function authenticate(tenant: Tenant, key: SigningKey): MiddlewareHandler<ManagementVariables> {
  return async (c, next) => {
    const token = /^Bearer (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (token === undefined) throw new ManagementApiError(401, "Missing authentication", "invalid_token");
    c.set("scopes", await scopesOf(tenant, key, token));
    await next();
  };
}

/** Lets a request through only with one of these scopes. */
export function requireScope(...anyOf: readonly string[]): MiddlewareHandler<ManagementVariables> {
  return async (c, next) => {
    if (!anyOf.some((scope) => c.get("scopes").has(scope))) {
      throw new ManagementApiError(
        403,
        `Insufficient scope, expected any of: ${anyOf.join(",")}`,
        "insufficient_scope",
      );
    }
    await next();
  };
}

async function scopesOf(tenant: Tenant, key: SigningKey, token: string): Promise<ReadonlySet<string>> {
  try {
    const { payload } = await jwtVerify(token, key.publicKey, {
      issuer: tenant.issuer,
      audience: tenant.managementAudience,
      algorithms: ["RS256"],
      currentDate: new Date(tenant.nowMs()),
    });
    return new Set(typeof payload["scope"] === "string" ? payload["scope"].split(" ") : []);
  } catch {
    throw new ManagementApiError(401, "Invalid token", "invalid_token");
  }
}
