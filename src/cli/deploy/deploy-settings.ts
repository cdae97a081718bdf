import { ApiKeysError } from "../../core/errors.ts";
import type { DeployConfig } from "../../deploy/config.ts";
import type { ActionSecrets } from "../../deploy/desired.ts";
import type { Io } from "../io.ts";
import { readLocalFile } from "../local-file.ts";
import { readSettings, type Placed, type Settings } from "../settings.ts";
import { variablesOf } from "../variables.ts";

/** Settings of a deployment: those of the keys, and what the Action is given. */
export interface DeploySettings extends Settings {
  readonly actionSecrets: ActionSecrets;
  /** Of the client that verifies a deployment, where it is a confidential one. */
  readonly verifyClientSecret: string | undefined;
}

/**
 * Reads them from the environment, or from the running local tenant. The Action gets the read-only token of the Redis
 * database from `UPSTASH_REDIS_REST_READ_ONLY_TOKEN`; only if it is to note last uses, the one that can write. Throws
 * `configuration_invalid`.
 */
export async function readDeploySettings(
  env: Io["env"],
  isLocal: boolean,
  config: Placed & Pick<DeployConfig, "lastUsed">,
): Promise<DeploySettings> {
  const { lastUsed } = config;
  const settings = await readSettings(env, isLocal, config);
  const { get, nameOf } = variablesOf(env, config.environment);
  const verifyClientSecret = get("VERIFY_CLIENT_SECRET") || undefined;
  if (isLocal) {
    const local = await readLocalFile(env);
    const actionSecrets = {
      API_KEY_PEPPER: local.api_key_pepper,
      UPSTASH_REDIS_REST_URL: local.redis_rest_url,
      UPSTASH_REDIS_REST_TOKEN: lastUsed ? local.redis_rest_token : local.redis_rest_read_only_token,
    };
    return { ...settings, actionSecrets, verifyClientSecret };
  }
  const token = lastUsed ? settings.redisToken : get("UPSTASH_REDIS_REST_READ_ONLY_TOKEN");
  if (token === "") {
    throw new ApiKeysError(
      "configuration_invalid",
      `Missing in the environment: ${nameOf("UPSTASH_REDIS_REST_READ_ONLY_TOKEN")}.`,
      "Set it to the database's read-only token, as the Upstash console shows it: the Action needs no other.",
    );
  }
  const actionSecrets = {
    API_KEY_PEPPER: get("API_KEY_PEPPER"),
    UPSTASH_REDIS_REST_URL: settings.redisUrl,
    UPSTASH_REDIS_REST_TOKEN: token,
  };
  return { ...settings, actionSecrets, verifyClientSecret };
}
