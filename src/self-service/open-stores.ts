import { parsePeppers } from "../core/peppers.ts";
import type { Keys } from "../keys/keys.ts";
import { openKeys, type OpenOptions } from "../keys/open-keys.ts";
import { createRedis } from "../stores/key-record-reader.ts";
import { createManagementClient } from "../stores/management-client.ts";
import { redisRequests, type RedisRequests } from "../stores/redis-requests.ts";
import { userRights, type UserRights } from "../stores/user-rights.ts";

/** What self-service needs of the deployment: `deploy.config.ts` has all of it. */
export type SelfServiceConfig = Keys["deployment"] &
  Pick<Keys, "policy"> & {
    /** Descriptions of the scopes, for people. */
    readonly scopeDescriptions?: Readonly<Record<string, string>>;
  };

/** Where Auth0 and Redis are, and what self-service holds to reach them. */
export interface SelfServiceSettings {
  /** The tenant: `https://acme.eu.auth0.com`. */
  readonly origin: string;
  /** Default: `/api/v2` of the tenant. */
  readonly managementApi?: string;
  /**
   * A machine-to-machine application with `read:users`, `update:users`, `read:resource_servers` and
   * `read:organizations`.
   */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redisUrl: string;
  /** One that can write. */
  readonly redisToken: string;
  /** As `API_KEY_PEPPER` has it. */
  readonly pepper: string;
}

/** What the handler works with. Everything that it reads or changes is behind these. */
export interface SelfServiceStores {
  readonly keys: Keys;
  readonly requests: RedisRequests;
  readonly rights: UserRights;
  readonly config: SelfServiceConfig;
}

/** Joins a deployment to its stores. Throws `pepper_invalid`, or `TypeError` for settings that are none. */
export function openStores(
  config: SelfServiceConfig,
  settings: SelfServiceSettings,
  options: OpenOptions = {},
): SelfServiceStores {
  const { origin, managementApi = `${origin}/api/v2`, redisUrl, redisToken, pepper } = settings;
  const all = { ...settings, managementApi, peppers: parsePeppers(pepper) };
  const keys = openKeys(config, all, { actor: "self-service", ...options });
  const timeoutMs = keys.requestTimeoutMs;
  return {
    keys,
    requests: redisRequests(createRedis({ url: redisUrl, token: redisToken, timeoutMs })),
    rights: userRights(createManagementClient({ ...all, timeoutMs })),
    config,
  };
}
