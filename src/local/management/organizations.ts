import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { Organization } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { checkpointQuery, eagerCheckpointPage, listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const MAX_MEMBERS_A_REQUEST = 10;

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(50), v.regex(/^[a-z0-9][a-z0-9_-]*$/));
const displayName = v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(255)));
const createSchema = v.strictObject({ name, display_name: displayName });
const updateSchema = v.strictObject({ name: v.optional(name), display_name: displayName });
const membersSchema = v.strictObject({
  members: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_MEMBERS_A_REQUEST)),
});
const connectionSchema = v.strictObject({
  connection_id: v.string(),
  assign_membership_on_login: v.optional(v.boolean()),
  is_signup_enabled: v.optional(v.boolean()),
  show_as_button: v.optional(v.boolean()),
});
const listQuery = v.strictObject({ ...totalsQuery, ...checkpointQuery, sort: v.optional(v.string()) });
const membersQuery = v.strictObject({
  ...totalsQuery,
  ...checkpointQuery,
  fields: v.optional(v.string()),
  include_fields: v.optional(v.string()),
});

/** `/organizations` and their members. */
export function organizationsRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const { organizations } = tenant;
  const find = (isIt: (one: Organization) => boolean): Organization => {
    const organization = [...organizations.values()].find(isIt);
    if (organization) return organization;
    throw new ManagementApiError(404, "No organization found by that id or name");
  };
  const byId = (id: string) => find((one) => one.id === id);
  const refuseTaken = (name: string, except?: string) => {
    const isTaken = [...organizations.values()].some((one) => one.name === name && one.id !== except);
    if (!isTaken) return;
    const message = "An organization with this name already exists.";
    throw new ManagementApiError(409, message, "organization_conflict");
  };

  app.get("/organizations", requireScope("read:organizations"), (c) => {
    const { from, take, sort: _, ...page } = readQuery(c, listQuery);
    const shown = [...organizations.values()].map(present);
    return c.req.query("take") === undefined
      ? listPage(c, "organizations", shown, page)
      : eagerCheckpointPage(c, "organizations", shown, { from, take });
  });
  app.post("/organizations", requireScope("create:organizations"), async (c) => {
    const { name, display_name = name } = await readBody(c, createSchema);
    refuseTaken(name);
    const id = tenant.newId("org_");
    const organization: Organization = {
      id,
      name,
      display_name,
      members: new Set(),
      enabledConnections: new Set(),
    };
    organizations.set(id, organization);
    return c.json(present(organization), 201);
  });
  app.get("/organizations/name/:name", requireScope("read:organizations"), (c) =>
    c.json(present(find((one) => one.name === c.req.param("name")))),
  );
  app.get("/organizations/:id", requireScope("read:organizations"), (c) =>
    c.json(present(byId(c.req.param("id")))),
  );
  app.patch("/organizations/:id", requireScope("update:organizations"), async (c) => {
    const before = byId(c.req.param("id"));
    const change = await readBody(c, updateSchema);
    const { name = before.name, display_name = before.display_name } = change;
    refuseTaken(name, before.id);
    const after = { ...before, name, display_name };
    organizations.set(before.id, after);
    return c.json(present(after));
  });
  app.delete("/organizations/:id", requireScope("delete:organizations"), (c) => {
    organizations.delete(byId(c.req.param("id")).id);
    return c.body(null, 204);
  });

  app.get("/organizations/:id/members", requireScope("read:organization_members"), (c) => {
    const { from, take, fields: _, include_fields: __, ...page } = readQuery(c, membersQuery);
    const members = [...byId(c.req.param("id")).members].map((id) => member(tenant, id));
    if (c.req.query("take") === undefined) return listPage(c, "members", members, page);
    return eagerCheckpointPage(c, "members", members, { from, take });
  });
  app.post("/organizations/:id/members", requireScope("create:organization_members"), async (c) => {
    const organization = byId(c.req.param("id"));
    const { members } = await readBody(c, membersSchema);
    const unknown = members.find((id) => !tenant.users.has(id));
    if (unknown !== undefined) throw new ManagementApiError(400, "One or more users do not exist.");
    organizations.set(organization.id, {
      ...organization,
      members: new Set([...organization.members, ...members]),
    });
    return c.body(null, 204);
  });
  app.delete("/organizations/:id/members", requireScope("delete:organization_members"), async (c) => {
    const organization = byId(c.req.param("id"));
    const { members } = await readBody(c, membersSchema);
    const left = [...organization.members].filter((id) => !members.includes(id));
    organizations.set(organization.id, { ...organization, members: new Set(left) });
    return c.body(null, 204);
  });

  const connections = "/organizations/:id/enabled_connections";
  app.get(connections, requireScope("read:organization_connections"), (c) => {
    const { enabledConnections } = byId(c.req.param("id"));
    const shown = [...enabledConnections].map((id) => presentEnabled(tenant, id));
    return listPage(c, "enabled_connections", shown, readQuery(c, v.strictObject(totalsQuery)));
  });
  app.post(connections, requireScope("create:organization_connections"), async (c) => {
    const organization = byId(c.req.param("id"));
    const { connection_id } = await readBody(c, connectionSchema);
    if (!tenant.connections.has(connection_id)) {
      throw new ManagementApiError(400, "The connection does not exist.");
    }
    if (organization.enabledConnections.has(connection_id)) {
      throw new ManagementApiError(409, "The connection is enabled for the organization already.");
    }
    const enabledConnections = new Set([...organization.enabledConnections, connection_id]);
    organizations.set(organization.id, { ...organization, enabledConnections });
    return c.json(presentEnabled(tenant, connection_id), 201);
  });

  app.get("/users/:id/organizations", requireScope("read:organizations"), (c) => {
    const all = [...organizations.values()].filter(({ members }) => members.has(c.req.param("id")));
    return listPage(c, "organizations", all.map(present), readQuery(c, v.strictObject(totalsQuery)));
  });
  return app;
}

function present({ id, name, display_name }: Organization): object {
  return { id, name, display_name };
}

function presentEnabled(tenant: Tenant, connection_id: string): object {
  const { name, strategy } = tenant.connections.get(connection_id) ?? {};
  return {
    connection_id,
    assign_membership_on_login: false,
    show_as_button: false,
    connection: { name, strategy },
  };
}

function member(tenant: Tenant, userId: string): object {
  const { name, email } = (tenant.users.get(userId) ?? {}) as Readonly<Record<string, unknown>>;
  return { user_id: userId, ...(name !== undefined && { name }), ...(email !== undefined && { email }) };
}
