import { randomBytes } from "node:crypto";

import type { Settings } from "../cli/settings.ts";
import { ApiKey } from "../core/api-key.ts";
import { recordKey, recordOf, sealRecord } from "../core/key-record.ts";
import { hashKey, parsePeppers } from "../core/peppers.ts";
import { STORE_MARKER_KEY, sealStoreMarker } from "../core/store-marker.ts";
import type { ActionBundle } from "../deploy/bundle.ts";
import type { Deployment } from "../core/deployment.ts";
import type { DeployConfig } from "../deploy/config.ts";
import { startLocalTenant, type LocalTenant } from "../local/start.ts";

/** A local tenant without limits, and a key of its first user. */
export interface BenchTenant {
  readonly local: LocalTenant;
  readonly config: DeployConfig & Deployment;
  /** How the programs reach it. */
  readonly settings: Settings;
  /** The pepper as text, for a process of its own. */
  readonly pepper: string;
  readonly key: ApiKey;
}

/** Starts a tenant with one key, written straight into both stores. */
export async function startBenchTenant(
  actions: readonly ActionBundle[],
  config: DeployConfig & Deployment,
): Promise<BenchTenant> {
  const pepper = randomBytes(32).toString("base64url");
  const peppers = parsePeppers(pepper);
  const local = await startLocalTenant({ ...config, port: 0, limits: false, actions, pepper });
  const { description } = local;
  const key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
  const userId = description.users[0]?.user_id ?? "";
  const entry = { id: key.id, name: "bench", hash: hashKey(key.reveal(), peppers.current), v: 1, iat: 1 };
  const user = local.tenant.users.get(userId);
  if (user) local.tenant.users.set(userId, { ...user, app_metadata: { api_keys: [entry] } });
  await local.redis.execute(["SET", recordKey(key.id), sealRecord(recordOf(userId, entry), peppers)]);
  await local.redis.execute(["SET", STORE_MARKER_KEY, sealStoreMarker(config, peppers)]);
  const settings: Settings = {
    tenant: config.tenant,
    origin: description.issuer.replace(/\/$/, ""),
    managementAudience: `${description.issuer}api/v2/`,
    managementApi: description.management_api,
    clientId: description.management_client_id,
    clientSecret: description.management_client_secret,
    redisUrl: description.redis_rest_url,
    redisToken: description.redis_rest_token,
    peppers,
  };
  return { local, config, settings, pepper, key };
}
