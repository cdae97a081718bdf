import { IndexedUsers } from "./indexed-users.ts";
import { randomBytes } from "node:crypto";

import { randomBase62 } from "../core/base62.ts";
import { INFERRED, type Fidelity } from "./fidelity.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { DeployedAction } from "./actions/deployed-action.ts";
import type { ActionState } from "./management/action-state.ts";

/** A user, with the property names of the Management API. */
export interface User {
  readonly user_id: string;
  readonly [property: string]: unknown;
}

/** A client (application). */
export interface Client {
  readonly client_id: string;
  readonly name: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method: "none" | "client_secret_post" | "client_secret_basic";
  readonly grant_types: readonly string[];
  readonly is_first_party: boolean;
  readonly oidc_conformant: boolean;
  readonly is_token_endpoint_ip_header_trusted: boolean;
  readonly client_metadata: Readonly<Record<string, string>>;
  readonly token_exchange?: { readonly allow_any_profile_of_type: readonly string[] };
  /** What else the Management API was told about it. */
  readonly [property: string]: unknown;
}

/** A resource server (API). */
export interface ResourceServer {
  readonly id?: string;
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly scope_descriptions?: Readonly<Record<string, string>>;
  readonly token_dialect: "access_token" | "access_token_authz" | "rfc9068_profile" | "rfc9068_profile_authz";
  readonly token_lifetime: number;
  readonly allow_offline_access: boolean;
  readonly skip_consent_for_verifiable_first_party_clients: boolean;
  /** Whether RBAC is on: a user then gets the scopes of the user's permissions alone. Default: false. */
  readonly enforce_policies?: boolean;
  /** Who gets tokens for it. Default: users of every client; clients with a grant. */
  readonly subject_type_authorization?: {
    readonly user?: { readonly policy: "allow_all" | "deny_all" | "require_client_grant" } | undefined;
    readonly client?: { readonly policy: "deny_all" | "require_client_grant" } | undefined;
  };
}

/** An organization with the users that are its members. */
export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly members: ReadonlySet<string>;
  /** Ids of the connections that its members may come from. */
  readonly enabledConnections: ReadonlySet<string>;
}

/** A permission of one client for one API, which the client-credentials grant needs. */
export interface ClientGrant {
  readonly id?: string;
  /** Whether it is for the client itself or for its users. Default: `client`. */
  readonly subject_type?: "client" | "user";
  readonly client_id: string;
  readonly audience: string;
  readonly scope: readonly string[];
}

/** A token exchange profile: which Action answers for a `subject_token_type`. */
export interface TokenExchangeProfile {
  readonly id: string;
  readonly name: string;
  readonly type: "custom_authentication";
  readonly subject_token_type: string;
  readonly action_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** An Action's place in the trigger post-login. */
export interface Binding {
  readonly id: string;
  readonly action_id: string;
  readonly display_name: string;
  readonly created_at: string;
}

/** A scope of an API as a permission of users and roles. */
export interface Permission {
  readonly resource_server_identifier: string;
  readonly permission_name: string;
}

/** A role and its permissions. */
export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly Permission[];
}

/** A connection with the clients that it is enabled for. */
export interface Connection {
  readonly id: string;
  readonly name: string;
  readonly strategy: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly enabledClients: ReadonlySet<string>;
}

/** How a stage of the suspicious-IP throttling counts: attempts, and milliseconds until one is regained. */
export interface ThrottlingStage {
  readonly max_attempts: number;
  readonly rate: number;
}

/** Suspicious-IP throttling, as the Management API shows it. */
export interface IpThrottling {
  readonly enabled: boolean;
  readonly shields: readonly string[];
  readonly allowlist: readonly string[];
  readonly stage: Readonly<
    Record<"pre-login" | "pre-user-registration" | "pre-custom-token-exchange", ThrottlingStage>
  >;
}

/** How long the tenant takes, in milliseconds. */
export interface ActionTimes {
  /** Until an Action without npm packages is built. */
  readonly buildMs: number;
  /** Until an Action with npm packages is built. */
  readonly buildWithDependenciesMs: number;
  /** Until a deployed version shows. It runs at once. */
  readonly deployLagMs: number;
}

/** A tenant log event, of the types `secte` and `fecte`. */
export interface TenantLog {
  readonly type: "secte" | "fecte";
  readonly log_id: string;
  readonly date: string;
  readonly description: string;
  readonly [property: string]: unknown;
}

/** Auth0's limits on the token endpoint. */
export interface Limits {
  /** Exchanges a second, with a burst of as many. */
  readonly exchangesPerSecond: number;
  /** Wrong subject tokens from an address before it is throttled. */
  readonly ipAttempts: number;
  /** Milliseconds until an address regains one attempt. */
  readonly ipRegainMs: number;
  /** The Management API's: requests a second, and so many at once. Default: unlimited. */
  readonly management?: { readonly perSecond: number; readonly burst: number };
}

