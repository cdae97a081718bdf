import { Hono } from "hono";

import { limitBody } from "../limit-body.ts";
import type { SigningKey } from "../oauth/signing-key.ts";
import type { Tenant } from "../tenant.ts";
import { actionsRoutes } from "./actions.ts";
import { authenticate, type ManagementVariables } from "./authorize.ts";
import { clientGrantsRoutes } from "./client-grants.ts";
import { clientsRoutes } from "./clients.ts";
import { connectionsRoutes } from "./connections.ts";
import { jobsRoutes } from "./jobs.ts";
import { logsRoutes } from "./logs.ts";
import { ManagementApiError } from "./management-error.ts";
import { organizationsRoutes } from "./organizations.ts";
import { rateLimit } from "./rate-limit.ts";
import { resourceServersRoutes } from "./resource-servers.ts";
import { rolesRoutes } from "./roles.ts";
import { tenantPoliciesRoutes } from "./tenant-policies.ts";
import { tokenExchangeProfilesRoutes } from "./token-exchange-profiles.ts";
import { triggersRoutes } from "./triggers.ts";
import { usersRoutes } from "./users.ts";

const MAX_BODY_BYTES = 1024 * 1024;
const tooLarge = new ManagementApiError(
  413,
  `Payload content length greater than maximum allowed: ${MAX_BODY_BYTES}`,
  "invalid_body",
);

const ROUTES = [
  usersRoutes,
  actionsRoutes,
  triggersRoutes,
  tokenExchangeProfilesRoutes,
  clientsRoutes,
  connectionsRoutes,
  resourceServersRoutes,
  tenantPoliciesRoutes,
  clientGrantsRoutes,
  rolesRoutes,
  organizationsRoutes,
  logsRoutes,
];

/** The Management API of a tenant, below `/api/v2`. */
export function managementApp(tenant: Tenant, key: SigningKey): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const { jobs, downloads } = jobsRoutes(tenant);
  app.route("/", downloads);
  app.use(rateLimit(tenant));
  app.use(authenticate(tenant, key));
  app.use(limitBody(MAX_BODY_BYTES, (c) => c.json(tooLarge.toBody(), tooLarge.status)));
  for (const routes of ROUTES) app.route("/", routes(tenant));
  app.route("/", jobs);
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
