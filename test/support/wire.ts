import { bypass, http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";

import { ApiKeysError } from "../../src/core/errors.ts";

export type Fault = (request: Request) => Promise<Response>;
const carriedOut = async (request: Request): Promise<void> => {
  await (await fetch(bypass(request))).arrayBuffer();
};

/** Each way in which a request can fail, whether or not it took effect. */
export const FAULTS = {
  "never arrives": async () => HttpResponse.error(),
  "takes effect, and its answer is lost": async (request) =>
    carriedOut(request).then(() => HttpResponse.error()),
  "is answered with 500": async () => HttpResponse.json({ message: "no" }, { status: 500 }),
  "takes effect, and is answered with 500": async (request) =>
    carriedOut(request).then(() => HttpResponse.json({ message: "late" }, { status: 500 })),
  "is answered with 429": async () => HttpResponse.json({ message: "slow down" }, { status: 429 }),
  "is answered with 403": async () => HttpResponse.json({ message: "Insufficient scope" }, { status: 403 }),
} satisfies Record<string, Fault>;

/** The wire between the product and its two stores, on which single requests can be made to fail. */
export interface Wire {
  /** The requests of the last disturbed run, as `METHOD path`. */
  readonly requests: readonly string[];
  /** Runs an operation with its request number `failAt` failing; gives its result, or the error that it threw. */
  disturb<T>(failAt: number, fault: Fault, work: () => Promise<T>): Promise<T | ApiKeysError>;
  close(): void;
}

/** Stands between this process and these origins. Nothing fails outside of a disturbed run. */
export function openWire(origins: readonly string[]): Wire {
  const state = {
    isArmed: false,
    requests: [] as string[],
    failAt: -1,
    fault: FAULTS["never arrives"] as Fault,
  };
  const server = setupServer();
  for (const origin of origins) {
    server.use(
      http.all(`${origin}/*`, async ({ request }) => {
        if (!state.isArmed) return passthrough();
        const at = state.requests.push(`${request.method} ${new URL(request.url).pathname}`) - 1;
        return at === state.failAt ? state.fault(request) : passthrough();
      }),
    );
  }
  server.listen({ onUnhandledRequest: "bypass" });
  return {
    get requests() {
      return state.requests;
    },
    async disturb(failAt, fault, work) {
      Object.assign(state, { isArmed: true, requests: [], failAt, fault });
      try {
        return await work();
      } catch (error) {
        if (error instanceof ApiKeysError) return error;
        throw error;
      } finally {
        state.isArmed = false;
      }
    },
    close: () => server.close(),
  };
}
