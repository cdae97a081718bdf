import type { Context, MiddlewareHandler } from "hono";

import { responseOf, withToken } from "./gateway-fetch.ts";
import { GATEWAY, KILL_SWITCH, refuseEnded, type ApiKeyGateway } from "./gateway.ts";
import type { KillSwitch } from "./kill-switch.ts";
import { putToken, type NodeMessage } from "./node-headers.ts";
import { check, FUNCTION } from "../core/check-options.ts";
import type { Auth } from "./verify-token.ts";

/** The variables that the middleware sets: `jwtPayload` as Hono's own JWT middleware does. */
export interface GatewayVariables {
  jwtPayload: Auth["payload"];
  auth: Auth;
}

/**
 * Hono middleware: replaces an API key by its token, for whatever comes next. `clientAddress` gives the end user's
 * address, which each runtime knows in its own way (`getConnInfo`).
 */
export function honoGateway(
  gateway: ApiKeyGateway,
  clientAddress?: (c: Context) => string | undefined,
): MiddlewareHandler<{ Variables: GatewayVariables }> {
  check('honoGateway: "gateway"', gateway, GATEWAY);
  if (clientAddress !== undefined) check('honoGateway: "clientAddress"', clientAddress, FUNCTION);
  return async (c, next) => {
    const { method, url } = c.req;
    const decision = await gateway.authorize({
      method,
      url,
      headers: c.req.header(),
      clientAddress: clientAddress?.(c),
    });
    if (decision.kind === "refused") return responseOf(decision);
    if (decision.kind === "authorized") {
      c.req.raw = withToken(c.req.raw, decision.authorization);
      // On Node the message that it was made of is there as well.
      const { incoming } = (c.env ?? {}) as { readonly incoming?: NodeMessage };
      if (incoming) putToken(incoming, decision.authorization);
      c.set("jwtPayload", decision.auth.payload);
      c.set("auth", decision.auth);
    }
    return next();
  };
}

/** Hono middleware to put after the one that verifies tokens: refuses those whose key was revoked. */
export function honoKillSwitch(
  killSwitch: KillSwitch,
): MiddlewareHandler<{ Variables: Pick<GatewayVariables, "jwtPayload"> }> {
  check('honoKillSwitch: "killSwitch"', killSwitch, KILL_SWITCH);
  return async (c, next) => {
    const claims = c.get("jwtPayload") as GatewayVariables["jwtPayload"] | undefined;
    const refusal = await refuseEnded(killSwitch, claims, { url: c.req.url, headers: c.req.header() });
    if (refusal) return responseOf(refusal);
    return next();
  };
}
