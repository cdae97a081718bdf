import type { ManagementClient } from "auth0";

import { ask, ofUser, type Asked } from "./ask.ts";

/** An organization that a user is a member of. */
export interface Membership {
  readonly id: string;
  readonly name: string | null;
}

/** The organizations that a user is a member of: the first 1,000, which is all that Auth0 lists. */
export interface Memberships {
  readonly organizations: readonly Membership[];
  /** Whether there are more: one that is not listed is then no proof of anything. */
  readonly isCut: boolean;
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
  /** Needs `read:resource_servers`. Throws `audience_unknown` for an API that the tenant does not have. */
  rulesOf(audience: string): Promise<ApiRules>;
  /** The user's permissions of an API, from wherever the user has them. Needs `read:user_effective_permissions`. */
  permissionsOf(userId: string, audience: string): Promise<ReadonlySet<string>>;
  /** The user's organizations. Needs `read:organizations`. */
  organizationsOf(userId: string): Promise<Memberships>;
}

const PAGE = 100;
// An API has at most 1,000 scopes; and a user with thousands of organizations must not cost thousands of requests.
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
      const asked = ofUser(userId, "read:user_effective_permissions read:users");
      const request = { resource_server_identifier: audience, take: PAGE };
      const all = await pagesOf(asked, () => client.users.effectivePermissions.list(userId, request));
      return new Set(all.items.map((one) => one.permission_name ?? ""));
    },
    async organizationsOf(userId) {
      const asked = ofUser(userId, "read:organizations read:users");
      const all = await pagesOf(asked, () => client.users.organizations.list(userId, { per_page: PAGE }));
      const organizations = all.items.map((one) => ({
        id: one.id ?? "",
        name: one.display_name ?? one.name ?? null,
      }));
      return { organizations, isCut: all.isCut };
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
  list: () => PromiseLike<Page<T>>,
): Promise<{ readonly items: readonly T[]; readonly isCut: boolean }> {
  let page = await ask(asked, list);
  const items = [...page.data];
  for (let pages = 1; pages < MAX_PAGES && page.hasNextPage(); pages++) {
    const before = page;
    page = await ask(asked, () => before.getNextPage());
    items.push(...page.data);
  }
  return { items, isCut: page.hasNextPage() };
}
