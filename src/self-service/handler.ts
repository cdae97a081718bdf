import { Hono } from "hono";
import { cors } from "hono/cors";

import {
  checkOptions,
  COUNT,
  FUNCTION,
  having,
  ISSUER,
  optional,
  options as optionsOf,
  SAFE_URL,
  TEXT,
  TEXTS,
  type Rules,
} from "../core/check-options.ts";
import { callerReader, requireScope, type TokenRules } from "./authenticate.ts";
import { changeRoutes } from "./change-routes.ts";
import { explain } from "./explain.ts";
import { GrantReader } from "./grants.ts";
import { keyRoutes } from "./key-routes.ts";
import { Moments } from "../core/moments.ts";
import { OPENAPI, READ, WRITE } from "./openapi.ts";
import type { SelfServiceStores } from "./open-stores.ts";
import { Problem, problemResponse } from "./problem.ts";
import { PROBLEMS } from "./problems.ts";
import { countRequest, type RateLimit } from "./rate-limit.ts";
import { asOrganization, type SelfService, type Variables } from "./self-service.ts";

/** What a handler is made of. */
export interface ApiKeysHandlerOptions extends Pick<
  TokenRules,
  "issuer" | "audience" | "jwks_uri" | "fetch"
> {
  /** The deployment and its stores: see `openStores`. */
  readonly stores: SelfServiceStores;
  /** The path under which the host's requests reach the handler, as in `/api/self-service`. Default: none. */
  readonly basePath?: string;
  /** Where keys are exchanged, for callers to be told. Default: `oauth/token` of the issuer. */
  readonly token_endpoint?: string;
  /**
   * So many seconds after a login keys may be made, rotated and switched on. `claim` is the access token's claim with
   * the time of the login; a post-login Action has to set it. Default: no limit; the claim `auth_time`.
   */
  readonly recentLogin?: { readonly maxAgeSeconds: number; readonly claim?: string };
  readonly rateLimit?: RateLimit;
  /**
   * Who manages the keys that organizations own, under `/organization`: users with this permission, in a token of the
   * organization. The self-service API then needs RBAC with permissions in its tokens, and the deployment `serviceUsers`.
   * Default: nobody does.
   */
  readonly organizationKeys?: { readonly permission: string };
  /** The origins whose pages may call the handler, as in `https://app.acme.com`. Default: none but its own. */
  readonly corsOrigins?: readonly string[];
  /** What codes are appended to for the `type` of a problem: where you publish `docs/errors`. */
  readonly errorPages?: string;
  /** Gets what went wrong on our side, for the log: no such error holds a key or a token. */
  readonly onError?: (error: unknown) => void;
}

const PATH = {
  must: 'a path, as in "/api/self-service"',
  test: (value: unknown) => typeof value === "string" && value.startsWith("/"),
};
// Browsers send no slash at the end and no path: with one, an origin would match no page.
const ORIGINS = {
  must: 'a list of origins, as in "https://app.acme.com"',
  test: (value: unknown) =>
    TEXTS.test(value) && (value as string[]).every((one) => URL.canParse(one) && new URL(one).origin === one),
};
const RULES: Rules<ApiKeysHandlerOptions> = {
  stores: having("keys", "requests", "rights", "budget", "config"),
  issuer: ISSUER,
  audience: TEXT,
  jwks_uri: optional(SAFE_URL),
  fetch: optional(FUNCTION),
  basePath: optional(PATH),
  token_endpoint: optional(SAFE_URL),
  recentLogin: optional(optionsOf({ maxAgeSeconds: COUNT, claim: optional(TEXT) })),
  rateLimit: optional(optionsOf({ requestsPerMinute: optional(COUNT), changesPerMinute: optional(COUNT) })),
  organizationKeys: optional(optionsOf({ permission: TEXT })),
  corsOrigins: optional(ORIGINS),
  errorPages: optional(TEXT),
  onError: optional(FUNCTION),
};
const DEFAULT_ERROR_PAGES = "urn:auth0-api-keys:errors:";
/** That a key is there does not change, and neither what it is for: only whether it still is, which a change looks at. */
const SEEN_SECONDS = 60;
const CORS_LIFETIME_SECONDS = 600;
// A pattern that ends in /* matches the path before it as well.
const OURS = ["/api-keys/*", "/scopes"];
const isChange = ({ method }: { readonly method: string }) => method !== "GET" && method !== "HEAD";

