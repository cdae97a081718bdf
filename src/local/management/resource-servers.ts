import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { ResourceServer } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { defined } from "./clients.ts";
import { ManagementApiError } from "./management-error.ts";
import { listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const settings = {
  name: v.optional(v.pipe(v.string(), v.maxLength(200), v.regex(/^[^<>]+$/))),
  scopes: v.optional(
    v.array(
      v.strictObject({
        value: v.pipe(v.string(), v.minLength(1), v.maxLength(280)),
        description: v.optional(v.pipe(v.string(), v.maxLength(500))),
      }),
    ),
  ),
  allow_offline_access: v.optional(v.boolean()),
  token_lifetime: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2_592_000))),
  token_dialect: v.optional(
    v.picklist(["access_token", "access_token_authz", "rfc9068_profile", "rfc9068_profile_authz"]),
  ),
  skip_consent_for_verifiable_first_party_clients: v.optional(v.boolean()),
  enforce_policies: v.optional(v.boolean()),
  subject_type_authorization: v.optional(
    v.strictObject({
      user: v.optional(
        v.strictObject({ policy: v.picklist(["allow_all", "deny_all", "require_client_grant"]) }),
      ),
      client: v.optional(v.strictObject({ policy: v.picklist(["deny_all", "require_client_grant"]) })),
    }),
  ),
};
const createSchema = v.strictObject({
  ...settings,
  identifier: v.pipe(v.string(), v.minLength(1), v.maxLength(600)),
});
const updateSchema = v.strictObject(settings);

/** `/resource-servers`, found by id or by identifier. */
export function resourceServersRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const find = (idOrIdentifier: string): ResourceServer => {
    const all = [...tenant.resourceServers.values()];
    const api = all.find(({ id, identifier }) => id === idOrIdentifier || identifier === idOrIdentifier);
    if (api) return api;
    throw new ManagementApiError(404, "The resource server does not exist", "inexistent_resource_server");
  };

  app.get("/resource-servers", requireScope("read:resource_servers"), (c) => {
    const {
      identifiers,
      include_fields: _,
      ...query
    } = readQuery(
      c,
      v.strictObject({
        ...totalsQuery,
        identifiers: v.optional(v.string()),
        include_fields: v.optional(v.string()),
      }),
    );
    const asked = identifiers?.split(",");
    const all = [...tenant.resourceServers.values()].filter((api) => asked?.includes(api.identifier) ?? true);
    return listPage(c, "resource_servers", all.map(present), query);
  });

  app.post("/resource-servers", requireScope("create:resource_servers"), async (c) => {
    const { identifier, ...given } = await readBody(c, createSchema);
    if (tenant.resourceServers.has(identifier)) {
      throw new ManagementApiError(
        409,
        `A resource server with the same identifier already exists: ${identifier}`,
      );
    }
    const api = newResourceServer(tenant, identifier, given);
    tenant.resourceServers.set(identifier, api);
    return c.json(present(api), 201);
  });

  app.get("/resource-servers/:id", requireScope("read:resource_servers"), (c) =>
    c.json(present(find(c.req.param("id")))),
  );

  app.patch("/resource-servers/:id", requireScope("update:resource_servers"), async (c) => {
    const before = find(c.req.param("id"));
    const { scopes, ...change } = await readBody(c, updateSchema);
    const after: ResourceServer = { ...before, ...defined(change), ...(scopes && scopesOf(scopes)) };
    tenant.resourceServers.set(before.identifier, after);
    return c.json(present(after));
  });

  app.delete("/resource-servers/:id", requireScope("delete:resource_servers"), (c) => {
    const asked = c.req.param("id");
    const all = [...tenant.resourceServers.values()];
    const api = all.find(({ id, identifier }) => id === asked || identifier === asked);
    if (api) tenant.resourceServers.delete(api.identifier);
    return c.body(null, 204);
  });
  return app;
}

type Given = Omit<v.InferOutput<typeof createSchema>, "identifier">;

/** A resource server with Auth0's defaults: among them that consent is asked for. */
export function newResourceServer(
  tenant: Tenant,
  identifier: string,
  { scopes, ...given }: Given,
): ResourceServer {
  return {
    id: tenant.newId("").padEnd(24, "0").toLowerCase(),
    identifier,
    name: identifier,
    token_dialect: "access_token",
    token_lifetime: 86_400,
    allow_offline_access: false,
    skip_consent_for_verifiable_first_party_clients: false,
    ...(defined(given) as Partial<ResourceServer>),
    ...scopesOf(scopes ?? []),
  };
}

function scopesOf(
  scopes: NonNullable<Given["scopes"]>,
): Pick<ResourceServer, "scopes" | "scope_descriptions"> {
  const descriptions = scopes.map(({ value, description }) => [value, description ?? ""] as const);
  return { scopes: scopes.map(({ value }) => value), scope_descriptions: Object.fromEntries(descriptions) };
}

function present({ scopes, scope_descriptions, ...api }: ResourceServer): object {
  return {
    ...api,
    is_system: false,
    signing_alg: "RS256",
    scopes: scopes.map((value) => {
      const description = scope_descriptions?.[value] ?? "";
      return description === "" ? { value } : { value, description };
    }),
  };
}
