import { deriveSlot, slotText } from "../client/cache-slot.ts";
import { layeredTokenCache } from "../client/layered-token-cache.ts";
import { memoryTokenCache } from "../client/memory-token-cache.ts";
import { redisTokenCache } from "../client/redis-token-cache.ts";
import type { TokenCache } from "../client/token-cache.ts";
import { ApiKeyTokenSource } from "../client/token-source.ts";
import { ApiKey } from "../core/api-key.ts";
import { AwayError, type ModelRedis } from "./model-redis.ts";
import type { ModelTenant } from "./model-tenant.ts";
import { bytesOf, type Random } from "./random.ts";
import type { World } from "./world.ts";

/** Where tokens are kept, and by whom. */
export type Design =
  /** A gateway's processes, each with its memory, over one Redis. */
  | "redis"
  /** The same processes with their memories alone. */
  | "memory"
  /** A file on the machine of each key's user, as the command line has it. */
  | "file"
  /** Nowhere, as in a CI job on a fresh machine. */
  | "none";

/** What a fleet is made of. */
export interface FleetOptions {
  readonly design: Design;
  readonly processes: number;
  readonly redis: ModelRedis;
  readonly tenant: ModelTenant;
  readonly waitBudgetMs?: number;
  readonly memoryTokens?: number;
  /** Of all processes. Default: one each. */
  readonly address?: string;
}

const ENDPOINT = {
  token_endpoint: "https://acme.eu.auth0.com/oauth/token",
  client_id: "gateway",
  subject_token_type: "urn:acme:api-key",
};
const AUDIENCE = "https://api.acme.example";
const EVERY_KEY = 20_000_000;

/** Processes that call the tenant with the library itself. */
export class Fleet {
  readonly #world: World;
  readonly #random: Random;
  readonly #options: FleetOptions;
  readonly #files: TokenCache;
  readonly #sources: ApiKeyTokenSource[] = [];
  readonly #memories: TokenCache[] = [];
  readonly #layers: TokenCache[] = [];
  readonly #redisCache: TokenCache;
  readonly #nowMs = () => this.#world.nowMs();

  constructor(world: World, random: Random, options: FleetOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#files = memoryTokenCache({ nowMs: this.#nowMs });
    this.#redisCache = redisTokenCache(options.redis, { nowMs: this.#nowMs });
    for (let at = 0; at < options.processes; at++) this.restart(at);
  }

  /** Ends a process and starts it again: what it had in memory is gone. */
  restart(process: number): void {
    const { design, redis } = this.#options;
    const nowMs = this.#nowMs;
    const memory = memoryTokenCache({ nowMs });
    const far = redisTokenCache(redis, { nowMs, monotonicMs: nowMs });
    const cache = design === "redis" ? layeredTokenCache(memory, far) : memory;
    this.#memories[process] = memory;
    this.#layers[process] = cache;
    this.#sources[process] = this.#source(cache, "background", this.#options.address ?? `10.0.0.${process}`);
  }

  /** Where tokens outlast a call: what is put there is found by the fleet. */
  get caches(): readonly TokenCache[] {
    switch (this.#options.design) {
      case "redis":
        return [this.#redisCache];
      case "memory":
        return this.#memories;
      case "file":
        return [this.#files];
      case "none":
        return [];
    }
  }

  /** What the processes keep, each for itself, before what they share. */
  get layers(): readonly TokenCache[] {
    return this.#layers;
  }

  /** Puts a token of a key into a cache, as if it had been obtained so many seconds ago. */
  async put(cache: TokenCache, key: ApiKey, ageSeconds: number, lifetimeSeconds: number): Promise<void> {
    const obtainedAtSeconds = Math.floor(this.#nowMs() / 1000 - ageSeconds);
    const expiresAtSeconds = obtainedAtSeconds + lifetimeSeconds;
    const slot = await deriveSlot(key, slotText(ENDPOINT, { audience: AUDIENCE }));
    const access_token = `filled.${slot.name}`;
    await cache.set(slot, {
      access_token,
      token_type: "Bearer",
      scope: "",
      obtainedAtSeconds,
      expiresAtSeconds,
    });
  }

  /** A token for a key, as whoever calls an API with it needs one. */
  async getToken(apiKey: ApiKey, forwardedFor?: string): Promise<string> {
    const process = Math.floor(this.#random() * this.#options.processes);
    const request = { apiKey, audience: AUDIENCE, ...(forwardedFor !== undefined && { forwardedFor }) };
    const { access_token } = await this.#sourceOf(process).getToken(request);
    return access_token;
  }

  #sourceOf(process: number): ApiKeyTokenSource {
    const { design } = this.#options;
    // A command is a process of its own, and looks for a token in the file of its machine, or nowhere.
    if (design === "file") return this.#source(this.#files, "inline", "198.51.100.1");
    const kept = this.#sources[process];
    if (design === "none" || !kept)
      return this.#source(memoryTokenCache({ nowMs: this.#nowMs }), "inline", "198.51.100.1");
    return kept;
  }

  #source(cache: TokenCache, refresh: "background" | "inline", address: string): ApiKeyTokenSource {
    const { tenant, waitBudgetMs, memoryTokens } = this.#options;
    const maxEntries = cache === this.#files ? EVERY_KEY : memoryTokens;
    return new ApiKeyTokenSource({
      ...ENDPOINT,
      cache,
      refresh,
      clock: this.#world,
      random: this.#random,
      fetch: tenant.fetchFrom(address),
      onCacheError: (error) => {
        if (!(error instanceof AwayError)) throw error;
      },
      ...(maxEntries !== undefined && { maxEntries }),
      ...(waitBudgetMs !== undefined && { waitBudgetMs }),
    });
  }
}

/** The key of a number, the same whenever it is asked for. */
export function keyOf(number: number): ApiKey {
  return ApiKey.generate("acme_live", bytesOf(number));
}
