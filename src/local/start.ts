import { Hono } from "hono";

import type { Api } from "../core/deployment.ts";
import type { ActionVersion, Trigger } from "./actions/deployed-action.ts";
import { demoApi } from "./demo-api.ts";
import { parseFidelity } from "./fidelity.ts";
import { DEMO_USERS, furnish, newSecret } from "./furnish.ts";
import { listen, type Listening } from "./listen.ts";
import { managementApp } from "./management/management-app.ts";
import { oauthApp } from "./oauth/oauth-app.ts";
import { createSigningKey } from "./oauth/signing-key.ts";
import type { RedisEngine } from "./redis-rest/engine.ts";
import { memoryEngine } from "./redis-rest/memory-engine.ts";
import { connectRedis, spawnRedisServer } from "./redis-rest/redis-server-engine.ts";
import { redisRestApp } from "./redis-rest/redis-rest-app.ts";
import { DEFAULT_PLAN, PLANS, type Limits, type Plan } from "./plans.ts";
import { Tenant, type TenantOptions } from "./tenant.ts";

/** An Action to run, before it has its secrets: those depend on where the tenant's Redis is. */
export interface ActionToInstall extends Pick<ActionVersion, "code" | "dependencies"> {
  readonly trigger: Trigger;
}

/** What a local tenant is started with. */
export interface LocalTenantOptions {
  /** The port of the issuer; Redis, the demo API and the page take the next three. 0 takes free ones. */
  readonly port: number;
  /** `memory`, `server` (a child process), or `redis://…`. Default: `server` if it is on PATH, else `memory`. */
  readonly redis?: string | undefined;
  /** The tenant's plan. Default: `professional`, the smallest with Custom Token Exchange. */
  readonly plan?: Plan | undefined;
  /** Auth0's rate limits and IP throttling: on, off, or others. Default: those of the plan. */
  readonly limits?: boolean | Limits;
  /**
   * The tenant's own domain: the address that it listens on then stands for a custom domain of it, and its Management API
   * takes tokens for `https://TENANT_DOMAIN/api/v2/` alone. Default: it has no other domain.
   */
  readonly tenantDomain?: string | undefined;
  readonly subjectTokenType: string;
  readonly apis: readonly Api[];
  /** Ids of public clients that may exchange tokens. */
  readonly clients: readonly string[];
  /** Whether the Action gets the token that can write, to note last uses. Default: false. */
  readonly lastUsed?: boolean;
  readonly actions: readonly ActionToInstall[];
  readonly pepper: string;
  /** Whether the product is deployed on it already. Default: true; else its APIs and Actions are missing. */
  readonly deployed?: boolean;
  /** Whether the tenant has Custom Token Exchange. Default: what the plan says. */
  readonly tokenExchange?: boolean;
  /** What the deployment's Actions and profile are named after. Default: `api-keys`. */
  readonly name?: string;
  readonly scopeDescriptions?: Readonly<Record<string, string>>;
  /** Who logs users in for self-service; default: nobody does, and there is no page. */
  readonly selfService?: SelfServiceClient;
  readonly actionTimes?: TenantOptions["actionTimes"];
  readonly nowMs?: () => number;
  /** Inferred behaviours to change, as `name=value`: see docs/FIDELITY.md. */
  readonly fidelity?: readonly string[];
  readonly onLog?: TenantOptions["onLog"];
}

/** The single-page application with which users manage their keys, and the API that it calls. */
export interface SelfServiceClient {
  readonly clientId: string;
  readonly audience: string;
}

/** Where everything is: the one line that `npm start -- --json` prints. */
export interface LocalTenantDescription {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly management_api: string;
  readonly management_client_id: string;
  readonly management_client_secret: string;
  readonly redis_rest_url: string;
  readonly redis_rest_token: string;
  readonly redis_rest_read_only_token: string;
  readonly subject_token_type: string;
  readonly client_id: string;
  readonly audience: string;
  readonly users: readonly { readonly user_id: string; readonly email: string }[];
  readonly api_url: string;
  /** The base of the self-service API, if there is one; its page is at the root of the same origin. */
  readonly self_service_url?: string;
}

/** A running local tenant. */
export interface LocalTenant {
  readonly description: LocalTenantDescription;
  readonly tenant: Tenant;
  readonly redis: RedisEngine;
  /** Serves the page and the self-service API from then on, where the description says that they are. */
  servePage(page: (request: Request) => Promise<Response>): void;
  /** Answers a request to the issuer in process. An exchange needs a socket: it asks for the caller's address. */
  fetch(request: Request): Promise<Response>;
  /** How many requests the Redis REST endpoint has answered. */
  redisRequests(): number;
  stop(): Promise<void>;
}

