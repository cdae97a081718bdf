import { randomBytes as cryptoRandomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { entriesFieldOf, type Deployment } from "../core/deployment.ts";
import type { Peppers } from "../core/peppers.ts";
import { createRedis } from "../stores/key-record-reader.ts";
import { createManagementClient, type ManagementSettings } from "../stores/management-client.ts";
import { redisKeyBatches } from "../stores/redis-key-batches.ts";
import { redisKeyStore } from "../stores/redis-key-store.ts";
import { redisKeyUses } from "../stores/redis-key-uses.ts";
import { serviceUsers } from "../stores/service-users.ts";
import { exportUsers } from "../stores/user-export.ts";
import { userKeyStore } from "../stores/user-key-store.ts";
import { userRights } from "../stores/user-rights.ts";
import { userLock } from "../stores/user-lock.ts";
import type { Keys } from "./keys.ts";

/** The bound of one request to either store. */
const REQUEST_TIMEOUT_MS = 5_000;
// Five requests may run inside a lease, each to its bound, with room to spare.
const LEASE_MS = 30_000;
const WAIT_MS = 35_000;
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
  }: OpenOptions = {},
): Keys {
  const redis = createRedis({
    url: settings.redisUrl,
    token: settings.redisToken,
    timeoutMs: requestTimeoutMs,
  });
  const { peppers } = settings;
  const client = createManagementClient({ ...settings, timeoutMs: requestTimeoutMs });
  const deployment = { ...config, tenant: settings.tenant };
  const field = entriesFieldOf(deployment);
  const store = {
    peppers,
    deployment,
    retentionSeconds: config.policy.retentionDays * SECONDS_A_DAY,
  };
  const pause = async (ms: number): Promise<void> => sleep(ms);
  return {
    deployment,
    policy: config.policy,
    peppers,
    users: userKeyStore(client, field),
    rights: userRights(client),
    exportUsers: exportUsers(client, field, pause),
    records: { ...redisKeyStore(redis, store), ...redisKeyBatches(redis, store) },
    uses: redisKeyUses(redis),
    lock: userLock(redis, {
      clock: { monotonicMs: () => performance.now(), sleep: pause },
      randomBytes,
      leaseMs: LEASE_MS,
      waitMs: WAIT_MS,
      requestTimeoutMs,
    }),
    ...(config.serviceUsers && {
      serviceUsers: serviceUsers(client, {
        connection: config.serviceUsers.connection,
        clientIds: config.clients,
        randomBytes,
      }),
    }),
    randomBytes,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    sleep: pause,
    requestTimeoutMs,
    actor,
    audit,
  };
}