/**
 * The web API with which users manage their own keys, as a function from `Request` to `Response`: for Hono, Next.js and
 * every other host of that form, and with `getRequestListener` of `@hono/node-server` for Express and Fastify. What it
 * does stands in the OpenAPI document, which it serves as `/openapi.json`. Never rejects. Throws a `TypeError` that names
 * an option which is missing, `undefined`, wrong or unknown.
 */
export function createApiKeysHandler(
  options: ApiKeysHandlerOptions,
): (request: Request) => Promise<Response> {
  checkOptions("createApiKeysHandler", options, RULES);
  const { stores, recentLogin, rateLimit = {}, errorPages = DEFAULT_ERROR_PAGES, onError } = options;
  const { nowSeconds } = stores.keys;
  const readCaller = callerReader({ ...options, loginClaim: recentLogin?.claim ?? "auth_time", nowSeconds });
  const service: SelfService = {
    ...stores,
    seenKeys: new Moments(SEEN_SECONDS, nowSeconds),
    grants: new GrantReader(stores.rights, stores.keys.deployment, nowSeconds),
    maxLoginAgeSeconds: recentLogin?.maxAgeSeconds,
    token_endpoint: options.token_endpoint ?? `${options.issuer}oauth/token`,
  };

  const app = new Hono<Variables>().basePath(options.basePath ?? "/");
  app.use(async (c, next) => {
    await next();
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "no-referrer");
    c.header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  });
  if (options.corsOrigins) {
    app.use(
      cors({
        origin: [...options.corsOrigins],
        allowMethods: ["GET", "POST", "PATCH", "DELETE"],
        allowHeaders: ["authorization", "content-type", "idempotency-key"],
        exposeHeaders: ["retry-after", "www-authenticate"],
        maxAge: CORS_LIFETIME_SECONDS,
      }),
    );
  }
  app.get("/openapi.json", (c) => c.json(OPENAPI));
  const organization = new Hono<Variables>();
  for (const path of OURS.flatMap((one) => [one, `/organization${one}`])) {
    app.use(path, async (c, next) => {
      const caller = await readCaller(c.req.raw);
      await countRequest(stores.requests, rateLimit, caller, isChange(c.req), nowSeconds());
      c.set("caller", caller);
      c.set("keys", { ...stores.keys, actor: `self-service:${caller.userId}` });
      await next();
    });
  }
  for (const path of OURS) {
    organization.use(path, async (c, next) => {
      c.set("caller", asOrganization(c.var.caller, options.organizationKeys?.permission, stores.keys));
      await next();
    });
  }
  for (const routes of [app, organization]) {
    for (const path of OURS) {
      routes.use(path, async (c, next) => {
        requireScope(c.var.caller, isChange(c.req) ? WRITE : READ);
        await next();
      });
    }
    keyRoutes(routes, service);
    changeRoutes(routes, service);
  }
  app.route("/organization", organization);
  for (const [path, methods] of Object.entries(OPENAPI.paths)) {
    const allow = ["get", "post", "patch", "delete"].filter((method) => method in methods);
    app.all(path.replace("{id}", ":id"), () => {
      throw new Problem("method_not_allowed", { headers: { allow: allow.join(", ").toUpperCase() } });
    });
  }
  const refuse = (error: unknown): Response => {
    const problem = explain(error, stores.keys.randomBytes);
    if (PROBLEMS[problem.code].status >= 500) onError?.(error);
    return problemResponse(problem, errorPages);
  };
  app.notFound(() => refuse(new Problem("not_found")));
  app.onError(refuse);
  return async (request) => app.fetch(request);
}
