import { tenantOf } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { hostOf, originOfHost } from "../core/host.ts";
import { parsePeppers, refuseWeakPeppers, type Peppers } from "../core/peppers.ts";
import type { DeployConfig } from "../deploy/config.ts";
import type { Io } from "./io.ts";
import { readLocalFile } from "./local-file.ts";
import { variablesOf, type Variables } from "./variables.ts";

/** Where the two stores are and how they are reached. */
export interface Settings {
  /** The tenant's own domain; `localhost` for a local tenant. */
  readonly tenant: string;
  /** Where `/oauth/token` is: the tenant's own domain, or a custom domain of it. */
  readonly origin: string;
  readonly managementApi: string;
  /** The audience of the Management API, which is of the tenant's own domain. */
  readonly managementAudience: string;
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
];

/** What of a configuration says where its tenant and its store are. */
export type Placed = Pick<DeployConfig, "environment" | "domain" | "tenantDomain" | "store">;

/**
 * Reads the settings from the configuration and the environment, or from the running local tenant.
 * `AUTH0_MANAGEMENT_API` overrides the base URL of the Management API in both. Throws `configuration_invalid` naming
 * everything that is missing, or what configuration and environment contradict each other in.
 */
export async function readSettings(env: Io["env"], isLocal: boolean, config: Placed): Promise<Settings> {
  if (isLocal) {
    const local = await readLocalFile(env);
    const override = managementApiIn(env["AUTH0_MANAGEMENT_API"]);
    const origin = local.issuer.replace(/\/$/, "");
    return {
      tenant: tenantOf(new URL(origin).host),
      origin,
      managementApi: override ?? local.management_api,
      managementAudience: `${origin}/api/v2/`,
      clientId: local.management_client_id,
      clientSecret: local.management_client_secret,
      redisUrl: local.redis_rest_url,
      redisToken: local.redis_rest_token,
      peppers: parsePeppers(local.api_key_pepper),
    };
  }
  const variables = variablesOf(env, config.environment);
  const { get, nameOf } = variables;
  const domain = placeOf(variables, "AUTH0_DOMAIN", config.domain, domainOf);
  const redisUrl = placeOf(variables, "UPSTASH_REDIS_REST_URL", config.store?.url, (url) =>
    url.replace(/\/+$/, ""),
  );
  const places: Partial<Record<string, string>> = { AUTH0_DOMAIN: domain, UPSTASH_REDIS_REST_URL: redisUrl };
  const missing = NAMES.filter((name) => (places[name] ?? get(name)) === "");
  if (missing.length > 0) {
    throw new ApiKeysError(
      "configuration_invalid",
      `Missing in the environment: ${missing.map(nameOf).join(", ")}.`,
      "Set them, or use the local tenant with --local.",
    );
  }
  const own = placeOf(variables, "AUTH0_TENANT_DOMAIN", config.tenantDomain, domainOf);
  const tenantOrigin = originOfHost(own === "" ? domain : own);
  return {
    tenant: tenantOf(new URL(tenantOrigin).host),
    origin: originOfHost(domain),
    managementApi:
      managementApiIn(get("AUTH0_MANAGEMENT_API"), nameOf("AUTH0_MANAGEMENT_API")) ??
      `${tenantOrigin}/api/v2`,
    managementAudience: `${tenantOrigin}/api/v2/`,
    clientId: get("AUTH0_CLIENT_ID"),
    clientSecret: get("AUTH0_CLIENT_SECRET"),
    redisUrl: baseUrlOf(nameOf("UPSTASH_REDIS_REST_URL"), redisUrl),
    redisToken: get("UPSTASH_REDIS_REST_TOKEN"),
    peppers: strictPeppers(get("API_KEY_PEPPER")),
  };
}

function strictPeppers(text: string): Peppers {
  const peppers = parsePeppers(text);
  refuseWeakPeppers(text);
  return peppers;
}

/** `API_KEY_PEPPER`, or the pepper of the running local tenant, as text. */
export async function readPepperText(
  env: Io["env"],
  isLocal: boolean,
  environment: string | undefined,
): Promise<string> {
  return isLocal
    ? (await readLocalFile(env)).api_key_pepper
    : variablesOf(env, environment).get("API_KEY_PEPPER");
}

/** A place from the configuration or a variable. One that both name, and not the same, is refused: which is meant? */
function placeOf(
  { get, nameOf }: Variables,
  name: string,
  configured: string | undefined,
  normalize: (text: string, name: string) => string,
): string {
  const read = (text: string) => (text === "" ? "" : normalize(text, nameOf(name)));
  const [one, other] = [read(configured ?? ""), read(get(name))];
  if (one === "" || other === "" || one === other) return one === "" ? other : one;
  throw new ApiKeysError(
    "configuration_invalid",
    `deploy.config.ts says ${one}, and ${nameOf(name)} says ${other}.`,
    "Leave one of them out, or correct it: nothing was changed.",
  );
}

/** An address as it was given: https, or plain http on this machine alone, since secrets are sent to it. */
function baseUrlOf(name: string, url: string): string {
  const isSafe = /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1)(:|\/|$))/.test(url);
  if (isSafe && URL.canParse(url)) return url;
  throw new ApiKeysError(
    "configuration_invalid",
    `${name} is no https address.`,
    "Give it as in: https://host/path",
  );
}

/** Another base URL of the Management API, if one is set. */
function managementApiIn(url: string | undefined, name = "AUTH0_MANAGEMENT_API"): string | undefined {
  if (url === undefined || url === "") return undefined;
  return baseUrlOf(name, url).replace(/\/+$/, "");
}

/** The origin of a tenant's domain. Plain http for this machine alone, where the local tenant is. */
export function originOf(domain: string): string {
  return originOfHost(domainOf(domain));
}

/** A domain as it is compared. */
function domainOf(domain: string, name = "AUTH0_DOMAIN"): string {
  const host = hostOf(domain);
  if (host !== undefined) return host;
  throw new ApiKeysError(
    "configuration_invalid",
    `${name} is no domain.`,
    "Set it to the tenant's domain, as in: acme.eu.auth0.com",
  );
}
