import { randomBytes } from "node:crypto";

import { Hono } from "hono";
import * as v from "valibot";

import { randomBase62 } from "../../core/base62.ts";
import type { Tenant } from "../tenant.ts";
import type { Client } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { listPage, totalsQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const MAX_CLIENTS = 100;

const tokenExchange = v.nullable(
  v.strictObject({
    allow_any_profile_of_type: v.array(v.picklist(["custom_authentication", "on_behalf_of_token_exchange"])),
  }),
);
const name = v.pipe(v.string(), v.regex(/^[^<>]+$/));
const settings = {
  description: v.optional(v.pipe(v.string(), v.maxLength(140))),
  app_type: v.optional(v.picklist(["native", "spa", "regular_web", "non_interactive", "resource_server"])),
  resource_server_identifier: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(600))),
  grant_types: v.optional(v.array(v.string())),
  token_endpoint_auth_method: v.optional(v.picklist(["none", "client_secret_post", "client_secret_basic"])),
  is_first_party: v.optional(v.boolean()),
  oidc_conformant: v.optional(v.boolean()),
  is_token_endpoint_ip_header_trusted: v.optional(v.boolean()),
  client_metadata: v.optional(v.record(v.string(), v.string())),
  organization_usage: v.optional(v.picklist(["deny", "allow", "require"])),
  token_exchange: v.optional(tokenExchange),
};
const createSchema = v.strictObject({ ...settings, name });
const updateSchema = v.strictObject({ ...settings, name: v.optional(name) });
const fieldsQuery = {
  fields: v.optional(v.string()),
  include_fields: v.optional(v.picklist(["true", "false"])),
};

/** `/clients`. The secret shows only to who may read client keys. */
export function clientsRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const find = (id: string): Client => {
    const client = tenant.clients.get(id);
    if (!client) throw new ManagementApiError(404, "The client does not exist", "inexistent_client");
    return client;
  };

  app.get("/clients", requireScope("read:clients", "read:client_keys"), (c) => {
    const { fields, include_fields, ...query } = readQuery(
      c,
      v.strictObject({ ...totalsQuery, ...fieldsQuery }),
    );
    const all = [...tenant.clients.values()].map((client) =>
      present(client, c.get("scopes"), { fields, include_fields }),
    );
    return listPage(c, "clients", all, query);
  });

  app.post("/clients", requireScope("create:clients"), async (c) => {
    const { token_exchange, ...given } = await readBody(c, createSchema);
    if (tenant.clients.size >= MAX_CLIENTS) {
      throw new ManagementApiError(403, "You reached the limit of entities of this type for this tenant.");
    }
    const client: Client = {
      token_endpoint_auth_method: "client_secret_post",
      is_first_party: true,
      oidc_conformant: true,
      is_token_endpoint_ip_header_trusted: false,
      client_metadata: {},
      grant_types: [],
      ...defined(given),
      name: given.name,
      ...(token_exchange && { token_exchange }),
      client_id: randomBase62(32, randomBytes),
      client_secret: randomBase62(64, randomBytes),
    };
    tenant.clients.set(client.client_id, client);
    return c.json(client, 201);
  });

  app.get("/clients/:id", requireScope("read:clients", "read:client_keys"), (c) => {
    const query = readQuery(c, v.strictObject(fieldsQuery));
    return c.json(present(find(c.req.param("id")), c.get("scopes"), query));
  });

  app.patch("/clients/:id", requireScope("update:clients"), async (c) => {
    const { token_exchange: before, ...rest } = find(c.req.param("id"));
    const { token_exchange: given, ...change } = await readBody(c, updateSchema);
    const token_exchange = given === undefined ? before : (given ?? undefined);
    const after: Client = {
      ...(rest as Client),
      ...defined(change),
      ...(token_exchange && { token_exchange }),
    };
    tenant.clients.set(after.client_id, after);
    return c.json(present(after, c.get("scopes"), {}));
  });

  app.delete("/clients/:id", requireScope("delete:clients"), (c) => {
    tenant.clients.delete(c.req.param("id"));
    return c.body(null, 204);
  });
  return app;
}

function present(
  client: Client,
  scopes: ReadonlySet<string>,
  query: { readonly fields?: string | undefined; readonly include_fields?: string | undefined },
): object {
  const named = query.fields?.split(",");
  const isIncluded = query.include_fields !== "false";
  return Object.fromEntries(
    Object.entries(client).filter(
      ([name]) =>
        (name !== "client_secret" || scopes.has("read:client_keys")) &&
        (named === undefined || named.includes(name) === isIncluded),
    ),
  );
}

/** Without what was not given. */
export function defined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
