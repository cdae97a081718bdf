import { Hono } from "hono";

import { limitBody } from "../limit-body.ts";
import type { SigningKey } from "../oauth/signing-key.ts";
import type { Tenant } from "../tenant.ts";
import { authenticate, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { usersRoutes } from "./users.ts";

const MAX_BODY_BYTES = 1024 * 1024;
const tooLarge = new ManagementApiError(
  413,
  `Payload content length greater than maximum allowed: ${MAX_BODY_BYTES}`,
  "invalid_body",
);

/** The Management API of a tenant, below `/api/v2`. */
export function managementApp(tenant: Tenant, key: SigningKey): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  app.use(authenticate(tenant, key));
  app.use(limitBody(MAX_BODY_BYTES, (c) => c.json(tooLarge.toBody(), tooLarge.status)));
  app.route("/", usersRoutes(tenant));
  app.all("*", () => {
    throw new ManagementApiError(404, "Not Found");
  });
  app.onError((error, c) => {
    const refusal =
      error instanceof ManagementApiError ? error : new ManagementApiError(500, "An internal error occurred");
    return c.json(refusal.toBody(), refusal.status);
  });
  return app;
}
