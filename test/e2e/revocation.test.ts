import { setTimeout as sleep } from "node:timers/promises";

import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ApiKeyGateway, type GatewayOptions } from "../../src/client/gateway.ts";
import { KillSwitch } from "../../src/client/kill-switch.ts";
import { upstashRedis } from "../../src/client/redis-port.ts";
import { ApiKeyTokenSource } from "../../src/client/token-source.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { ADA, AUDIENCE, CLIENT_ID, stage, SUBJECT_TOKEN_TYPE, type Stage } from "../support/stage.ts";

const SCOPE = "read:things";
// An hour's token of Auth0's, in small: what is measured is which of these times ends it.
const LIFETIME_SECONDS = 3;
const KILL_SWITCH_MS = 300;
const GIVE_UP_MS = 5_000;

let s: Stage;
beforeAll(async () => {
  s = await stage();
  const api = s.local.tenant.resourceServers.get(AUDIENCE);
  if (!api) throw new Error("the stage has no API");
  s.local.tenant.resourceServers.set(AUDIENCE, { ...api, token_lifetime: LIFETIME_SECONDS });
});
afterAll(async () => s.stop());

function gatewayOf(changes: Partial<GatewayOptions> = {}): ApiKeyGateway {
  const { issuer, token_endpoint } = s.local.description;
  const endpoint = { token_endpoint, client_id: CLIENT_ID, subject_token_type: SUBJECT_TOKEN_TYPE };
  const source = new ApiKeyTokenSource(endpoint);
  return new ApiKeyGateway({ source, issuer, audience: AUDIENCE, scope: SCOPE, ...changes });
}

const through = (gateway: ApiKeyGateway) => async (key: string) =>
  (await gateway.authorize({ method: "GET", url: "/", headers: { "x-api-key": key } })).kind === "authorized";

/** Milliseconds from the end of the revocation to the beginning of the last call that was accepted; 0 if there was none. */
async function lastAcceptedMs(isAccepted: (key: string) => Promise<boolean>): Promise<number> {
  const { key, id } = await s.create(ADA, { scope: SCOPE });
  expect(await isAccepted(key)).toBe(true);
  await revokeKey(s.keys, ADA, id, "measured");
  const revokedAtMs = performance.now();
  let lastMs = 0;
  while (performance.now() - revokedAtMs < GIVE_UP_MS) {
    const begunMs = performance.now() - revokedAtMs;
    if (!(await isAccepted(key))) return lastMs;
    lastMs = begunMs;
    await sleep(20);
  }
  return GIVE_UP_MS;
}

test("how long a revoked key lives on: not at all, the kill switch's age, the refresh, the token's lifetime", async () => {
  const { issuer, jwks_uri, redis_rest_url: url, redis_rest_token: token } = s.local.description;
  const jwks = createRemoteJWKSet(new URL(jwks_uri));
  const killSwitch = new KillSwitch({ redis: upstashRedis({ url, token }), maxAgeMs: KILL_SWITCH_MS });
  const tokens = new Map<string, string>();
  const bareApi = async (key: string) => {
    const access = tokens.get(key) ?? String((await s.exchange(key)).body["access_token"]);
    tokens.set(key, access);
    return jwtVerify(access, jwks, { issuer, audience: AUDIENCE }).then(
      () => true,
      () => false,
    );
  };
  const [exchange, withSwitch, without, bare] = await Promise.all([
    lastAcceptedMs(async (key) => (await s.exchange(key)).status === 200),
    lastAcceptedMs(through(gatewayOf({ killSwitch }))),
    lastAcceptedMs(through(gatewayOf())),
    lastAcceptedMs(bareApi),
  ]);
  expect(exchange).toBe(0);
  expect(withSwitch).toBeLessThanOrEqual(KILL_SWITCH_MS);
  expect(without).toBeGreaterThan(KILL_SWITCH_MS);
  // Refreshed at 85 percent of its life at the latest, and the refusal takes the token along.
  expect(without).toBeLessThanOrEqual(LIFETIME_SECONDS * 1000 * 0.9);
  expect(bare).toBeGreaterThan(KILL_SWITCH_MS);
  expect(bare).toBeLessThanOrEqual(LIFETIME_SECONDS * 1000);
});
