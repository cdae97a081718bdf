import { createHmac } from "node:crypto";

import type { Deployment } from "../../src/core/deployment.ts";
import { openKeys } from "../../src/keys/open-keys.ts";
import type { Settings } from "../../src/cli/settings.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { bundleAction, TRIGGERS } from "../../src/deploy/bundle.ts";
import { defineConfig, type DeployConfig, type DeployConfigInput } from "../../src/deploy/config.ts";
import { createKey } from "../../src/keys/create.ts";
import { initStore } from "../../src/keys/init.ts";
import type { Keys } from "../../src/keys/keys.ts";
import type { NewKeyRequest } from "../../src/core/policy.ts";
import {
  startLocalTenant,
  type ActionToInstall,
  type LocalTenant,
  type LocalTenantOptions,
} from "../../src/local/start.ts";

export const AUDIENCE = "https://api.acme.example";
export const OTHER_AUDIENCE = "https://billing.acme.example";
export const CLIENT_ID = "acmeCommandLineClient00000000001";
export const OTHER_CLIENT_ID = "acmeOtherCommandLineClient000002";
export const ADA = "auth0|ada";
export const GRACE = "auth0|grace";
export const SUBJECT_TOKEN_TYPE = "urn:acme:api-key";
export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

export const CONFIG: DeployConfigInput = {
  subjectTokenType: SUBJECT_TOKEN_TYPE,
  keyPrefix: "acme_live",
  apis: [
    {
      identifier: AUDIENCE,
      scopes: { "read:things": "Read", "write:things": "Write", "delete:things": "Delete" },
    },
    { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" } },
  ],
  clients: [CLIENT_ID, OTHER_CLIENT_ID],
  policy: { allowNoExpiry: true },
};

/** A pepper that is the same in every run, from a fixed seed: nothing that is worth protecting uses it. */
export function pepperOf(seed: string): string {
  return createHmac("sha256", "pepper of the tests").update(seed).digest("base64url");
}

/** What an endpoint answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

/** The tenant of every stage: a local one. */
export const TENANT = "localhost";

/** The stage's deployment as the core knows it. */
export const DEPLOYMENT: Deployment = { ...defineConfig(CONFIG), tenant: TENANT };

/** A local tenant with the product deployed on it, and hands to use both. */
export interface Stage {
  readonly local: LocalTenant;
  readonly config: DeployConfig & Deployment;
  readonly settings: Settings;
  readonly keys: Keys;
  /** What Actions wrote to their console. */
  readonly logs: string[];
  /** Makes a key over both stores; gives it as its holder has it. */
  create(
    userId: string,
    request?: Partial<NewKeyRequest>,
  ): Promise<{ readonly key: string; readonly id: string }>;
  /** Exchanges over HTTP. A parameter that is `undefined` is left out. */
  exchange(
    key: string,
    parameters?: Readonly<Record<string, string | undefined>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
  stop(): Promise<void>;
}

/** What a test may change about its stage. */
export interface StageOptions extends Partial<
  Pick<
    LocalTenantOptions,
    | "redis"
    | "plan"
    | "limits"
    | "fidelity"
    | "nowMs"
    | "deployed"
    | "tokenExchange"
    | "actionTimes"
    | "selfService"
  >
> {
  readonly config?: Partial<DeployConfigInput>;
  readonly pepper?: string;
  /** Other Actions than the present code's. */
  readonly actions?: readonly ActionToInstall[];
}

/** Starts a stage: in memory and without limits, unless a test is about them. */
export async function stage(options: StageOptions = {}): Promise<Stage> {
  const config = { ...defineConfig({ ...CONFIG, ...options.config }), tenant: TENANT };
  const actions =
    options.actions ?? (await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config))));
  const pepper = options.pepper ?? `1:${pepperOf("one")}`;
  const logs: string[] = [];
  const local = await startLocalTenant({
    ...config,
    port: 0,
    redis: options.redis ?? "memory",
    plan: options.plan,
    limits: options.limits ?? options.plan !== undefined,
    actions,
    pepper,
    onLog: (line) => void logs.push(line),
    ...(options.nowMs && { nowMs: options.nowMs }),
    ...(options.deployed !== undefined && { deployed: options.deployed }),
    ...(options.tokenExchange !== undefined && { tokenExchange: options.tokenExchange }),
    ...(options.actionTimes && { actionTimes: options.actionTimes }),
    ...(options.selfService && { selfService: options.selfService }),
    ...(options.fidelity && { fidelity: options.fidelity }),
  });
  const { description } = local;
  const settings: Settings = {
    tenant: TENANT,
    managementAudience: `${description.issuer}api/v2/`,
    origin: description.issuer.replace(/\/$/, ""),
    managementApi: description.management_api,
    clientId: description.management_client_id,
    clientSecret: description.management_client_secret,
    redisUrl: description.redis_rest_url,
    redisToken: description.redis_rest_token,
    peppers: parsePeppers(pepper),
  };
  const keys = openKeys(config, settings);
  await initStore(keys);
  return {
    local,
    config,
    settings,
    keys,
    logs,
    async create(userId, request) {
      const { apiKey } = await createKey(keys, userId, { name: `key ${Math.random()}`, ...request });
      return { key: apiKey.reveal(), id: apiKey.id };
    },
    exchange: async (key, parameters, headers) =>
      post(description.token_endpoint, exchangeParameters(key, parameters), headers),
    stop: async () => local.stop(),
  };
}

/** The environment in which the CLI finds this stage. */
export function environmentOf({ settings }: Stage): Record<string, string> {
  return {
    AUTH0_DOMAIN: new URL(settings.origin).host,
    AUTH0_CLIENT_ID: settings.clientId,
    AUTH0_CLIENT_SECRET: settings.clientSecret,
    UPSTASH_REDIS_REST_URL: settings.redisUrl,
    UPSTASH_REDIS_REST_TOKEN: settings.redisToken,
    API_KEY_PEPPER: pepperOf("one"),
  };
}

/** Enables every connection of the stage's tenant for a client, as its users need. */
export function connect({ local: { tenant } }: Stage, clientId: string): void {
  for (const connection of tenant.connections.values()) {
    const enabledClients = new Set([...connection.enabledClients, clientId]);
    tenant.connections.set(connection.id, { ...connection, enabledClients });
  }
}

/** Sets a user's `app_metadata` as nobody's program does: past the Management API. */
export function setMetadata({ local }: Stage, userId: string, app_metadata: unknown): void {
  const { users } = local.tenant;
  users.set(userId, { ...users.get(userId), user_id: userId, app_metadata });
}

/** The parameters of an exchange as a command-line client sends them. */
export function exchangeParameters(
  key: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): URLSearchParams {
  const all = {
    grant_type: TOKEN_EXCHANGE,
    subject_token_type: SUBJECT_TOKEN_TYPE,
    subject_token: key,
    client_id: CLIENT_ID,
    audience: AUDIENCE,
    scope: "read:things",
    ...changes,
  };
  return new URLSearchParams(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Posts a form, or any other body, and reads the answer whole. */
export async function post(
  url: string,
  body: URLSearchParams | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url, { method: "POST", body, headers });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text, body: json };
}

/** The claims of a token, unverified: what tests look at after a witness has verified it. */
export function claimsOf(token: unknown): Record<string, unknown> {
  const payload = String(token).split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as Record<string, unknown>;
}
