import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { Connection } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { checkpointPage, checkpointQuery, eagerCheckpointPage, listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const createSchema = v.strictObject({
  name: v.pipe(v.string(), v.maxLength(128), v.regex(/^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$/)),
  strategy: v.string(),
  options: v.optional(v.record(v.string(), v.unknown()), {}),
});
const listQuery = v.strictObject({ ...totalsQuery, ...checkpointQuery, name: v.optional(v.string()) });
const clientsSchema = v.array(v.strictObject({ client_id: v.string(), status: v.boolean() }));

/** `/connections` and the clients that each is enabled for. */
export function connectionsRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const find = (id: string): Connection => {
    const connection = tenant.connections.get(id);
    if (connection) return connection;
    throw new ManagementApiError(404, "The connection does not exist", "inexistent_connection");
  };

  app.get("/connections", requireScope("read:connections"), (c) => {
    const { name, take, from, ...page } = readQuery(c, listQuery);
    const all = [...tenant.connections.values()].filter((one) => name === undefined || one.name === name);
    const shown = all.map(present);
    // The SDK asks for a checkpoint and for totals at once; the checkpoint wins.
    const isByCheckpoint = c.req.query("take") !== undefined;
    return isByCheckpoint
      ? eagerCheckpointPage(c, "connections", shown, { take, from })
      : listPage(c, "connections", shown, page);
  });

  app.post("/connections", requireScope("create:connections"), async (c) => {
    const given = await readBody(c, createSchema);
    if ([...tenant.connections.values()].some(({ name }) => name === given.name)) {
      throw new ManagementApiError(409, "A connection with the same name already exists");
    }
    const connection = { id: tenant.newId("con_"), ...given, enabledClients: new Set<string>() };
    tenant.connections.set(connection.id, connection);
    return c.json(present(connection), 201);
  });

  app.get("/connections/:id", requireScope("read:connections"), (c) =>
    c.json(present(find(c.req.param("id")))),
  );

  app.delete("/connections/:id", requireScope("delete:connections"), (c) => {
    tenant.connections.delete(c.req.param("id"));
    return c.body(null, 204);
  });

  app.get("/connections/:id/clients", requireScope("read:connections"), (c) => {
    const query = readQuery(c, v.strictObject(checkpointQuery));
    const clients = [...find(c.req.param("id")).enabledClients].map((client_id) => ({ client_id }));
    return checkpointPage(c, "clients", clients, query);
  });

  app.patch("/connections/:id/clients", requireScope("update:connections"), async (c) => {
    const connection = find(c.req.param("id"));
    const enabledClients = new Set(connection.enabledClients);
    for (const { client_id, status } of await readBody(c, clientsSchema)) {
      if (status) enabledClients.add(client_id);
      else enabledClients.delete(client_id);
    }
    tenant.connections.set(connection.id, { ...connection, enabledClients });
    return c.body(null, 204);
  });
  return app;
}

function present({ id, name, strategy, options = {} }: Connection): object {
  return { id, name, strategy, realms: [name], is_domain_connection: false, options };
}
