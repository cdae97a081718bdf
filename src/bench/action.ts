import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";

import { Bench } from "tinybench";

import { ApiKey } from "../core/api-key.ts";
import { sealRecord } from "../core/key-record.ts";
import { hashKey, parsePeppers } from "../core/peppers.ts";
import { sealStoreMarker } from "../core/store-marker.ts";
import type { ActionBundle } from "../deploy/bundle.ts";
import type { DeployConfig } from "../deploy/config.ts";
import { customTokenExchangeApi } from "../local/actions/custom-token-exchange-api.ts";

type Handler = (event: object, api: object) => Promise<void>;

/** The Action's own time, in microseconds: everything but the answer of Redis, which is there at once. */
export interface ActionTimes {
  readonly own_p50_us: number;
  readonly own_p99_us: number;
  /** One HMAC-SHA-256 of the same key in the same run: the least that a check can cost. */
  readonly hmac_p50_us: number;
  readonly load_p50_us: number;
  readonly bundle_bytes: number;
}

/** Measures the bundled exchange Action, warm, and how long its code takes to load. */
export async function benchAction(
  bundle: ActionBundle,
  config: DeployConfig,
  timeMs: number,
): Promise<ActionTimes> {
  const pepper = randomBytes(32).toString("base64url");
  const peppers = parsePeppers(pepper);
  const key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
  const hash = hashKey(key.reveal(), peppers.current);
  const record = sealRecord(
    { id: key.id, sub: "auth0|ada", hash, v: 1, iat: 1, scope: "read:things" },
    peppers,
  );
  const answer = [record, sealStoreMarker(config.subjectTokenType, peppers)];
  const event = {
    client: { client_id: config.clients[0] },
    request: { ip: "127.0.0.1" },
    resource_server: { identifier: config.apis[0]?.identifier },
    secrets: {
      API_KEY_PEPPER: pepper,
      UPSTASH_REDIS_REST_URL: "https://redis",
      UPSTASH_REDIS_REST_TOKEN: "t",
    },
    transaction: {
      subject_token: key.reveal(),
      subject_token_type: config.subjectTokenType,
      requested_scopes: [],
    },
  };
  const load = () => loadHandler(bundle.code, answer);
  const handler = load();
  const { api, commands } = customTokenExchangeApi();
  await handler(event, api);
  if (commands.userIds[0] !== "auth0|ada")
    throw new Error("The Action that is measured does not grant its key.");

  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4 })
    .add("own", async () => handler(event, customTokenExchangeApi().api))
    .add("hmac", () => hashKey(key.reveal(), peppers.current))
    .add("load", load);
  await bench.run();
  const percentile = (name: string, which: "p50" | "p99") => {
    const result = bench.getTask(name)?.result;
    if (result === undefined || !("latency" in result)) throw new Error(`"${name}" was not measured.`);
    return Math.round(result.latency[which] * 10_000) / 10;
  };
  return {
    own_p50_us: percentile("own", "p50"),
    own_p99_us: percentile("own", "p99"),
    hmac_p50_us: percentile("hmac", "p50"),
    load_p50_us: percentile("load", "p50"),
    bundle_bytes: Buffer.byteLength(bundle.code),
  };
}

/** Loads the bundle as Auth0 does, with a Redis client that answers at once and a console that is silent. */
function loadHandler(code: string, answer: readonly string[]): Handler {
  const requireHere = createRequire(import.meta.url);
  class Redis {
    async mget(): Promise<readonly string[]> {
      return answer;
    }
  }
  const require = (name: string): unknown => (name === "@upstash/redis" ? { Redis } : requireHere(name));
  const module = { exports: {} as { onExecuteCustomTokenExchange?: Handler } };
  compileFunction(code, ["module", "exports", "require", "console"])(module, module.exports, require, {
    log: () => undefined,
  });
  const handler = module.exports.onExecuteCustomTokenExchange;
  if (!handler) throw new Error("The bundle exports no handler.");
  return handler;
}
