import { check } from "../core/check-options.ts";
import type { GatewayRefusal } from "./gateway-refusal.ts";
import { GATEWAY, type ApiKeyGateway, type GatewayDecision } from "./gateway.ts";

/**
 * A request with a token in place of its API key, the same request if it carries none, or the answer that refuses it:
 * for every runtime whose servers are functions of a `Request`.
 */
export async function gatewayRequest(
  gateway: ApiKeyGateway,
  request: Request,
  clientAddress?: string,
): Promise<Request | Response> {
  const decision = await decide(gateway, request, clientAddress);
  switch (decision.kind) {
    case "untouched":
      return request;
    case "refused":
      return responseOf(decision);
    case "authorized":
      return withToken(request, decision.authorization);
  }
}

/**
 * The answer to a subrequest of nginx's `auth_request`: 204 with the header to forward in `x-authorization`, or the
 * refusal. nginx passes 401 and 403 on and makes a 500 of any other. A subrequest is always GET: nginx must set
 * `X-Original-Method` and `X-Original-URI` to those of the request itself, over what a caller may have sent.
 */
export async function authRequestResponse(
  gateway: ApiKeyGateway,
  request: Request,
  clientAddress?: string,
): Promise<Response> {
  const { headers } = request;
  const decision = await decide(
    gateway,
    {
      method: headers.get("x-original-method") ?? request.method,
      url: headers.get("x-original-uri") ?? request.url,
      headers,
    },
    clientAddress,
  );
  switch (decision.kind) {
    case "untouched":
      return new Response(null, {
        status: 204,
        headers: { "x-authorization": request.headers.get("authorization") ?? "" },
      });
    case "refused":
      return responseOf(decision);
    case "authorized":
      return new Response(null, { status: 204, headers: { "x-authorization": decision.authorization } });
  }
}

/** A refusal as a `Response`. */
export function responseOf({ status, headers, body }: GatewayRefusal): Response {
  return Response.json(body, { status, headers });
}

/** The same request with this `Authorization` and no `X-API-Key`. */
export function withToken(request: Request, authorization: string): Request {
  const headers = new Headers(request.headers);
  headers.set("authorization", authorization);
  headers.delete("x-api-key");
  const { url, method, body, signal } = request;
  // What has read the body already has it, as Hono's own helpers do: it cannot be given on.
  const isThere = body && !request.bodyUsed && !body.locked;
  // From its parts: the request of a server may be one in form alone, which the constructor does not take.
  return new Request(url, { method, headers, signal, ...(isThere && { body, duplex: "half" }) });
}

async function decide(
  gateway: ApiKeyGateway,
  { method, url, headers }: Pick<Request, "method" | "url" | "headers">,
  clientAddress: string | undefined,
): Promise<GatewayDecision> {
  check('"gateway"', gateway, GATEWAY);
  return gateway.authorize({ method, url, headers: Object.fromEntries(headers), clientAddress });
}
