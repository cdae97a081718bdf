import { AsyncLocalStorage } from "node:async_hooks";

import { ApiKeysError } from "../../src/core/errors.ts";
import { redisRestApp } from "../../src/local/redis-rest/redis-rest-app.ts";
import type { Stage } from "./stage.ts";

/** What becomes of one request, which `send` would carry out. */
export type Fault = (send: () => Promise<Response>) => Promise<Response>;

const lost = (): never => {
  throw new TypeError("fetch failed", { cause: new Error("socket hang up") });
};
const carriedOut = async (send: () => Promise<Response>): Promise<void> => {
  await (await send()).arrayBuffer();
};
const answer = (status: number) => Response.json({ statusCode: status, message: "no" }, { status });

/** Each way in which a request can fail, whether or not it took effect. */
export const FAULTS = {
  "never arrives": async () => lost(),
  "takes effect, and its answer is lost": async (send) => carriedOut(send).then(lost),
  "is answered with 500": async () => answer(500),
  "takes effect, and is answered with 500": async (send) => carriedOut(send).then(() => answer(500)),
  "is answered with 429": async () => answer(429),
  "is answered with 403": async () => answer(403),
} satisfies Record<string, Fault>;

/** The wire between the product and its two stores, on which single requests can be made to fail. */
export interface Wire {
  /** The requests of the last disturbed run, as `METHOD path`. */
  readonly requests: readonly string[];
  /** Runs an operation with its request number `failAt` failing; gives its result, or the error that it threw. */
  disturb<T>(failAt: number, fault: Fault, work: () => Promise<T>): Promise<T | ApiKeysError>;
  /** As `disturb`, and all later requests to the Management API fail as well. */
  disturbFrom<T>(failAt: number, fault: Fault, work: () => Promise<T>): Promise<T | ApiKeysError>;
  /** Runs an operation whose process dies as its request number `at` takes effect: none of the later ones is sent. */
  kill<T>(at: number, work: () => Promise<T>): Promise<T | ApiKeysError>;
  /**
   * Runs an operation whose process is stopped before a request is sent, by number or the first of a method, while
   * `meanwhile` runs; and which may die as that request takes effect.
   */
  pause<T>(
    at: number | "PATCH",
    meanwhile: () => Promise<void>,
    work: () => Promise<T>,
    dies?: boolean,
  ): Promise<T | ApiKeysError>;
  close(): void;
}

/**
 * Stands in the `fetch` of this process, under the real SDKs. Nothing fails outside of a disturbed run. The Management
 * API is reached without a socket, so that hundreds of runs fit into seconds; so is Redis if `isRedisNear`, which is for
 * where one process waits at a time: two would count each other's waits, and nothing else takes time then.
 */
export function openWire({ local, settings }: Stage, isRedisNear = false): Wire {
  interface Run {
    readonly requests: string[];
    failAt: number | "PATCH";
    readonly fault: Fault;
    readonly diesThen?: boolean;
    /** Whether all later requests to the Management API fail as well. */
    readonly isLasting?: boolean;
    /** As long as its process is stopped, which sends nothing then, and takes no answer. */
    stopped?: Promise<void>;
    isOver?: boolean;
  }
  // Two processes may be at work at once: what is sent is told apart by who sends it.
  const runs = new AsyncLocalStorage<Run | undefined>();
  let last: Run | undefined;
  const original = globalThis.fetch;
  const { redis_rest_url, redis_rest_token, redis_rest_read_only_token } = local.description;
  const redis = redisRestApp(local.redis, {
    token: redis_rest_token,
    readOnlyToken: redis_rest_read_only_token,
  });
  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const isManagement = url.startsWith(settings.managementApi);
    const send = async () => {
      if (isManagement) return local.fetch(new Request(url, init));
      if (isRedisNear && url.startsWith(redis_rest_url)) return redis.fetch(new Request(url, init));
      return original(input, init);
    };
    const run = runs.getStore();
    if (!run || run.isOver) return send();
    await run.stopped;
    const at = run.requests.push(`${init?.method ?? "GET"} ${new URL(url).pathname}`) - 1;
    if (run.failAt === init?.method) run.failAt = at;
    const isLater = typeof run.failAt === "number" && at > run.failAt;
    if (run.diesThen && isLater) return lost();
    const isDisturbed = at === run.failAt || (run.isLasting === true && isManagement && isLater);
    try {
      return await (isDisturbed ? run.fault(send) : send());
    } finally {
      await run.stopped;
    }
  };
  const disturb = async <T>(run: Run, work: () => Promise<T>): Promise<T | ApiKeysError> => {
    last = run;
    try {
      return await runs.run(run, work);
    } catch (error) {
      if (error instanceof ApiKeysError) return error;
      throw error;
    } finally {
      run.isOver = true;
    }
  };
  return {
    get requests() {
      return last?.requests ?? [];
    },
    disturb: async (failAt, fault, work) => disturb({ requests: [], failAt, fault }, work),
    disturbFrom: async (failAt, fault, work) =>
      disturb({ requests: [], failAt, fault, isLasting: true }, work),
    async kill(at, work) {
      const fault = FAULTS["takes effect, and its answer is lost"];
      return disturb({ requests: [], failAt: at, fault, diesThen: true }, work);
    },
    async pause(at, meanwhile, work, dies = false) {
      const run: Run = {
        requests: [],
        failAt: at,
        diesThen: dies,
        async fault(send) {
          run.stopped = runs.run(undefined, meanwhile);
          await run.stopped;
          return dies ? carriedOut(send).then(lost) : send();
        },
      };
      return disturb(run, work);
    },
    close() {
      // Else it is asked at each promise of this process, for ever.
      runs.disable();
      globalThis.fetch = original;
    },
  };
}
