import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { Permission, Role } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { checkpointPage, checkpointQuery, listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const name = v.pipe(v.string(), v.minLength(1));
const createSchema = v.strictObject({ name, description: v.optional(v.string()) });
const updateSchema = v.strictObject({ name: v.optional(name), description: v.optional(v.string()) });
const permissionsSchema = v.strictObject({
  permissions: v.array(
    v.strictObject({ resource_server_identifier: v.string(), permission_name: v.string() }),
  ),
});
const rolesSchema = v.strictObject({ roles: v.pipe(v.array(v.string()), v.minLength(1)) });
const listQuery = v.strictObject({ ...totalsQuery, name_filter: v.optional(v.string()) });
const pageQuery = v.strictObject(totalsQuery);
const effectiveQuery = v.strictObject({ ...checkpointQuery, resource_server_identifier: v.string() });

type UserPermission = Permission & { readonly sources: readonly { readonly source_type: string }[] };

/** `/roles` and their permissions; a user's roles and permissions. */
export function rolesRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const find = (id: string): Role => {
    const role = tenant.roles.get(id);
    if (!role) throw new ManagementApiError(404, "The role does not exist.", "inexistent_role");
    return role;
  };
  const requireUser = (id: string): string => {
    if (tenant.users.has(id)) return id;
    throw new ManagementApiError(404, "The user does not exist.", "inexistent_user");
  };
  const rolesOf = (userId: string) => [...(tenant.userRoles.get(userId) ?? [])];

  app.get("/roles", requireScope("read:roles"), (c) => {
    const { name_filter = "", ...page } = readQuery(c, listQuery);
    const roles = [...tenant.roles.values()].filter((role) => role.name.includes(name_filter));
    return listPage(c, "roles", roles.map(present), page);
  });
  app.post("/roles", requireScope("create:roles"), async (c) => {
    const given = await readBody(c, createSchema);
    if ([...tenant.roles.values()].some((role) => role.name === given.name)) {
      throw new ManagementApiError(409, "A role with the same name already exists.");
    }
    const { name, description = given.name } = given;
    const role: Role = { id: tenant.newId("rol_"), name, description, permissions: [] };
    tenant.roles.set(role.id, role);
    // Recorded: 200, where others answer 201.
    return c.json(present(role));
  });
  app.get("/roles/:id", requireScope("read:roles"), (c) => c.json(present(find(c.req.param("id")))));
  app.patch("/roles/:id", requireScope("update:roles"), async (c) => {
    const before = find(c.req.param("id"));
    const change = await readBody(c, updateSchema);
    const { name = before.name, description = before.description } = change;
    const after = { ...before, name, description };
    tenant.roles.set(before.id, after);
    return c.json(present(after));
  });
  app.delete("/roles/:id", requireScope("delete:roles"), (c) => {
    tenant.roles.delete(find(c.req.param("id")).id);
    return c.json({});
  });

  app.get("/roles/:id/permissions", requireScope("read:roles"), (c) => {
    const permissions = find(c.req.param("id")).permissions.map((one) => describe(tenant, one));
    return listPage(c, "permissions", permissions, readQuery(c, pageQuery));
  });
  app.post("/roles/:id/permissions", requireScope("update:roles"), async (c) => {
    const role = find(c.req.param("id"));
    const { permissions } = await readBody(c, permissionsSchema);
    tenant.roles.set(role.id, {
      ...role,
      permissions: [...without(role.permissions, permissions), ...permissions],
    });
    return c.json({}, 201);
  });
  app.delete("/roles/:id/permissions", requireScope("update:roles"), async (c) => {
    const role = find(c.req.param("id"));
    const { permissions } = await readBody(c, permissionsSchema);
    tenant.roles.set(role.id, { ...role, permissions: without(role.permissions, permissions) });
    return c.body(null, 204);
  });

  app.get("/users/:id/roles", requireScope("read:users", "read:roles"), (c) => {
    const roles = rolesOf(requireUser(c.req.param("id"))).map((id) => present(find(id)));
    return listPage(c, "roles", roles, readQuery(c, pageQuery));
  });
  app.post("/users/:id/roles", requireScope("update:users", "create:role_members"), async (c) => {
    const id = requireUser(c.req.param("id"));
    const { roles } = await readBody(c, rolesSchema);
    tenant.userRoles.set(id, new Set([...rolesOf(id), ...roles.map((role) => find(role).id)]));
    return c.body(null, 204);
  });
  app.delete("/users/:id/roles", requireScope("update:users", "delete:role_members"), async (c) => {
    const id = requireUser(c.req.param("id"));
    const { roles } = await readBody(c, rolesSchema);
    tenant.userRoles.set(id, new Set(rolesOf(id).filter((role) => !roles.includes(role))));
    return c.body(null, 204);
  });

  app.get("/users/:id/permissions", requireScope("read:users"), (c) => {
    const id = requireUser(c.req.param("id"));
    const permissions = userPermissions(tenant, id, rolesOf(id).map(find));
    return listPage(c, "permissions", permissions, readQuery(c, pageQuery));
  });
  app.get("/users/:id/effective-permissions", requireScope("read:user_effective_permissions"), (c) => {
    const id = requireUser(c.req.param("id"));
    const { resource_server_identifier: audience, ...page } = readQuery(c, effectiveQuery);
    const permissions = userPermissions(tenant, id, rolesOf(id).map(find))
      .filter((one) => one.resource_server_identifier === audience)
      .map((one) => ({
        ...one,
        sources: [...new Set(one.sources.map((source) => source.source_type.toLowerCase()))],
      }));
    return checkpointPage(c, "permissions", permissions, page);
  });
  app.post("/users/:id/permissions", requireScope("update:users"), async (c) => {
    const id = requireUser(c.req.param("id"));
    const { permissions } = await readBody(c, permissionsSchema);
    const before = tenant.userPermissions.get(id) ?? [];
    tenant.userPermissions.set(id, [...without(before, permissions), ...permissions]);
    return c.json({}, 201);
  });
  app.delete("/users/:id/permissions", requireScope("update:users"), async (c) => {
    const id = requireUser(c.req.param("id"));
    const { permissions } = await readBody(c, permissionsSchema);
    tenant.userPermissions.set(id, without(tenant.userPermissions.get(id) ?? [], permissions));
    return c.body(null, 204);
  });
  return app;
}

