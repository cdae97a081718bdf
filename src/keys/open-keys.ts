import { randomBytes as cryptoRandomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { entriesFieldOf, type Deployment } from "../core/deployment.ts";
import type { Peppers } from "../core/peppers.ts";
import { createRedis } from "../stores/key-record-reader.ts";
import { ManagementBudget, type BudgetOptions } from "../stores/management-budget.ts";
import { createManagementClient, type ManagementSettings } from "../stores/management-client.ts";
import { redisKeyBatches } from "../stores/redis-key-batches.ts";
import { redisKeyStore } from "../stores/redis-key-store.ts";
import { redisKeyUses } from "../stores/redis-key-uses.ts";
import { serviceUsers } from "../stores/service-users.ts";
import { exportUsers } from "../stores/user-export.ts";
import { userKeyStore } from "../stores/user-key-store.ts";
import { userLock, type UserLock } from "../stores/user-lock.ts";
import { userRights } from "../stores/user-rights.ts";
import type { Keys } from "./keys.ts";

/** The bound of one request to either store. */
const REQUEST_TIMEOUT_MS = 5_000;
// Five requests may run inside a lease, each to its bound, with room to spare.
const LEASE_MS = 30_000;
const WAIT_MS = 35_000;
/** What a change under the lock asks for: it reads and writes. */
const REQUESTS_A_CHANGE = 2;
/** A program that a person waits for, or nobody: the limits of the smallest plan come back in a few seconds. */
const MAX_WAIT_MS = { ending: 60_000, change: 60_000, read: 60_000 };
const SECONDS_A_DAY = 86_400;

/** Where the two stores are and how they are reached. */
export interface StoreSettings extends Omit<ManagementSettings, "timeoutMs"> {
  /** The tenant's own domain. */
  readonly tenant: string;
  readonly redisUrl: string;
  /** One that can write. */
  readonly redisToken: string;
  readonly peppers: Peppers;
}

/** What may differ from one program to another. */
export interface OpenOptions extends Partial<
  Pick<Keys, "audit" | "actor" | "requestTimeoutMs" | "randomBytes">
> {
  readonly nowMs?: () => number;
  /** Time that is waited by. */
  readonly clock?: Pick<BudgetOptions, "nowMs" | "sleep">;
  /** The process's share of the Management API's limit. Default: one of its own, which waits up to a minute. */
  readonly budget?: ManagementBudget;
}

/** A share of the Management API's limit for a program that waits. */
export function openBudget({
  clock = { nowMs: () => Date.now(), sleep: async (ms) => sleep(ms) },
  maxWaitMs = MAX_WAIT_MS,
}: Partial<Pick<BudgetOptions, "maxWaitMs">> & Pick<OpenOptions, "clock"> = {}): ManagementBudget {
  return new ManagementBudget({ ...clock, randomBytes: cryptoRandomBytes, maxWaitMs });
}

/** Joins configuration and settings to what the operations on keys work with: real clocks, real randomness. */
export function openKeys(
  config: Omit<Deployment, "tenant"> &
    Pick<Keys, "policy"> & { readonly serviceUsers?: { readonly connection: string } },
  settings: StoreSettings,
  {
    audit = () => undefined,
    actor = "library",
    requestTimeoutMs = REQUEST_TIMEOUT_MS,
    randomBytes = cryptoRandomBytes,
    nowMs = () => Date.now(),
    clock,
    budget = openBudget(clock && { clock }),
  }: OpenOptions = {},
): Keys {
  const redis = createRedis({
    url: settings.redisUrl,
    token: settings.redisToken,
    timeoutMs: requestTimeoutMs,
  });
  const { peppers } = settings;
  const client = createManagementClient({ ...settings, timeoutMs: requestTimeoutMs }, budget);
  const deployment = { ...config, tenant: settings.tenant };
  const field = entriesFieldOf(deployment);
  const store = {
    peppers,
    deployment,
    retentionSeconds: config.policy.retentionDays * SECONDS_A_DAY,
  };
  const pause = clock?.sleep ?? (async (ms: number): Promise<void> => sleep(ms));
  const nowSeconds = () => Math.floor(nowMs() / 1000);
  const lock = userLock(redis, {
    clock: {
      monotonicMs: clock?.nowMs ?? (() => performance.now()),
      wallMs: clock?.nowMs ?? (() => Date.now()),
      sleep: pause,
    },
    randomBytes,
    leaseMs: LEASE_MS,
    waitMs: WAIT_MS,
  });
  return {
    deployment,
    policy: config.policy,
    peppers,
    users: userKeyStore(client, field),
    rights: userRights(client),
    exportUsers: exportUsers(client, field, pause),
    records: { ...redisKeyStore(redis, store), ...redisKeyBatches(redis, store) },
    uses: redisKeyUses(redis),
    lock: budgeted(lock, budget, requestTimeoutMs),
    ...(config.serviceUsers && {
      serviceUsers: serviceUsers(client, {
        connection: config.serviceUsers.connection,
        clientIds: config.clients,
        randomBytes,
        nowSeconds,
      }),
    }),
    randomBytes,
    nowSeconds,
    sleep: pause,
    requestTimeoutMs,
    actor,
    audit,
  };
}

/** A lock that is taken once the limit has room for the change, so that nobody is locked out meanwhile. */
function budgeted(lock: UserLock, budget: ManagementBudget, requestTimeoutMs: number): UserLock {
  return async (userId, work) =>
    budget.run("change", REQUESTS_A_CHANGE, async () =>
      lock(userId, async (lease) => {
        // What is waited for inside is taken from the lease, of which a write and its reading again need the rest.
        const mayWait = (ms: number) => {
          try {
            lease.require(ms + 2 * requestTimeoutMs);
            return true;
          } catch {
            return false;
          }
        };
        return budget.holding(mayWait, async () => work(lease));
      }),
    );
}
