import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { LocalTenant } from "../local/start.ts";

/** Requests that reached a local tenant of this process, by what was asked. */
export interface WireCount {
  /** At `/oauth/token`. */
  readonly token: number;
  /** At the Management API. */
  readonly management: number;
  /** Of the file of an export, which is no request to the Management API. */
  readonly download: number;
  /** At the Redis REST endpoint: a pipeline is one. */
  readonly redis: number;
  /** Discovery and JWKS. */
  readonly jwks: number;
}

/** What some work gave, and the requests that it made. */
export interface Counted<T> {
  readonly result: T;
  readonly requests: WireCount;
  /** When the first request came, on the clock of `performance`. */
  readonly firstAtMs: number;
}

/** Counts at the servers' own sockets, whatever process or SDK the requests come from. */
export async function countRequests<T>(
  { description }: Pick<LocalTenant, "description">,
  work: () => Promise<T>,
): Promise<Counted<T>> {
  const ports = {
    redis: Number(new URL(description.redis_rest_url).port),
    issuer: Number(new URL(description.issuer).port),
  };
  const requests = { token: 0, management: 0, download: 0, redis: 0, jwks: 0 };
  let firstAtMs = Number.NaN;
  const onRequest = (message: unknown) => {
    const { request, server } = message as { readonly request: IncomingMessage; readonly server: Server };
    const { port } = server.address() as AddressInfo;
    if (port !== ports.redis && port !== ports.issuer) return;
    if (Number.isNaN(firstAtMs)) firstAtMs = performance.now();
    requests[port === ports.redis ? "redis" : kindOf(request.url ?? "")]++;
  };
  subscribe("http.server.request.start", onRequest);
  try {
    return { result: await work(), requests, firstAtMs };
  } finally {
    unsubscribe("http.server.request.start", onRequest);
  }
}

function kindOf(path: string): "token" | "management" | "download" | "jwks" {
  if (path.startsWith("/oauth/token")) return "token";
  if (path.startsWith("/api/v2/downloads/")) return "download";
  return path.startsWith("/api/v2/") ? "management" : "jwks";
}
