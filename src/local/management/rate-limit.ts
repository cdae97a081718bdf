import type { MiddlewareHandler } from "hono";

import type { Tenant } from "../tenant.ts";
import { ManagementApiError } from "./management-error.ts";

/** The Management API's rate limit, with its headers on every answer. */
export function rateLimit(tenant: Tenant): MiddlewareHandler {
  return async (c, next) => {
    const [, kind = ""] = /\/api\/v2\/([^/]+)/.exec(c.req.path) ?? [];
    const rate = tenant.managementRate(kind);
    if (!rate) return next();
    const isAllowed = rate.take("tenant");
    c.header("x-ratelimit-limit", String(rate.size));
    c.header("x-ratelimit-remaining", String(rate.left("tenant")));
    c.header("x-ratelimit-reset", String(Math.ceil((tenant.nowMs() + rate.waitMs("tenant")) / 1000)));
    if (isAllowed) return next();
    throw new ManagementApiError(
      429,
      "Too many requests. Check the X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset headers.",
      "too_many_requests",
    );
  };
}
