import type { ManagementClient } from "auth0";

import { ask, ofUser, type Asked } from "./ask.ts";

/** An organization that a user is a member of. */
export interface Membership {
  readonly id: string;
  readonly name: string | null;
}

/** How an API of the tenant grants scopes to users. */
export interface ApiRules {
  /** With RBAC a user has the scopes of the user's permissions alone. */
  readonly isRbacEnforced: boolean;
  /** Whether its tokens list permissions, which no Action can narrow to a key's scopes. */
  readonly addsPermissions: boolean;
}

/** What Auth0 knows of the rights of users. */
export interface UserRights {
  /** Needs `read:resource_servers`. */
  rulesOf(audience: string): Promise<ApiRules>;
  /** The user's permissions of an API, direct ones and those of roles. Needs `read:users`. */
  permissionsOf(userId: string, audience: string): Promise<ReadonlySet<string>>;
  /** The user's organizations. Needs `read:organizations`. */
  organizationsOf(userId: string): Promise<readonly Membership[]>;
}

const PAGE = 100;
// Nobody picks from more; and a user with thousands must not cost thousands of requests.
const MAX_PAGES = 10;

/** The rights of users over the Management API. Throws what it answered. */
export function userRights(client: ManagementClient): UserRights {
  return {
    async rulesOf(audience) {
      const asked: Asked = {
        about: `the API ${audience}`,
        permission: "read:resource_servers",
        missing: "audience_unknown",
        fix: "Create the API: npm run deploy -- apply",
      };
      const api = await ask(asked, () => client.resourceServers.get(audience));
      const dialect = api.token_dialect ?? "access_token";
      return { isRbacEnforced: api.enforce_policies === true, addsPermissions: dialect.endsWith("_authz") };
    },
    async permissionsOf(userId, audience) {
      const all = await pagesOf(ofUser(userId, "read:users"), (request) =>
        client.users.permissions.list(userId, request),
      );
      const own = all.filter((one) => one.resource_server_identifier === audience);
      return new Set(own.map((one) => one.permission_name ?? ""));
    },
    async organizationsOf(userId) {
      const all = await pagesOf(ofUser(userId, "read:organizations"), (request) =>
        client.users.organizations.list(userId, request),
      );
      return all.map((one) => ({ id: one.id ?? "", name: one.display_name ?? one.name ?? null }));
    },
  };
}

interface Page<T> {
  readonly data: T[];
  hasNextPage(): boolean;
  getNextPage(): Promise<Page<T>>;
}

async function pagesOf<T>(
  asked: Asked,
  list: (request: { readonly per_page: number }) => PromiseLike<Page<T>>,
): Promise<readonly T[]> {
  let page = await ask(asked, () => list({ per_page: PAGE }));
  const all = [...page.data];
  for (let pages = 1; pages < MAX_PAGES && page.hasNextPage(); pages++) {
    const before = page;
    page = await ask(asked, () => before.getNextPage());
    all.push(...page.data);
  }
  return all;
}
