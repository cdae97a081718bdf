import { ApiKeysError } from "../core/errors.ts";
import type { Deployment } from "../core/deployment.ts";
import type { ApiRules, Memberships, UserRights } from "../stores/user-rights.ts";
import type { Caller } from "./authenticate.ts";
import { Moments } from "../core/moments.ts";
import { Problem } from "./problem.ts";
import { MAX_CHOICES } from "./schemas.ts";

/** A scope that a user may give to a key. */
export interface GrantableScope {
  readonly value: string;
  readonly audience: string;
}

/** What a user may give to a key. */
export interface Grants {
  readonly scopes: readonly GrantableScope[];
  /** The APIs that keys of self-service are for: those whose tokens can be narrowed. */
  readonly audiences: readonly string[];
  readonly organizations: Memberships["organizations"];
  /** Whether the user has more organizations than are listed: Auth0 looks at the membership at each exchange. */
  readonly hasMoreOrganizations: boolean;
}

const NONE: Memberships = { organizations: [], isCut: false };
/** What belongs to the tenant is remembered for all, and what belongs to a user for a moment. */
const RULES_KEPT_SECONDS = 60;
const RIGHTS_KEPT_SECONDS = 10;

/**
 * What users may give: the scopes of each API, with RBAC those of the user's permissions alone. This says early what
 * Auth0 decides at each exchange anyway: a key never has more than its user has then. An API whose tokens list
 * permissions is left out, since its tokens could not be narrowed to a key's scopes.
 */
export class GrantReader {
  readonly #rights: UserRights;
  readonly #deployment: Deployment;
  readonly #rules: Moments<ApiRules | undefined>;
  readonly #permissions: Moments<ReadonlySet<string>>;
  readonly #memberships: Moments<Memberships>;

  constructor(rights: UserRights, deployment: Deployment, nowSeconds: () => number) {
    this.#rights = rights;
    this.#deployment = deployment;
    this.#rules = new Moments(RULES_KEPT_SECONDS, nowSeconds);
    this.#permissions = new Moments(RIGHTS_KEPT_SECONDS, nowSeconds);
    this.#memberships = new Moments(RIGHTS_KEPT_SECONDS, nowSeconds);
  }

  /** What may be given to a key of this organization; `undefined`: to any. A token of an organization proves its own. */
  async read(caller: Caller, forOrganization?: string | null): Promise<Grants> {
    const { userId, personId, organizationId } = caller;
    const isKnown = forOrganization === null || forOrganization === organizationId;
    const [perApi, memberships] = await Promise.all([
      Promise.all(this.#deployment.apis.map(async (api) => this.#scopesOf(userId, api))),
      isKnown ? NONE : this.#memberships.get(personId, async () => this.#rights.organizationsOf(personId)),
    ]);
    const { organizations, isCut } = memberships;
    const own = organizations.find(({ id }) => id === organizationId);
    return {
      scopes: perApi.flatMap((one) => one ?? []).slice(0, MAX_CHOICES),
      audiences: this.#deployment.apis.flatMap(({ identifier }, at) => (perApi[at] ? [identifier] : [])),
      organizations: organizationId === null ? organizations : [own ?? { id: organizationId, name: null }],
      hasMoreOrganizations: organizationId === null && isCut,
    };
  }

  async #scopesOf(
    userId: string,
    { identifier, scopes }: Deployment["apis"][number],
  ): Promise<readonly GrantableScope[] | undefined> {
    const rules = await this.#rulesOf(identifier);
    if (!rules || rules.addsPermissions) return undefined;
    const own = rules.isRbacEnforced ? await this.#permissionsOf(userId, identifier) : undefined;
    return scopes
      .filter((scope) => own?.has(scope) ?? true)
      .map((value) => ({ value, audience: identifier }));
  }

  /** A user's permissions; none for one that does not exist, as an organization's before its first key. */
  async #permissionsOf(userId: string, audience: string): Promise<ReadonlySet<string>> {
    return this.#permissions.get(JSON.stringify([userId, audience]), async () =>
      this.#rights.permissionsOf(userId, audience).catch((error: unknown) => {
        if (error instanceof ApiKeysError && error.code === "user_not_found") return new Set<string>();
        throw error;
      }),
    );
  }

  /** An API's rules, a minute old at most; `undefined` for one that the tenant does not have. */
  async #rulesOf(audience: string): Promise<ApiRules | undefined> {
    return this.#rules.get(audience, async () =>
      this.#rights.rulesOf(audience).catch((error: unknown) => {
        if (error instanceof ApiKeysError && error.code === "audience_unknown") return undefined;
        throw error;
      }),
    );
  }
}

/** What of a request for a key needs the user's rights. */
export interface AskedFor {
  readonly scopes: readonly string[];
  readonly audiences?: readonly string[] | undefined;
  readonly organization_id?: string | undefined;
}

/** What a key gets of the rights that were asked for, or the problem that they are more than the user may give. */
export function grant(
  grants: Grants,
  caller: Caller,
  asked: AskedFor,
  deployment: Deployment,
): {
  readonly scope: string;
  readonly audiences?: readonly string[];
  readonly organizationId?: string;
} {
  const { audiences, organization_id: organization = caller.organizationId ?? undefined } = asked;
  if (audiences?.some((one) => !grants.audiences.includes(one)) || grants.audiences.length === 0) {
    throw new Problem("audience_unknown");
  }
  const chosen = audiences ?? grants.audiences;
  const values = new Set(
    grants.scopes.filter(({ audience }) => chosen.includes(audience)).map(({ value }) => value),
  );
  const missing = asked.scopes.filter((scope) => !values.has(scope));
  if (missing.length > 0) {
    const errors = [{ pointer: "/scopes", detail: `not among: ${[...values].join(" ")}` }];
    throw new Problem("scope_not_grantable", { errors });
  }
  const isMember = grants.hasMoreOrganizations || grants.organizations.some(({ id }) => id === organization);
  if (organization !== undefined && !isMember) {
    throw new Problem("organization_not_allowed");
  }
  const isForAll = audiences === undefined && chosen.length === deployment.apis.length;
  return {
    scope: asked.scopes.join(" "),
    ...(!isForAll && { audiences: chosen }),
    ...(organization !== undefined && { organizationId: organization }),
  };
}
