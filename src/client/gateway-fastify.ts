import type { GatewayRefusal } from "./gateway-refusal.ts";
import { GATEWAY, KILL_SWITCH, refuseEnded, type ApiKeyGateway } from "./gateway.ts";
import type { KillSwitch } from "./kill-switch.ts";
import { fieldsOf, putToken, type NodeMessage } from "./node-headers.ts";
import { check } from "../core/check-options.ts";

/** What is used of Fastify's request. */
export interface FastifyRequestLike {
  readonly method: string;
  readonly url: string;
  readonly ip: string;
  readonly headers: NodeMessage["headers"];
  readonly raw: NodeMessage;
  readonly body?: unknown;
}

/** What is used of Fastify's reply. */
export interface FastifyReplyLike {
  code(status: number): unknown;
  headers(values: Record<string, string>): unknown;
  send(body: unknown): unknown;
}

type Hook = (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>;

/**
 * A Fastify hook (`onRequest`): replaces an API key by its token, for whatever comes next, and sets `request.user` to
 * the token's claims, as Fastify's JWT plugins do. Decorate the request with `user` first.
 */
export function fastifyGateway(gateway: ApiKeyGateway): Hook {
  check('fastifyGateway: "gateway"', gateway, GATEWAY);
  return async (request, reply) => {
    const { method, url, ip: clientAddress, raw, body } = request;
    const decision = await gateway.authorize({ method, url, headers: fieldsOf(raw), clientAddress, body });
    if (decision.kind === "refused") return send(reply, decision);
    if (decision.kind === "authorized") {
      putToken(raw, decision.authorization);
      Object.assign(request, { user: decision.auth.payload });
    }
    return undefined;
  };
}

/** A Fastify hook to put after the one that verifies tokens: refuses those whose key was revoked. */
export function fastifyKillSwitch(killSwitch: KillSwitch): Hook {
  check('fastifyKillSwitch: "killSwitch"', killSwitch, KILL_SWITCH);
  return async (request, reply) => {
    const { user } = request as { readonly user?: Readonly<Record<string, unknown>> | null };
    const refusal = await refuseEnded(killSwitch, user, request);
    return refusal && send(reply, refusal);
  };
}

/** Gives the reply back, which tells Fastify that the request has been answered. */
function send(reply: FastifyReplyLike, { status, headers, body }: GatewayRefusal): FastifyReplyLike {
  reply.code(status);
  reply.headers({ ...headers });
  reply.send(body);
  return reply;
}
