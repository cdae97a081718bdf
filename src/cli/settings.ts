import { ApiKeysError } from "../core/errors.ts";
import { parsePeppers, type Peppers } from "../core/peppers.ts";
import type { Io } from "./io.ts";
import { readLocalFile } from "./local-file.ts";

/** Where the two stores are and how they are reached. */
export interface Settings {
  /** Where `/oauth/token` is. */
  readonly origin: string;
  readonly managementApi: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redisUrl: string;
  readonly redisToken: string;
  readonly peppers: Peppers;
}

const NAMES = [
  "AUTH0_DOMAIN",
  "AUTH0_CLIENT_ID",
  "AUTH0_CLIENT_SECRET",
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "API_KEY_PEPPER",
] as const;

/**
 * Reads the settings from the environment, or from the running local tenant. `AUTH0_MANAGEMENT_API` overrides the base
 * URL of the Management API in both. Throws `configuration_invalid` naming everything that is missing.
 */
export async function readSettings(env: Io["env"], isLocal: boolean): Promise<Settings> {
  const override = baseUrlOf("AUTH0_MANAGEMENT_API", env["AUTH0_MANAGEMENT_API"])?.replace(/\/+$/, "");
  if (isLocal) {
    const local = await readLocalFile(env);
    return {
      origin: local.issuer.replace(/\/$/, ""),
      managementApi: override ?? local.management_api,
      clientId: local.management_client_id,
      clientSecret: local.management_client_secret,
      redisUrl: local.redis_rest_url,
      redisToken: local.redis_rest_token,
      peppers: parsePeppers(local.api_key_pepper),
    };
  }
  const missing = NAMES.filter((name) => (env[name] ?? "") === "");
  if (missing.length > 0) {
    throw new ApiKeysError(
      "configuration_invalid",
      `Missing in the environment: ${missing.join(", ")}.`,
      "Set them, or use the local tenant with --local.",
    );
  }
  const get = (name: (typeof NAMES)[number]) => env[name] ?? "";
  const origin = originOf(get("AUTH0_DOMAIN"));
  return {
    origin,
    managementApi: override ?? `${origin}/api/v2`,
    clientId: get("AUTH0_CLIENT_ID"),
    clientSecret: get("AUTH0_CLIENT_SECRET"),
    redisUrl: baseUrlOf("UPSTASH_REDIS_REST_URL", get("UPSTASH_REDIS_REST_URL")),
    redisToken: get("UPSTASH_REDIS_REST_TOKEN"),
    peppers: parsePeppers(get("API_KEY_PEPPER")),
  };
}

/** `API_KEY_PEPPER`, or the pepper of the running local tenant, as text. */
export async function readPepperText(env: Io["env"], isLocal: boolean): Promise<string> {
  return isLocal ? (await readLocalFile(env)).api_key_pepper : (env["API_KEY_PEPPER"] ?? "");
}

/** An address as it was given: https, or plain http on this machine alone, since secrets are sent to it. */
function baseUrlOf<T extends string | undefined>(name: string, url: T): T {
  if (url === undefined || /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1)(:|\/|$))/.test(url)) return url;
  throw new ApiKeysError(
    "configuration_invalid",
    `${name} is no https address.`,
    "Give it as in: https://host/path",
  );
}

/** The origin of a tenant's domain. Plain http for this machine alone, where the local tenant is. */
export function originOf(domain: string): string {
  const host = domain.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  if (!/^[a-z0-9.-]+(:\d+)?$/i.test(host)) {
    throw new ApiKeysError(
      "configuration_invalid",
      "AUTH0_DOMAIN is no domain.",
      "Set it to the tenant's domain, as in: acme.eu.auth0.com",
    );
  }
  return /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host) ? `http://${host}` : `https://${host}`;
}
