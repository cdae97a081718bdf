import { ApiKeysError } from "../../src/core/errors.ts";
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
  /** Runs an operation whose process is stopped before its request number `at` is sent, while `meanwhile` runs. */
  pause<T>(at: number, meanwhile: () => Promise<void>, work: () => Promise<T>): Promise<T | ApiKeysError>;
  close(): void;
}

/**
 * Stands in the `fetch` of this process, under the real SDKs. Nothing fails outside of a disturbed run. The Management
 * API is reached without a socket, so that hundreds of runs fit into seconds.
 */
export function openWire({ local, settings }: Stage): Wire {
  const state = {
    isArmed: false,
    requests: [] as string[],
    failAt: -1,
    diesThen: false,
    isLasting: false,
    fault: FAULTS["never arrives"] as Fault,
  };
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const isManagement = url.startsWith(settings.managementApi);
    const send = async () => (isManagement ? local.fetch(new Request(url, init)) : original(input, init));
    if (!state.isArmed) return send();
    const at = state.requests.push(`${init?.method ?? "GET"} ${new URL(url).pathname}`) - 1;
    if (state.diesThen && at > state.failAt) return lost();
    const isLater = state.isLasting && isManagement && at > state.failAt;
    return at === state.failAt || isLater ? state.fault(send) : send();
  };
  const run: Wire["disturb"] = async (failAt, fault, work) => {
    Object.assign(state, { isArmed: true, requests: [], failAt, fault });
    try {
      return await work();
    } catch (error) {
      if (error instanceof ApiKeysError) return error;
      throw error;
    } finally {
      Object.assign(state, { isArmed: false, diesThen: false, isLasting: false });
    }
  };
  return {
    get requests() {
      return state.requests;
    },
    disturb: run,
    async disturbFrom(...args) {
      state.isLasting = true;
      return run(...args);
    },
    async kill(at, work) {
      state.diesThen = true;
      return run(at, FAULTS["takes effect, and its answer is lost"], work);
    },
    async pause(at, meanwhile, work) {
      const stopped: Fault = async (send) => {
        state.isArmed = false;
        await meanwhile();
        state.isArmed = true;
        return send();
      };
      return run(at, stopped, work);
    },
    close() {
      globalThis.fetch = original;
    },
  };
}
