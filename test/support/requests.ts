import type { LocalTenant } from "../../src/local/start.ts";
import { TOKEN_EXCHANGE } from "./stage.ts";

/** What becomes of one request. */
export type Fault = "fail" | "time out" | "drop after effect" | "rate limit";

/** Requests of this process to the tenant, counted, and one of them spoiled. */
export interface Requests {
  /** `GET /api/v2/…`, in their order. */
  readonly seen: string[];
  /** Spoils the request with this number, counted from 0 over `seen`. */
  spoil(number: number, fault: Fault): void;
  reset(): void;
  close(): void;
}

/**
 * Puts itself between the real SDK and the real tenant, in the `fetch` of this process: requests to the Management API
 * reach the tenant without a socket, so that hundreds of runs fit into seconds.
 */
export function watchRequests(local: LocalTenant, nowMs: () => number): Requests {
  const origin = local.description.issuer.replace(/\/$/, "");
  const seen: string[] = [];
  let spoiled: { readonly number: number; readonly fault: Fault } | undefined;
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const isExchange =
      init?.body instanceof URLSearchParams && init.body.get("grant_type") === TOKEN_EXCHANGE;
    if (!url.startsWith(origin) || isExchange) return original(input, init);
    const number = seen.push(`${init?.method ?? "GET"} ${url.slice(origin.length)}`) - 1;
    const send = async () => local.fetch(new Request(url, init));
    if (spoiled?.number !== number) return send();
    switch (spoiled.fault) {
      case "fail":
        return Response.json({ statusCode: 500, error: "Internal Server Error" }, { status: 500 });
      case "rate limit": {
        const headers = { "x-ratelimit-reset": String(Math.ceil(nowMs() / 1000) + 7) };
        return Response.json({ statusCode: 429, error: "Too Many Requests" }, { status: 429, headers });
      }
      case "time out":
        return unanswered(init?.signal);
      case "drop after effect":
        await (await send()).arrayBuffer();
        throw new TypeError("fetch failed", { cause: new Error("socket hang up") });
    }
  };
  return {
    seen,
    spoil(number, fault) {
      spoiled = { number, fault };
    },
    reset() {
      seen.length = 0;
      spoiled = undefined;
    },
    close() {
      globalThis.fetch = original;
    },
  };
}

/** An answer that never comes: it is the SDK's own timer that ends the wait. */
async function unanswered(signal: AbortSignal | null | undefined): Promise<never> {
  if (!signal) throw new Error("a request without a timer would wait for ever");
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
