import { randomBytes } from "node:crypto";

import { randomBase62 } from "../core/base62.ts";
import { INFERRED, type Fidelity } from "./fidelity.ts";
import { IndexedUsers } from "./indexed-users.ts";
import type {
  Client,
  ResourceServer,
  Organization,
  ClientGrant,
  TokenExchangeProfile,
  Binding,
  Permission,
  Role,
  Connection,
  IpThrottling,
  TenantLog,
} from "./tenant-objects.ts";
import type { Limits, RequestLimit } from "./plans.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { DeployedAction } from "./actions/deployed-action.ts";
import type { ActionState } from "./management/action-state.ts";

/** How long the tenant takes, in milliseconds. */
export interface ActionTimes {
  /** Until an Action without npm packages is built. */
  readonly buildMs: number;
  /** Until an Action with npm packages is built. */
  readonly buildWithDependenciesMs: number;
  /** Until a deployed version shows. It runs at once. */
  readonly deployLagMs: number;
}

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
  /** The tenant's own domain, where the issuer's is a custom one: the Management API's audience is of it. */
  readonly tenantDomain?: string | undefined;
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
  readonly tenantDomain: string | undefined;
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
  readonly onBehalfOfRate: TokenBucket | undefined;
  /** Failed attempts by address; `undefined` if addresses are not throttled. */
  ipAttempts: TokenBucket | undefined;
  readonly #managementRate: TokenBucket | undefined;
  readonly #managementRates = new Map<string, TokenBucket>();

  constructor(options: TenantOptions) {
    this.issuer = options.issuer;
    this.tenantDomain = options.tenantDomain;
    this.nowMs = options.nowMs ?? Date.now;
    this.fidelity = { ...INFERRED, ...options.fidelity };
    this.users = new IndexedUsers(this.nowMs, () => this.fidelity.search_lag_ms);
    this.actionTimes = options.actionTimes ?? DEFAULT_ACTION_TIMES;
    this.onLog = options.onLog ?? (() => undefined);
    const limits = options.limits;
    if (limits) {
      const rateOf = (perSecond: number) => new TokenBucket(perSecond, 1000 / perSecond, this.nowMs);
      this.exchangeRate = rateOf(limits.exchangesPerSecond);
      const { onBehalfOfPerSecond: passedOn } = limits;
      this.onBehalfOfRate = passedOn === undefined ? undefined : rateOf(passedOn);
      this.ipAttempts = new TokenBucket(limits.ipAttempts, limits.ipRegainMs, this.nowMs);
      const { management } = limits;
      const bucketOf = ({ burst, perSecond }: RequestLimit) =>
        new TokenBucket(burst, 1000 / perSecond, this.nowMs);
      this.#managementRate = management && bucketOf(management);
      for (const [kind, limit] of Object.entries(management?.kinds ?? {})) {
        this.#managementRates.set(kind, bucketOf(limit));
      }
    }
  }

  /** The limit of Management API requests of a kind, which is the first part of their path. */
  managementRate(kind: string): TokenBucket | undefined {
    return this.#managementRates.get(kind) ?? this.#managementRate;
  }

  /** The identifier of the Management API as an audience. */
  get managementAudience(): string {
    return this.tenantDomain === undefined ? `${this.issuer}api/v2/` : `https://${this.tenantDomain}/api/v2/`;
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