/** The limits of a Professional plan. */
export const DEFAULT_LIMITS: Limits = {
  exchangesPerSecond: 4,
  ipAttempts: 10,
  ipRegainMs: 600_000,
  management: { perSecond: 16, burst: 50 },
};

/** Auth0's own times, but for builds with packages, where it takes about ten seconds. */
const DEFAULT_ACTION_TIMES: ActionTimes = {
  buildMs: 500,
  buildWithDependenciesMs: 2_000,
  deployLagMs: 500,
};

const KEPT_LOGS = 1_000;

/** What a tenant starts with. */
export interface TenantOptions {
  /** The issuer, with its trailing slash. */
  readonly issuer: string;
  readonly nowMs?: () => number;
  /** `undefined` lifts the limits. */
  readonly limits?: Limits | undefined;
  readonly fidelity?: Partial<Fidelity>;
  readonly actionTimes?: ActionTimes | undefined;
  /** Gets what Actions write to their console, and nothing else. */
  readonly onLog?: (line: string) => void;
}

/** The state of the local tenant: plain collections, which the endpoints read and write. */
export class Tenant {
  readonly issuer: string;
  readonly name = "local-tenant";
  readonly nowMs: () => number;
  readonly fidelity: Fidelity;
  readonly onLog: (line: string) => void;
  readonly users: IndexedUsers;
  readonly clients = new Map<string, Client>();
  readonly clientGrants: ClientGrant[] = [];
  readonly resourceServers = new Map<string, ResourceServer>();
  readonly organizations = new Map<string, Organization>();
  readonly actionTimes: ActionTimes;
  /** What runs: the deployed version of each Action, by the Action's id. */
  readonly actions = new Map<string, DeployedAction>();
  /** What the Management API shows of Actions: drafts, builds and versions. */
  readonly actionStates = new Map<string, ActionState>();
  readonly profiles = new Map<string, TokenExchangeProfile>();
  /** The Actions bound to post-login, in their order. */
  readonly postLoginBindings: Binding[] = [];
  readonly connections = new Map<string, Connection>();
  readonly roles = new Map<string, Role>();
  /** Ids of roles by user. */
  readonly userRoles = new Map<string, ReadonlySet<string>>();
  /** Permissions that a user has directly. */
  readonly userPermissions = new Map<string, readonly Permission[]>();
  readonly guardianPolicies: string[] = [];
  ipThrottling: IpThrottling = {
    enabled: true,
    shields: ["admin_notification", "block"],
    allowlist: [],
    stage: {
      "pre-login": { max_attempts: 100, rate: 864_000 },
      "pre-user-registration": { max_attempts: 50, rate: 1_200 },
      "pre-custom-token-exchange": { max_attempts: 10, rate: 600_000 },
    },
  };
  /** The tenant's own settings, as far as they were given. */
  settings: Readonly<Record<string, unknown>> = { friendly_name: "Local tenant" };
  /** Whether the plan includes Custom Token Exchange. */
  isEntitledToTokenExchange = true;
  readonly logs: TenantLog[] = [];
  readonly exchangeRate: TokenBucket | undefined;
  /** Failed attempts by address; `undefined` if addresses are not throttled. */
  ipAttempts: TokenBucket | undefined;
  readonly managementRate: TokenBucket | undefined;

  constructor(options: TenantOptions) {
    this.issuer = options.issuer;
    this.nowMs = options.nowMs ?? Date.now;
    this.fidelity = { ...INFERRED, ...options.fidelity };
    this.users = new IndexedUsers(this.nowMs, () => this.fidelity.search_lag_ms);
    this.actionTimes = options.actionTimes ?? DEFAULT_ACTION_TIMES;
    this.onLog = options.onLog ?? (() => undefined);
    const limits = options.limits;
    if (limits) {
      this.exchangeRate = new TokenBucket(
        limits.exchangesPerSecond,
        1000 / limits.exchangesPerSecond,
        this.nowMs,
      );
      this.ipAttempts = new TokenBucket(limits.ipAttempts, limits.ipRegainMs, this.nowMs);
      const { management } = limits;
      this.managementRate =
        management && new TokenBucket(management.burst, 1000 / management.perSecond, this.nowMs);
    }
  }

  /** The identifier of the Management API as an audience. */
  get managementAudience(): string {
    return `${this.issuer}api/v2/`;
  }

  nowSeconds(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  /** The moment as Auth0 writes it. */
  nowIso(): string {
    return new Date(this.nowMs()).toISOString();
  }

  /** An id in Auth0's manner: a prefix and 16 letters and digits. */
  newId(prefix: string): string {
    return prefix + randomBase62(16, randomBytes);
  }

  log(event: Omit<TenantLog, "log_id" | "date"> & Pick<TenantLog, "type" | "description">): void {
    const date = new Date(this.nowMs()).toISOString();
    this.logs.push({
      ...event,
      log_id: this.newId("90020"),
      date,
      tenant_name: this.name,
      environment_name: "local",
    });
    if (this.logs.length > KEPT_LOGS) this.logs.shift();
  }
}
