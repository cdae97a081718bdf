import { ManagementError, type Management, type ManagementClient } from "auth0";

import { randomBase62, type RandomBytes } from "../core/base62.ts";
import { ApiKeysError } from "../core/errors.ts";
import { Moments } from "../core/moments.ts";
import { serviceUserId } from "../core/service-user.ts";
import { ask, ofOrganization, ofUser, type Asked } from "./ask.ts";

/** The users that own keys of organizations. */
export interface ServiceUsers {
  /**
   * Makes sure that an organization has its service user: in the connection for them, which is enabled for the clients
   * and for the organization, and a member of it. Gives its user id. The same call again completes what a failure left.
   */
  ensure(organizationId: string): Promise<string>;
}

/** What service users are made with. */
export interface ServiceUsersOptions {
  /** The name of the database connection that is theirs alone. */
  readonly connection: string;
  /** The clients that exchange keys. */
  readonly clientIds: readonly string[];
  readonly randomBytes: RandomBytes;
  readonly nowSeconds: () => number;
}

/** Permissions that this needs beside those for keys. */
export const SERVICE_USER_PERMISSIONS = [
  "create:users",
  "read:connections",
  "create:connections",
  "update:connections",
  "read:organizations",
  "read:organization_connections",
  "create:organization_connections",
  "create:organization_members",
];

/** How long it is remembered that an organization exists: what needs more than that asks for it. */
const ORGANIZATION_KEPT_SECONDS = 60;
const PASSWORD_LENGTH = 60;

/** Service users over Auth0's Management API. Throws `organization_not_found`, or what the API answered. */
export function serviceUsers(client: ManagementClient, options: ServiceUsersOptions): ServiceUsers {
  const organizations = new Moments<Management.GetOrganizationResponseContent>(
    ORGANIZATION_KEPT_SECONDS,
    options.nowSeconds,
  );
  return {
    async ensure(organizationId) {
      const asked = ofOrganization(organizationId, SERVICE_USER_PERMISSIONS.join(" "));
      const { display_name, name } = await organizations.get(organizationId, async () =>
        ask(asked, () => client.organizations.get(organizationId)),
      );
      const connectionId = await ensureConnection(client, options);
      const userId = await ensureUser(
        client,
        options,
        organizationId,
        display_name ?? name ?? organizationId,
      );
      await ensureEnabled(client, organizationId, connectionId);
      const members = { members: [userId] };
      await ask(asked, () => client.organizations.members.create(organizationId, members));
      return userId;
    },
  };
}

async function ensureConnection(
  client: ManagementClient,
  { connection: name, clientIds }: ServiceUsersOptions,
): Promise<string> {
  const find = async () => {
    const [found] = (await ask(ofConnection(name), () => client.connections.list({ name }))).data;
    if (found) refuseOpen(name, found);
    return found?.id;
  };
  // Nobody signs up there or logs in: users are made here alone, with passwords that nobody knows.
  const made = {
    name,
    strategy: "auth0" as const,
    options: { disable_signup: true, disable_self_service_change_password: true },
  };
  const found = await find();
  const created =
    found ??
    (await unlessThere(
      async () => (await ask(ofConnection(name), () => client.connections.create(made))).id,
    ));
  const id = created ?? (await find()) ?? "";
  const enabled = new Set<string>();
  await ask(ofConnection(name), async () => {
    for await (const one of await client.connections.clients.get(id)) enabled.add(one.client_id);
  });
  const missing = clientIds.filter((clientId) => !enabled.has(clientId));
  if (missing.length > 0) {
    const changes = missing.map((client_id) => ({ client_id, status: true }));
    await ask(ofConnection(name), () => client.connections.clients.update(id, changes));
  }
  return id;
}

/** Throws for a connection where people may sign up: who took the address of a service user would own its keys. */
function refuseOpen(
  name: string,
  { strategy, options }: { readonly strategy?: string | undefined; readonly options?: object | undefined },
): void {
  const { disable_signup } = (options ?? {}) as { readonly disable_signup?: unknown };
  if (strategy === "auth0" && disable_signup === true) return;
  throw new ApiKeysError(
    "configuration_invalid",
    `The connection ${name} is not for service users: people can sign up or log in there.`,
    `Nothing was changed. Switch sign-ups off in its settings, or name another in serviceUsers.connection: one that does not exist is made.`,
  );
}

async function ensureUser(
  client: ManagementClient,
  { connection, randomBytes }: ServiceUsersOptions,
  organizationId: string,
  organizationName: string,
): Promise<string> {
  const userId = serviceUserId(organizationId);
  const fields = { fields: "user_id,identities", include_fields: true };
  try {
    const { identities } = await ask(ofUser(userId, "read:users"), () => client.users.get(userId, fields));
    // Another database could let people choose their own ids: whoever took this one would own the organization's keys.
    if (identities?.[0]?.connection !== connection) throw notOurs(userId, connection);
    return userId;
  } catch (error) {
    if (!(error instanceof ApiKeysError) || error.code !== "user_not_found") throw error;
  }
  const [, local = ""] = userId.split("|");
  await unlessThere(() =>
    ask({ about: `the service user of ${organizationId}`, permission: "create:users" }, () =>
      client.users.create({
        connection,
        user_id: local,
        // RFC 2606: no mail ever reaches it, so no password can be set by one.
        email: `${organizationId.toLowerCase()}@service-users.invalid`,
        verify_email: false,
        name: `API keys of ${organizationName}`,
        password: `${randomBase62(PASSWORD_LENGTH, randomBytes)}aA1!`,
      }),
    ),
  );
  return userId;
}

function notOurs(userId: string, connection: string): ApiKeysError {
  return new ApiKeysError(
    "configuration_invalid",
    `The user ${userId} is not of the connection ${connection}: it is no service user.`,
    "Nothing was changed. Find out whose it is, and delete it or name the connection that service users are in.",
  );
}

async function ensureEnabled(
  client: ManagementClient,
  organizationId: string,
  connection_id: string,
): Promise<void> {
  const { enabledConnections } = client.organizations;
  const asked = ofOrganization(
    organizationId,
    "read:organization_connections create:organization_connections",
  );
  const isEnabled = await ask(asked, async () => {
    for await (const one of await enabledConnections.list(organizationId)) {
      if (one.connection_id === connection_id) return true;
    }
    return false;
  });
  if (isEnabled) return;
  const added = { connection_id, assign_membership_on_login: false, show_as_button: false };
  await unlessThere(() => ask(asked, () => enabledConnections.add(organizationId, added)));
}

/** What another program has made in the same moment is there, which is all that is wanted. */
async function unlessThere<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown };
    if (cause instanceof ManagementError && cause.statusCode === 409) return undefined;
    throw error;
  }
}

/** A question about the connection of service users. */
function ofConnection(name: string): Asked {
  return {
    about: `the connection ${name}`,
    permission: "read:connections create:connections update:connections",
  };
}
