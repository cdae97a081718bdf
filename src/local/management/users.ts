import { randomBytes } from "node:crypto";

import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { User } from "../tenant-objects.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { readBody, readQuery } from "./validation.ts";

const MAX_PROFILE_BYTES = 10 * 1024;
const MAX_FOUND = 1_000;
const METADATA_NAME = /^[^.$]+$/;

const metadata = v.pipe(
  v.record(v.string(), v.unknown()),
  v.check(
    (value) => Object.keys(value).every((name) => METADATA_NAME.test(name)),
    "Field names must not contain . or $",
  ),
);
const text = v.pipe(v.string(), v.minLength(1), v.maxLength(300));
const profile = {
  email: v.optional(v.pipe(v.string(), v.email("Object didn't pass validation for format email"))),
  email_verified: v.optional(v.boolean()),
  blocked: v.optional(v.boolean()),
  name: v.optional(text),
  nickname: v.optional(text),
  given_name: v.optional(text),
  family_name: v.optional(text),
  picture: v.optional(v.pipe(v.string(), v.url())),
  user_metadata: v.optional(metadata),
  app_metadata: v.optional(metadata),
  password: v.optional(text),
  verify_email: v.optional(v.boolean()),
};
const createSchema = v.strictObject({
  ...profile,
  connection: v.pipe(v.string(), v.minLength(1)),
  user_id: v.optional(v.pipe(v.string(), v.maxLength(255), v.regex(/^\S*$/))),
});
const updateSchema = v.strictObject({
  ...profile,
  connection: v.optional(v.string()),
  client_id: v.optional(v.string()),
});
const fieldsQuery = {
  fields: v.optional(v.string()),
  include_fields: v.optional(v.picklist(["true", "false"])),
};
const wholeNumber = (max: number) =>
  v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number), v.maxValue(max));
const listQuery = v.strictObject({
  ...fieldsQuery,
  page: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER), "0"),
  per_page: v.optional(wholeNumber(100), "50"),
  include_totals: v.optional(v.picklist(["true", "false"])),
  search_engine: v.optional(v.picklist(["v1", "v2", "v3"])),
});

/** `/users` and `/users-by-email`. */
export function usersRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();

  app.get("/users", requireScope("read:users"), (c) => {
    const { page, per_page, include_totals, ...fields } = readQuery(c, listQuery);
    if ((page + 1) * per_page > MAX_FOUND) {
      throw new ManagementApiError(
        400,
        "You can only page through the first 1000 records.",
        "invalid_paging",
      );
    }
    const all = tenant.users.search();
    const users = all.slice(page * per_page, (page + 1) * per_page).map((user) => select(user, fields));
    const envelope = {
      start: page * per_page,
      limit: per_page,
      length: users.length,
      total: Math.min(all.length, MAX_FOUND),
      users,
    };
    return c.json(include_totals === "true" ? envelope : users);
  });

  app.post("/users", requireScope("create:users"), async (c) => {
    const { password: _, verify_email: __, user_id, connection, ...given } = await readBody(c, createSchema);
    if (![...tenant.connections.values()].some(({ name }) => name === connection)) {
      throw new ManagementApiError(400, "The connection does not exist.", "inexistent_connection");
    }
    const local = user_id ?? randomBytes(12).toString("hex");
    const user = newUser(tenant, `auth0|${local}`, given, connection);
    const isTaken =
      tenant.users.has(user.user_id) ||
      (given.email !== undefined && byEmail(tenant, given.email).length > 0);
    if (isTaken) throw new ManagementApiError(409, "The user already exists.", "auth0_idp_error");
    refuseOversized(tenant, user);
    tenant.users.set(user.user_id, user);
    return c.json(user, 201);
  });

  app.get("/users-by-email", requireScope("read:users"), (c) => {
    const { email, ...fields } = readQuery(
      c,
      v.strictObject({ ...fieldsQuery, email: v.pipe(v.string(), v.email()) }),
    );
    return c.json(byEmail(tenant, email).map((user) => select(user, fields)));
  });

  app.get("/users/:id", requireScope("read:users", "read:current_user"), (c) => {
    const fields = readQuery(c, v.strictObject(fieldsQuery));
    return c.json(select(find(tenant, c.req.param("id")), fields));
  });

  app.patch("/users/:id", requireScope("update:users", "update:users_app_metadata"), async (c) => {
    const before = find(tenant, c.req.param("id"));
    const {
      password: _,
      verify_email: __,
      client_id: ___,
      connection: ____,
      ...change
    } = await readBody(c, updateSchema);
    const updated_at = new Date(tenant.nowMs()).toISOString();
    const after: Record<string, unknown> & User = { ...before, ...change, updated_at };
    for (const field of ["app_metadata", "user_metadata"] as const) {
      if (change[field]) after[field] = merge(before[field], change[field]);
    }
    // An empty app_metadata disappears from the user; an empty user_metadata stays.
    if (isEmpty(after["app_metadata"])) delete after["app_metadata"];
    refuseOversized(tenant, after);
    tenant.users.set(before.user_id, after);
    return c.json(after);
  });

  app.delete("/users/:id", requireScope("delete:users"), (c) => {
    tenant.users.delete(c.req.param("id"));
    return c.body(null, 204);
  });
  return app;
}

/** A user as `POST /users` makes it, of a database connection. */
export function newUser(
  tenant: Tenant,
  userId: string,
  given: Readonly<Record<string, unknown>>,
  connection = "Username-Password-Authentication",
): User {
  const at = new Date(tenant.nowMs()).toISOString();
  const email = typeof given["email"] === "string" ? given["email"] : undefined;
  const [provider = "", localId = ""] = userId.split("|");
  return {
    created_at: at,
    updated_at: at,
    email_verified: false,
    ...(email !== undefined && { name: email, nickname: email.split("@")[0] }),
    identities: [{ connection, user_id: localId, provider, isSocial: false }],
    ...given,
    user_id: userId,
  };
}

function find(tenant: Tenant, userId: string): User {
  const user = tenant.users.get(userId);
  if (!user) throw new ManagementApiError(404, "The user does not exist.", "inexistent_user");
  return user;
}

function byEmail(tenant: Tenant, email: string): readonly User[] {
  return [...tenant.users.values()].filter((user) => user["email"] === email.toLowerCase());
}

/** Auth0 merges metadata at its first level only; `null` removes a field. */
function merge(before: unknown, change: Record<string, unknown>): object {
  const merged = { ...(before as object | undefined), ...change };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function refuseOversized(tenant: Tenant, user: object): void {
  const isOversized = Buffer.byteLength(JSON.stringify(user)) > MAX_PROFILE_BYTES;
  if (isOversized && tenant.fidelity.oversized_profiles_refused) {
    throw new ManagementApiError(400, "The user profile is larger than 10 KB.", "invalid_body");
  }
}

function select(
  user: User,
  {
    fields,
    include_fields,
  }: { readonly fields?: string | undefined; readonly include_fields?: string | undefined },
): Record<string, unknown> {
  if (fields === undefined) return user;
  const named = new Set(fields.split(","));
  const isIncluded = include_fields !== "false";
  return Object.fromEntries(Object.entries(user).filter(([name]) => named.has(name) === isIncluded));
}
