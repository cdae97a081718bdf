import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import express, { type Express, type RequestHandler } from "express";
import { auth } from "express-oauth2-jwt-bearer";
import { Bench } from "tinybench";

import { fileTokenCache } from "../client/file-token-cache.ts";
import { expressGateway } from "../client/gateway-express.ts";
import { ApiKeyGateway } from "../client/gateway.ts";
import { memoryTokenCache } from "../client/memory-token-cache.ts";
import { upstashRedis } from "../client/redis-port.ts";
import { redisTokenCache } from "../client/redis-token-cache.ts";
import type { TokenCache } from "../client/token-cache.ts";
import { ApiKeyTokenSource } from "../client/token-source.ts";
import { listen } from "../local/listen.ts";
import type { BenchSize } from "./bench-size.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { compare, type Comparison } from "./load.ts";

/** What a hit of each cache costs, in microseconds. */
export type CacheTimes = Readonly<Record<string, { readonly p50_us: number; readonly p99_us: number }>>;

/** A token source as an API has it. */
export function sourceOf({ local: { description } }: BenchTenant, cache?: TokenCache): ApiKeyTokenSource {
  const { token_endpoint, client_id, subject_token_type } = description;
  return new ApiKeyTokenSource({ token_endpoint, client_id, subject_token_type, ...(cache && { cache }) });
}

/**
 * An Express API behind the gateway, called with a key, beside the same API validating a token itself. With `isTwice`
 * the API behind the gateway goes on validating, as one does that takes tokens as well.
 */
export async function benchGateway(
  bench: BenchTenant,
  size: Pick<BenchSize, "requests" | "rounds">,
  isTwice: boolean,
): Promise<readonly Comparison[]> {
  const { issuer, audience } = bench.local.description;
  const source = sourceOf(bench);
  const validation = auth({ issuerBaseURL: issuer, audience });
  const throughGateway = expressGateway(new ApiKeyGateway({ source, issuer, audience }));
  const [ours, direct] = await Promise.all([
    listen(api(isTwice ? [throughGateway, validation] : [throughGateway]), 0),
    listen(api([validation]), 0),
  ]);
  const { access_token } = await source.getToken({ apiKey: bench.key, audience });
  const send = (url: string, bearer: string) => async () =>
    fetch(`${url}/me`, { headers: { authorization: `Bearer ${bearer}` } });
  try {
    const ways = { gateway: send(ours.url, bench.key.reveal()), direct: send(direct.url, access_token) };
    return await compare(ways, size);
  } finally {
    await Promise.all([ours.close(), direct.close()]);
  }
}

/** An API of one route, behind these handlers. */
export function api(handlers: readonly RequestHandler[]): Express {
  const app = express();
  app.use(...handlers);
  app.get("/me", (request, response) => {
    response.json({ sub: request.auth?.payload.sub, act: request.auth?.payload["act"] });
  });
  return app;
}

/** A hit of each cache through the token source, as a caller pays for it. */
export async function benchCaches(bench: BenchTenant, timeMs: number): Promise<CacheTimes> {
  const { audience, redis_rest_url: url, redis_rest_token: token } = bench.local.description;
  const folder = join(tmpdir(), `bench-${randomUUID()}`);
  const caches: Record<string, TokenCache> = {
    memory: memoryTokenCache({}),
    file: fileTokenCache({ folder }),
    redis: redisTokenCache(upstashRedis({ url, token }), { settleMs: 0 }),
  };
  const measured = new Bench({ time: timeMs, warmupTime: timeMs / 4 });
  for (const [name, cache] of Object.entries(caches)) {
    const source = sourceOf(bench, cache);
    measured.add(name, async () => source.getToken({ apiKey: bench.key, audience }));
  }
  await measured.run();
  await rm(folder, { recursive: true, force: true });
  const microseconds = (ms: number) => Math.round(ms * 10_000) / 10;
  return Object.fromEntries(
    measured.tasks.map(({ name, result }) => {
      if (!("latency" in result)) throw new Error(`"${name}" was not measured.`);
      return [name, { p50_us: microseconds(result.latency.p50), p99_us: microseconds(result.latency.p99) }];
    }),
  );
}
