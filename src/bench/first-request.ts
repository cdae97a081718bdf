import type { RequestHandler } from "express";
import { auth } from "express-oauth2-jwt-bearer";

import { expressGateway } from "../client/gateway-express.ts";
import { ApiKeyGateway } from "../client/gateway.ts";
import { listen } from "../local/listen.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { api, sourceOf } from "./client.ts";
import { hundredths, inTurn, median } from "./load.ts";
import { countRequests, type WireCount } from "./wire-count.ts";

/** What the first request of an API takes that has nothing cached, and the requests that it makes. */
interface FirstRequest {
  readonly p50_ms: number;
  readonly requests: Pick<WireCount, "token" | "jwks">;
}

/** The first request through a new gateway beside the first one of an API that validates a token itself. */
export interface FirstRequests {
  readonly times: number;
  readonly gateway: FirstRequest;
  readonly direct: FirstRequest;
  /** The median of each gateway's as a multiple of the one beside it. */
  readonly ratio: number;
}

/** Asks each new API once, in turn. Loading the modules is not in it, nor is a connection's TLS. */
export async function benchFirstRequests(bench: BenchTenant, times: number): Promise<FirstRequests> {
  const { issuer, audience } = bench.local.description;
  const { access_token } = await sourceOf(bench).getToken({ apiKey: bench.key, audience });
  const ways = {
    gateway: {
      bearer: bench.key.reveal(),
      handler: () => expressGateway(new ApiKeyGateway({ source: sourceOf(bench), issuer, audience })),
    },
    direct: { bearer: access_token, handler: () => auth({ issuerBaseURL: issuer, audience }) },
  };
  const names = ["gateway", "direct"] as const;
  const tookMs = { gateway: [] as number[], direct: [] as number[] };
  const requests = { gateway: { token: 0, jwks: 0 }, direct: { token: 0, jwks: 0 } };
  // The first round warms both up.
  for (let round = 0; round <= times; round++) {
    for (const name of inTurn(names, round)) {
      const { handler, bearer } = ways[name];
      const counted = await countRequests(bench.local, async () => askOnce(handler(), bearer));
      if (round === 0) continue;
      tookMs[name].push(counted.result);
      requests[name] = { token: counted.requests.token, jwks: counted.requests.jwks };
    }
  }
  const of = (name: "gateway" | "direct") => ({
    p50_ms: hundredths(median(tookMs[name])),
    requests: requests[name],
  });
  const ratios = tookMs.gateway.map((ms, at) => ms / (tookMs.direct[at] ?? Number.NaN));
  return { times, gateway: of("gateway"), direct: of("direct"), ratio: hundredths(median(ratios)) };
}

/** Gives the milliseconds until the answer is there whole. */
async function askOnce(handler: RequestHandler, bearer: string): Promise<number> {
  const opened = await listen(api([handler]), 0);
  try {
    const startedMs = performance.now();
    const response = await fetch(`${opened.url}/me`, { headers: { authorization: `Bearer ${bearer}` } });
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`A first request was answered with ${response.status}.`);
    return performance.now() - startedMs;
  } finally {
    await opened.close();
  }
}
