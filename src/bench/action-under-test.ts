import { randomBytes } from "node:crypto";
import { compileFunction } from "node:vm";

import { ApiKey } from "../core/api-key.ts";
import { sealRecord } from "../core/key-record.ts";
import { hashKey, parsePeppers } from "../core/peppers.ts";
import { sealStoreMarker } from "../core/store-marker.ts";
import type { Deployment } from "../core/deployment.ts";
import { customTokenExchangeApi } from "../local/actions/custom-token-exchange-api.ts";

type Handler = (event: object, api: object) => Promise<void>;

/** What of a deployment the Action is measured with: it goes to a process of its own as JSON. */
export type MeasuredConfig = Deployment;

/** The bundled exchange Action, with a right key and a Redis client that answers at once. */
export interface ActionUnderTest {
  /** One execution. */
  readonly run: () => Promise<void>;
  /** One HMAC-SHA-256 of the same key: the least that a check can cost. */
  readonly hmac: () => void;
  /** Loads the module anew, without its Redis client. */
  readonly load: () => void;
}

/** Prepares the Action, and throws unless it grants its key. `require` is what it gets its modules from. */
export async function actionUnderTest(
  code: string,
  config: MeasuredConfig,
  require: NodeJS.Require,
): Promise<ActionUnderTest> {
  const pepper = randomBytes(32).toString("base64url");
  const peppers = parsePeppers(pepper);
  const key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
  const hash = hashKey(key.reveal(), peppers.current);
  const record = sealRecord(
    { id: key.id, sub: "auth0|ada", hash, v: 1, iat: 1, scope: "read:things" },
    peppers,
  );
  const answer = [record, sealStoreMarker(config, peppers)];
  class Redis {
    /** Where the real one is told how to ask. */
    use(): void {}

    async mget(): Promise<readonly string[]> {
      return answer;
    }
  }
  const answering = (name: string): unknown => (name === "@upstash/redis" ? { Redis } : require(name));
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
      requested_scopes: ["read:things"],
    },
  };
  const handler = loadHandler(code, answering);
  const { api, commands } = customTokenExchangeApi();
  await handler(event, api);
  if (commands.userIds[0] !== "auth0|ada")
    throw new Error("The Action that is measured does not grant its key.");
  return {
    run: async () => handler(event, customTokenExchangeApi().api),
    hmac: () => void hashKey(key.reveal(), peppers.current),
    load: () => void loadHandler(code, answering),
  };
}

/** Loads the bundle as Auth0 does, with a console that is silent. */
export function loadHandler(code: string, require: (name: string) => unknown): Handler {
  const module = { exports: {} as { onExecuteCustomTokenExchange?: Handler } };
  compileFunction(code, ["module", "exports", "require", "console"])(module, module.exports, require, {
    log: () => undefined,
  });
  const handler = module.exports.onExecuteCustomTokenExchange;
  if (!handler) throw new Error("The bundle exports no handler.");
  return handler;
}
