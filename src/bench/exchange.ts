import { Hono } from "hono";

import { randomBytes } from "node:crypto";

import { ApiKey } from "../core/api-key.ts";
import { recordKey, sealRecord } from "../core/key-record.ts";
import { hashKey, parsePeppers } from "../core/peppers.ts";
import { STORE_MARKER_KEY, sealStoreMarker } from "../core/store-marker.ts";
import type { ActionBundle } from "../deploy/bundle.ts";
import type { DeployConfig } from "../deploy/config.ts";
import { listen } from "../local/listen.ts";
import { createSigningKey } from "../local/oauth/signing-key.ts";
import { startLocalTenant } from "../local/start.ts";
import { measureLoad, median, type LoadResult } from "./load.ts";

/** The whole exchange beside a bare endpoint that only signs, over the same server code, in the same run. */
export interface ExchangeComparison {
  readonly in_flight: number;
  /** Exchanges a second as a part of what the bare endpoint does: the median over the rounds. */
  readonly ratio: number;
  readonly exchange: LoadResult;
  readonly bare: LoadResult;
}

const ROUNDS = 5;

/** Measures at each number of requests in flight, both sides in turn. */
export async function benchExchange(
  actions: readonly ActionBundle[],
  config: DeployConfig,
  requests: number,
): Promise<readonly ExchangeComparison[]> {
  const pepper = randomBytes(32).toString("base64url");
  const local = await startLocalTenant({ ...config, port: 0, limits: false, actions, pepper });
  const peppers = parsePeppers(pepper);
  const key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
  const userId = local.description.users[0]?.user_id ?? "";
  const entry = { id: key.id, name: "bench", hash: hashKey(key.reveal(), peppers.current), v: 1, iat: 1 };
  const user = local.tenant.users.get(userId);
  if (user) local.tenant.users.set(userId, { ...user, app_metadata: { api_keys: [entry] } });
  await local.redis.execute(["SET", recordKey(key.id), sealRecord({ ...entry, sub: userId }, peppers)]);
  await local.redis.execute(["SET", STORE_MARKER_KEY, sealStoreMarker(config.subjectTokenType, peppers)]);

  const signingKey = await createSigningKey();
  const app = new Hono();
  app.post("/token", async (c) => {
    await c.req.text();
    const iat = Math.floor(Date.now() / 1000);
    return c.json({
      access_token: await signingKey.sign({ iss: "bare", sub: userId, iat, exp: iat + 86_400 }, "JWT"),
    });
  });
  const bare = await listen(app, 0);
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token_type: config.subjectTokenType,
    subject_token: key.reveal(),
    client_id: local.description.client_id,
    audience: local.description.audience,
  });
  const send = (url: string) => async () => fetch(url, { method: "POST", body });
  try {
    const results: ExchangeComparison[] = [];
    for (const inFlight of [1, 8, 64]) {
      const rounds: { exchange: LoadResult; bare: LoadResult }[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const measured = {
          exchange: await measureLoad(send(local.description.token_endpoint), requests, inFlight),
          bare: await measureLoad(send(`${bare.url}/token`), requests, inFlight),
        };
        // The first round warms both sides up.
        if (round > 0) rounds.push(measured);
      }
      results.push(summarize(inFlight, rounds));
    }
    return results;
  } finally {
    await bare.close();
    await local.stop();
  }
}

function summarize(
  inFlight: number,
  rounds: readonly { exchange: LoadResult; bare: LoadResult }[],
): ExchangeComparison {
  const medians = (side: "exchange" | "bare"): LoadResult => ({
    per_second: median(rounds.map((round) => round[side].per_second)),
    p50_ms: median(rounds.map((round) => round[side].p50_ms)),
    p99_ms: median(rounds.map((round) => round[side].p99_ms)),
  });
  const ratio = median(rounds.map((round) => round.exchange.per_second / round.bare.per_second));
  return {
    in_flight: inFlight,
    ratio: Math.round(ratio * 100) / 100,
    exchange: medians("exchange"),
    bare: medians("bare"),
  };
}
