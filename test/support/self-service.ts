import { expect } from "vitest";

import {
  createApiKeysHandler,
  openStores,
  type ApiKeysHandlerOptions,
  type SelfServiceStores,
} from "../../src/self-service/index.ts";
import type { Clock } from "./clock.ts";
import { freshKeys, type TestClock } from "./fresh-keys.ts";
import { logIn, SELF_SERVICE } from "./log-in.ts";
import { mistakesIn } from "./openapi.ts";
import { pepperOf, stage, type Answer, type Stage, type StageOptions } from "./stage.ts";

/** What a request to the handler may have. */
export interface CallOptions {
  readonly token?: string | undefined;
  /** Sent as JSON, or as it is if it is a text. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The handler over a stage, and hands to use it. */
export interface SelfServiceStage {
  readonly s: Stage;
  readonly stores: SelfServiceStores;
  /** What went wrong on the handler's side. */
  readonly errors: unknown[];
  readonly handler: (request: Request) => Promise<Response>;
  /** Sends a request; the answer is held against the OpenAPI document, and may never be cached. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** An access token of a user for self-service, from a real login. */
  tokenOf(userId: string, changes?: Readonly<Record<string, string>>): Promise<string>;
  stop(): Promise<void>;
}

/** What a test may change about the stage of self-service. */
export interface SelfServiceOptions extends StageOptions {
  readonly handler?: Partial<ApiKeysHandlerOptions>;
  /** The one clock of the world, for tests in which somebody waits. */
  readonly clock?: TestClock;
  /** The time that requests wait by for a lock or the rate limit. */
  readonly waits?: Clock;
}

/** Starts a stage with the handler over it. */
export async function selfServiceStage(options: SelfServiceOptions = {}): Promise<SelfServiceStage> {
  const s = await stage({ selfService: SELF_SERVICE, ...options });
  const { origin, managementApi, clientId, clientSecret, redisUrl, redisToken } = s.settings;
  const settings = { origin, managementApi, clientId, clientSecret, redisUrl, redisToken };
  const pepper = options.pepper ?? `1:${pepperOf("one")}`;
  const { keys, ...others } = openStores(
    s.config,
    { ...settings, pepper },
    options.waits && { clock: options.waits },
  );
  const stores = { ...others, keys: options.clock ? freshKeys(s, options.clock) : keys };
  const errors: unknown[] = [];
  const handler = createApiKeysHandler({
    stores,
    issuer: s.local.description.issuer,
    audience: SELF_SERVICE.audience,
    rateLimit: { requestsPerMinute: 100_000, changesPerMinute: 100_000 },
    onError: (error) => void errors.push(error),
    ...options.handler,
  });
  return {
    s,
    stores,
    errors,
    handler,
    async call(method, path, { token, body, headers } = {}) {
      const request = new Request(`http://self-service.example${path}`, {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const response = await handler(request);
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") === true;
      const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
      const answer = { status: response.status, headers: response.headers, text, body: json };
      expect(mistakesIn(method, path, answer), `${method} ${path}: ${text}`).toEqual([]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      return answer;
    },
    tokenOf: async (userId, changes) => String((await logIn(s, userId, changes)).body["access_token"]),
    stop: async () => s.stop(),
  };
}

/** A key as the handler shows it. */
export interface ShownKey {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly hint: string | null;
  readonly [field: string]: unknown;
}

/** The key in an answer. */
export function keyIn(answer: Answer): ShownKey {
  return answer.body["api_key"] as ShownKey;
}