/** Direct permissions and those of roles, each with where it comes from. */
function userPermissions(tenant: Tenant, userId: string, roles: readonly Role[]): readonly UserPermission[] {
  const direct = { source_id: "", source_name: "", source_type: "DIRECT" };
  const all = [
    ...(tenant.userPermissions.get(userId) ?? []).map((one) => ({ one, source: direct })),
    ...roles.flatMap(({ id, name, permissions }) =>
      permissions.map((one) => ({ one, source: { source_id: id, source_name: name, source_type: "ROLE" } })),
    ),
  ];
  const keyOf = (one: Permission) => `${one.resource_server_identifier} ${one.permission_name}`;
  const byKey = new Map(all.map(({ one }) => [keyOf(one), one]));
  return [...byKey].map(([key, one]) => {
    const sources = all.filter((other) => keyOf(other.one) === key).map(({ source }) => source);
    return { ...describe(tenant, one), sources };
  });
}

function describe(tenant: Tenant, { resource_server_identifier, permission_name }: Permission): Permission {
  const api = tenant.resourceServers.get(resource_server_identifier);
  const more = {
    resource_server_name: api?.name ?? resource_server_identifier,
    description: api?.scope_descriptions?.[permission_name] ?? "",
  };
  return { resource_server_identifier, permission_name, ...more };
}

function without(all: readonly Permission[], gone: readonly Permission[]): Permission[] {
  return all.filter(
    (one) =>
      !gone.some(
        (other) =>
          other.permission_name === one.permission_name &&
          other.resource_server_identifier === one.resource_server_identifier,
      ),
  );
}

function present({ id, name, description }: Role): object {
  return { id, name, description };
}
