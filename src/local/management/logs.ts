import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { TenantLog } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { checkpointQuery, listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const listQuery = v.strictObject({
  ...totalsQuery,
  ...checkpointQuery,
  sort: v.optional(v.picklist(["date:1", "date:-1"]), "date:-1"),
});
const settingsSchema = v.strictObject({
  friendly_name: v.optional(v.string()),
  default_audience: v.optional(v.string()),
  default_directory: v.optional(v.string()),
});

/** `/logs`, newest first or from a log event on, and `/tenants/settings`. */
export function logsRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();

  app.get("/logs", requireScope("read:logs"), (c) => {
    const { from, take, sort, ...page } = readQuery(c, listQuery);
    if (c.req.query("take") !== undefined || from !== undefined) {
      const start = tenant.logs.findIndex(({ log_id }) => log_id === from) + 1;
      return c.json(tenant.logs.slice(start, start + take).map(present));
    }
    const ordered = sort === "date:1" ? tenant.logs : tenant.logs.toReversed();
    return listPage(c, "logs", ordered.map(present), page);
  });

  app.get("/logs/:id", requireScope("read:logs"), (c) => {
    const log = tenant.logs.find(({ log_id }) => log_id === c.req.param("id"));
    if (!log) throw new ManagementApiError(404, "Log not found", "log_not_found");
    return c.json(present(log));
  });

  app.get("/tenants/settings", requireScope("read:tenant_settings"), (c) => c.json(tenant.settings));

  app.patch("/tenants/settings", requireScope("update:tenant_settings"), async (c) => {
    tenant.settings = { ...tenant.settings, ...(await readBody(c, settingsSchema)) };
    return c.json(tenant.settings);
  });
  return app;
}

function present(log: TenantLog): object {
  return { ...log, _id: log.log_id };
}
