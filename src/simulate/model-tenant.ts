import { TokenBucket } from "../local/token-bucket.ts";
import { exponential, type Random } from "./random.ts";
import type { World } from "./world.ts";

/** What a tenant of the model is. */
export interface ModelTenantOptions {
  /** Auth0's plan: exchanges a second, and as many at once. */
  readonly exchangesPerSecond: number;
  readonly lifetimeSeconds: number;
}

/** The way there and back, and what Auth0 and the Action need: at least so many milliseconds, and some more. */
const LEAST_MS = 100;
const MORE_MS = 50;
/** Auth0's defaults: ten wrong keys of an address, and one more every ten minutes. */
const ADDRESS_ATTEMPTS = 10;
const ADDRESS_REGAIN_MS = 600_000;
const TENANT = "tenant";

/** A tenant's token endpoint as the client sees it, with Auth0's two limits: those of the local tenant, by the model's time. */
export class ModelTenant {
  readonly #world: World;
  readonly #random: Random;
  readonly #attempts: TokenBucket;
  readonly #rate: TokenBucket;
  readonly #lifetimeSeconds: number;
  #issued = 0;
  /** Addresses that are never blocked. */
  readonly allowlist = new Set<string>();
  /** Until then it answers 503. */
  downUntilMs = 0;
  /** Whether a key is refused, and whether it was a guess. */
  judge: (apiKey: string, atMs: number) => "grant" | "unknown" | "revoked" = () => "grant";
  exchanges = 0;
  limited = 0;
  blocked = 0;

  constructor(world: World, random: Random, { exchangesPerSecond, lifetimeSeconds }: ModelTenantOptions) {
    this.#world = world;
    this.#random = random;
    const nowMs = () => world.nowMs();
    this.#lifetimeSeconds = lifetimeSeconds;
    this.#rate = new TokenBucket(exchangesPerSecond, 1000 / exchangesPerSecond, nowMs);
    this.#attempts = new TokenBucket(ADDRESS_ATTEMPTS, ADDRESS_REGAIN_MS, nowMs);
  }

  /** `fetch` for a client that calls from an address. */
  fetchFrom(address: string): typeof fetch {
    return async (_url, init) => {
      const tookMs = LEAST_MS + exponential(this.#random, MORE_MS);
      await this.#world.sleep(tookMs / 2);
      const forwarded = new Headers(init?.headers).get("auth0-forwarded-for");
      const body = typeof init?.body === "string" ? init.body : "";
      const answer = this.#answer(body, forwarded ?? address);
      await this.#world.sleep(tookMs / 2);
      return answer;
    };
  }

  #answer(body: string, address: string): Response {
    const nowMs = this.#world.nowMs();
    if (nowMs < this.downUntilMs) return answer(503, { error: "temporarily_unavailable" });
    if (!this.#rate.take(TENANT)) {
      this.limited++;
      const waitSeconds = Math.ceil(this.#rate.waitMs(TENANT) / 1000);
      return answer(429, { error: "too_many_requests" }, { "retry-after": String(waitSeconds) });
    }
    if (!this.allowlist.has(address) && this.#attempts.left(address) < 1) {
      this.blocked++;
      return answer(429, { error: "too_many_attempts" });
    }
    this.exchanges++;
    const apiKey = new URLSearchParams(body).get("subject_token") ?? "";
    const verdict = this.judge(apiKey, nowMs);
    if (verdict === "unknown") this.#attempts.take(address);
    if (verdict !== "grant")
      return answer(400, { error: "invalid_request", error_description: "Invalid API key." });
    return answer(200, {
      access_token: `model.${this.#issued++}`,
      token_type: "Bearer",
      expires_in: this.#lifetimeSeconds,
    });
  }
}

/** What the client reads of a response. A real one reads its body through a stream, in more turns than promises take. */
function answer(status: number, json: object, headers: Readonly<Record<string, string>> = {}): Response {
  const chunks = [new TextEncoder().encode(JSON.stringify(json))];
  const read = async () => ({ done: chunks.length === 0, value: chunks.shift() });
  return {
    status,
    headers: new Headers(headers),
    body: { getReader: () => ({ read }) },
  } as unknown as Response;
}