/** Starts a tenant, its Redis and a demo API, all on 127.0.0.1. */
export async function startLocalTenant(options: LocalTenantOptions): Promise<LocalTenant> {
  const nowMs = options.nowMs ?? Date.now;
  const redis = await startRedis(options.redis, nowMs);
  const opened: { close(): Promise<void> }[] = [redis];
  const stop = async () => {
    for (const one of opened.toReversed()) await one.close();
  };
  const open = async (app: Parameters<typeof listen>[0], offset: number): Promise<Listening> => {
    const listening = await listen(app, options.port === 0 ? 0 : options.port + offset);
    opened.push(listening);
    return listening;
  };
  try {
    const key = await createSigningKey();
    const tokens = { token: newSecret(), readOnlyToken: newSecret() };
    let redisRequests = 0;
    const counted = new Hono();
    counted.use(async (_, next) => {
      redisRequests++;
      await next();
    });
    counted.route("/", redisRestApp(redis, tokens));
    const redisRest = await open(counted, 1);

    // The issuer is known only once its port is: the routes are added to the application that listens already.
    const app = new Hono();
    const issuer = `${(await open(app, 0)).url}/`;
    const tenant = new Tenant({
      issuer,
      tenantDomain: options.tenantDomain,
      nowMs,
      limits: limitsOf(options),
      fidelity: parseFidelity(options.fidelity ?? []),
      actionTimes: options.actionTimes,
      ...(options.onLog && { onLog: options.onLog }),
    });
    const secrets = {
      API_KEY_PEPPER: options.pepper,
      UPSTASH_REDIS_REST_TOKEN: options.lastUsed ? tokens.token : tokens.readOnlyToken,
      UPSTASH_REDIS_REST_URL: redisRest.url,
    };
    let page: (request: Request) => Promise<Response> = async () =>
      Promise.resolve(new Response("Not there yet.", { status: 503 }));
    const pages = new Hono().all("*", async (c) => page(c.req.raw));
    const home = options.selfService && (await open(pages, 3)).url;
    const management = furnish(tenant, options, secrets, home);
    if (home !== undefined) app.get("/", (c) => c.redirect(home));
    app.use(async (c, next) => {
      await next();
      // Not by c.header, which would make a second answer, whose body is a stream, of one that is finished.
      c.res.headers.set("date", new Date(tenant.nowMs()).toUTCString());
    });
    app.route("/", oauthApp(tenant, key));
    app.route("/api/v2", managementApp(tenant, key));
    app.notFound((c) => c.json({ error: "not_found" }, 404));
    app.onError((_, c) => c.json({ error: "server_error" }, 500));

    const audience = options.apis[0]?.identifier ?? "";
    const api = await open(demoApi(issuer, audience), 2);
    const description: LocalTenantDescription = {
      issuer,
      token_endpoint: `${issuer}oauth/token`,
      jwks_uri: `${issuer}.well-known/jwks.json`,
      management_api: `${issuer}api/v2`,
      management_client_id: management.client_id,
      management_client_secret: management.client_secret,
      redis_rest_url: redisRest.url,
      redis_rest_token: tokens.token,
      redis_rest_read_only_token: tokens.readOnlyToken,
      subject_token_type: options.subjectTokenType,
      client_id: options.clients[0] ?? "",
      audience,
      users: DEMO_USERS.map(({ user_id, email }) => ({ user_id, email })),
      api_url: api.url,
      ...(home !== undefined && { self_service_url: `${home}/self-service` }),
    };
    const fetch = async (request: Request) => app.fetch(request);
    const servePage: LocalTenant["servePage"] = (served) => {
      page = served;
    };
    return { description, tenant, redis, servePage, fetch, redisRequests: () => redisRequests, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function limitsOf({ limits = true, plan = DEFAULT_PLAN }: LocalTenantOptions): Limits | undefined {
  if (limits === false) return undefined;
  return limits === true ? PLANS[plan].limits : limits;
}

async function startRedis(choice: string | undefined, nowMs: () => number): Promise<RedisEngine> {
  if (choice === "memory") return memoryEngine(nowMs);
  if (choice === "server") return spawnRedisServer();
  if (choice !== undefined) return connectRedis(choice);
  return spawnRedisServer().catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return memoryEngine(nowMs);
    throw error;
  });
}
