import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { ClientGrant } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { checkpointQuery, eagerCheckpointPage, listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const scope = v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(280)));
const createSchema = v.strictObject({
  client_id: v.string(),
  audience: v.pipe(v.string(), v.minLength(1)),
  scope: v.optional(scope, []),
  subject_type: v.optional(v.picklist(["client", "user"]), "client"),
});
const updateSchema = v.strictObject({ scope: v.optional(scope) });
const listQuery = v.strictObject({
  ...totalsQuery,
  ...checkpointQuery,
  audience: v.optional(v.string()),
  client_id: v.optional(v.string()),
  subject_type: v.optional(v.picklist(["client", "user"])),
});

/** `/client-grants`: which client gets which scopes of which API. */
export function clientGrantsRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const { clientGrants } = tenant;
  const indexOf = (id: string): number => {
    const at = clientGrants.findIndex((one) => idOf(one) === id);
    if (at !== -1) return at;
    throw new ManagementApiError(404, "The client grant does not exist", "inexistent_client_grant");
  };

  app.get("/client-grants", requireScope("read:client_grants"), (c) => {
    const { from, take, audience, client_id, subject_type, ...page } = readQuery(c, listQuery);
    const shown = clientGrants
      .filter(
        (one) =>
          (audience === undefined || one.audience === audience) &&
          (client_id === undefined || one.client_id === client_id) &&
          (subject_type === undefined || (one.subject_type ?? "client") === subject_type),
      )
      .map(present);
    return c.req.query("take") === undefined
      ? listPage(c, "client_grants", shown, page)
      : eagerCheckpointPage(c, "client_grants", shown, { from, take });
  });

  app.post("/client-grants", requireScope("create:client_grants"), async (c) => {
    const given = await readBody(c, createSchema);
    if (!tenant.clients.has(given.client_id)) {
      throw new ManagementApiError(404, "The client does not exist", "inexistent_client");
    }
    const isTaken = clientGrants.some(
      (one) =>
        one.client_id === given.client_id &&
        one.audience === given.audience &&
        (one.subject_type ?? "client") === given.subject_type,
    );
    if (isTaken) throw new ManagementApiError(409, "A resource with the same identifier already exists.");
    const grant: ClientGrant = { ...given, id: tenant.newId("cgr_") };
    clientGrants.push(grant);
    return c.json(present(grant), 201);
  });

  app.get("/client-grants/:id", requireScope("read:client_grants"), (c) =>
    c.json(present(clientGrants[indexOf(c.req.param("id"))])),
  );

  app.patch("/client-grants/:id", requireScope("update:client_grants"), async (c) => {
    const at = indexOf(c.req.param("id"));
    const { scope: changed } = await readBody(c, updateSchema);
    const before = clientGrants[at] as ClientGrant;
    const after = { ...before, scope: changed ?? before.scope };
    clientGrants[at] = after;
    return c.json(present(after));
  });

  app.delete("/client-grants/:id", requireScope("delete:client_grants"), (c) => {
    const at = clientGrants.findIndex((one) => idOf(one) === c.req.param("id"));
    if (at !== -1) clientGrants.splice(at, 1);
    return c.body(null, 204);
  });
  return app;
}

/** Grants that the tenant was furnished with have no id of their own. */
function idOf({ id, client_id, audience, subject_type }: ClientGrant): string {
  return id ?? `cgr_${Buffer.from(`${client_id} ${audience} ${subject_type}`).toString("hex").slice(-16)}`;
}

function present(grant: ClientGrant | undefined): object {
  return grant ? { ...grant, id: idOf(grant), subject_type: grant.subject_type ?? "client" } : {};
}
