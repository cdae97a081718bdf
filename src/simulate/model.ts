import { refreshAgeSeconds, usesPerSecondOf, type Population } from "./demand.ts";
import { Fleet, keyOf, type Design } from "./fleet.ts";
import { ModelRedis } from "./model-redis.ts";
import { ModelTenant } from "./model-tenant.ts";
import { exponential, seededRandom, type Random } from "./random.ts";
import { Tally, type Outcome } from "./tally.ts";
import { World } from "./world.ts";
import { Zipf } from "./zipf.ts";

/** What a model is made of. */
export interface ModelOptions {
  readonly seed: number;
  readonly design: Design;
  readonly exchangesPerSecond: number;
  readonly lifetimeSeconds: number;
  readonly processes: number;
  readonly population: Population;
  readonly waitBudgetMs?: number;
  /** Tokens that a process keeps in memory. Default: that of the library. */
  readonly memoryTokens?: number;
}

/** What was seen in a span of the model's time. */
export interface Span extends Outcome {
  readonly seconds: number;
  /** Different keys that were used. */
  readonly active_keys: number;
  readonly exchanges: number;
  /** Requests that the tenant answered with 429. */
  readonly limited: number;
  /** Exchanges as a part of what the plan grants in that time. */
  readonly utilisation: number;
  readonly redis_commands: number;
}

const STARTS_AT_MS = Date.UTC(2027, 0, 4);
const REDIS_LATENCY_MS = 1;
const SWEEP_EVERY_MS = 3_600_000;

/** A tenant, a Redis and a fleet whose keys are used at random, all day alike. */
export class Model {
  readonly world = new World(STARTS_AT_MS);
  readonly random: Random;
  readonly tenant: ModelTenant;
  readonly redis: ModelRedis;
  readonly fleet: Fleet;
  readonly #options: ModelOptions;
  readonly #zipf: Zipf;
  #tally = new Tally();
  #active = new Set<number>();

  constructor(options: ModelOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.tenant = new ModelTenant(this.world, this.random, options);
    this.redis = new ModelRedis(this.world, REDIS_LATENCY_MS);
    this.fleet = new Fleet(this.world, this.random, { ...options, redis: this.redis, tenant: this.tenant });
    this.#zipf = new Zipf(options.population.keys, options.population.exponent);
  }

  /**
   * Puts into the caches what a steady day leaves there, so that none has to go by first: each key's token is there or
   * not, and is as old, as one that is met at any time. Into `processes` it goes by way of the process that obtained it,
   * which keeps it as long as it has room: those that are used most were used last.
   */
  async fill(into: "caches" | "processes" = "caches"): Promise<void> {
    const { lifetimeSeconds, population } = this.#options;
    const { caches, layers } = this.fleet;
    const dueSeconds = refreshAgeSeconds(lifetimeSeconds);
    const usesPerSecond = usesPerSecondOf(population) / caches.length;
    const partOf = this.#zipf.parts();
    this.redis.isNear = true;
    for (let at = 1; at <= population.keys; at++) {
      const rank = into === "processes" ? population.keys + 1 - at : at;
      const busySeconds = partOf(rank) * usesPerSecond * dueSeconds;
      const isThere = busySeconds / (1 + busySeconds);
      for (const cache of caches) {
        if (this.random() >= isThere) continue;
        const ageSeconds = this.random() * dueSeconds;
        const obtainer = into === "processes" ? layers[Math.floor(this.random() * layers.length)] : undefined;
        await this.fleet.put(obtainer ?? cache, keyOf(rank), ageSeconds, lifetimeSeconds);
      }
    }
    this.redis.isNear = false;
  }

  /** From now on keys are used. */
  begin(): void {
    const meanMs = 1000 / usesPerSecondOf(this.#options.population);
    const arrive = () => {
      this.use(this.#zipf.sample(this.random));
      this.world.at(this.world.nowMs() + exponential(this.random, meanMs), arrive);
    };
    const sweep = () => {
      this.redis.sweep();
      this.world.at(this.world.nowMs() + SWEEP_EVERY_MS, sweep);
    };
    arrive();
    sweep();
  }

  /** Uses the key of a rank, and counts what comes of it. */
  use(rank: number): void {
    this.#active.add(rank);
    void this.#tally.count(this.fleet.getToken(keyOf(rank)), () => this.world.nowMs());
  }

  /** Lets time pass, and tells what was seen in it. */
  async pass(seconds: number): Promise<Span> {
    const { tenant, redis, world } = this;
    const before = { exchanges: tenant.exchanges, limited: tenant.limited, commands: redis.commands };
    const tally = (this.#tally = new Tally());
    this.#active = new Set();
    await world.run(world.nowMs() + seconds * 1000);
    const exchanges = tenant.exchanges - before.exchanges;
    return {
      seconds,
      ...tally.outcome,
      active_keys: this.#active.size,
      exchanges,
      limited: tenant.limited - before.limited,
      utilisation: exchanges / seconds / this.#options.exchangesPerSecond,
      redis_commands: redis.commands - before.commands,
    };
  }
}
