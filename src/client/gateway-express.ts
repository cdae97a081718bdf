import type { GatewayRefusal } from "./gateway-refusal.ts";
import { GATEWAY, KILL_SWITCH, refuseEnded, type ApiKeyGateway } from "./gateway.ts";
import type { KillSwitch } from "./kill-switch.ts";
import { fieldsOf, putToken, type NodeMessage } from "./node-headers.ts";
import { check } from "../core/check-options.ts";
import type { Auth } from "./verify-token.ts";

/** What is used of Express's request. */
export interface ExpressRequest extends NodeMessage {
  readonly method: string;
  readonly originalUrl: string;
  readonly ip?: string | undefined;
  readonly body?: unknown;
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
  check('expressGateway: "gateway"', gateway, GATEWAY);
  return settled(async (request) => {
    const { method, originalUrl: url, ip: clientAddress, body } = request;
    const headers = fieldsOf(request);
    const decision = await gateway.authorize({ method, url, headers, clientAddress, body });
    if (decision.kind === "refused") return decision;
    if (decision.kind === "authorized") {
      putToken(request, decision.authorization);
      request.auth = decision.auth;
    }
    return undefined;
  });
}

/** Express middleware to put after `auth()`: refuses tokens whose key was revoked, and those that nothing has verified. */
export function expressKillSwitch(killSwitch: KillSwitch): Middleware {
  check('expressKillSwitch: "killSwitch"', killSwitch, KILL_SWITCH);
  return settled(async (request) => {
    const { originalUrl: url, headers, body } = request;
    const claims = (request.auth as Partial<Auth> | undefined)?.payload;
    return refuseEnded(killSwitch, claims, { url, headers, body });
  });
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
