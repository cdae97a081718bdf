import type { GatewayRefusal } from "./gateway-refusal.ts";
import type { ApiKeyGateway } from "./gateway.ts";
import type { KillSwitch } from "./kill-switch.ts";
import type { Auth } from "./verify-token.ts";

/** What is used of Express's request. */
export interface ExpressRequest {
  readonly method: string;
  readonly originalUrl: string;
  readonly ip?: string | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  auth?: unknown;
}

/** What is used of Express's response. */
export interface ExpressResponse {
  status(code: number): unknown;
  set(headers: Record<string, string>): unknown;
  json(body: unknown): unknown;
}

type Middleware = (
  request: ExpressRequest,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

/**
 * Express middleware: replaces an API key by its token, for whatever comes next, and sets `request.auth` as
 * `express-oauth2-jwt-bearer` does. The end user's address is `request.ip`: set `trust proxy` behind a proxy.
 */
export function expressGateway(gateway: ApiKeyGateway): Middleware {
  return settled(async (request) => {
    const { method, originalUrl, headers, ip } = request;
    const decision = await gateway.authorize({ method, url: originalUrl, headers, clientAddress: ip });
    if (decision.kind === "refused") return decision;
    if (decision.kind === "authorized") {
      headers["authorization"] = decision.authorization;
      delete headers["x-api-key"];
      request.auth = decision.auth;
    }
    return undefined;
  });
}

/** Express middleware to put after `auth()`: refuses tokens whose key was revoked. */
export function expressKillSwitch(killSwitch: KillSwitch): Middleware {
  return settled(async (request) =>
    killSwitch.refuse((request.auth as Partial<Auth> | undefined)?.payload ?? {}),
  );
}

function settled(decide: (request: ExpressRequest) => Promise<GatewayRefusal | undefined>): Middleware {
  return async (request, response, next) => {
    let refusal: GatewayRefusal | undefined;
    try {
      refusal = await decide(request);
    } catch (error) {
      // Express 4 does not look at promises.
      next(error);
      return;
    }
    if (!refusal) {
      next();
      return;
    }
    response.status(refusal.status);
    response.set(refusal.headers);
    response.json(refusal.body);
  };
}
