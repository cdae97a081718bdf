import type { ManagementClient } from "auth0";

import { askAbout, type Asked } from "./ask-about.ts";

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
  /** Needs `read:resource_servers`. Throws `audience_unknown` for an API that the tenant does not have. */
  rulesOf(audience: string): Promise<ApiRules>;
  /** The user's permissions of an API, from wherever the user has them. Needs `read:user_effective_permissions`. */
  permissionsOf(userId: string, audience: string): Promise<ReadonlySet<string>>;
  /** The user's organizations. Needs `read:organizations`. */
  organizationsOf(userId: string): Promise<readonly Membership[]>;
}

const PAGE = 100;
// An API has at most 1,000 scopes; and a user with thousands of organizations must not cost thousands of requests.
const MAX_PAGES = 10;

/** The rights of users over the Management API. Throws what it answered. */
export function userRights(client: ManagementClient): UserRights {
  return {
    async rulesOf(audience) {
      const asked: Asked = {
        what: `API ${audience}`,
        needs: ["read:resource_servers"],
        missing: ["audience_unknown", "Create it in Auth0 with: npm run deploy -- apply"],
      };
      const api = await askAbout(asked, () => client.resourceServers.get(audience));
      const dialect = api.token_dialect ?? "access_token";
      return { isRbacEnforced: api.enforce_policies === true, addsPermissions: dialect.endsWith("_authz") };
    },
    async permissionsOf(userId, audience) {
      const asked = aboutUser(userId, "read:user_effective_permissions");
      const request = { resource_server_identifier: audience, take: PAGE };
      const all = await pagesOf(asked, () => client.users.effectivePermissions.list(userId, request));
      return new Set(all.map((one) => one.permission_name ?? ""));
    },
    async organizationsOf(userId) {
      const asked = aboutUser(userId, "read:organizations");
      const all = await pagesOf(asked, () => client.users.organizations.list(userId, { per_page: PAGE }));
      return all.map((one) => ({ id: one.id ?? "", name: one.display_name ?? one.name ?? null }));
    },
  };
}

function aboutUser(userId: string, permission: string): Asked {
  const fix = "Give the user_id as the Auth0 dashboard shows it, as in: auth0|507f1f77bcf86cd799439020";
  return { what: `user ${userId}`, needs: [permission, "read:users"], missing: ["user_not_found", fix] };
}

interface Page<T> {
  readonly data: T[];
  hasNextPage(): boolean;
  getNextPage(): Promise<Page<T>>;
}

async function pagesOf<T>(asked: Asked, list: () => PromiseLike<Page<T>>): Promise<readonly T[]> {
  let page = await askAbout(asked, list);
  const all = [...page.data];
  for (let pages = 1; pages < MAX_PAGES && page.hasNextPage(); pages++) {
    const before = page;
    page = await askAbout(asked, () => before.getNextPage());
    all.push(...page.data);
  }
  return all;
}
