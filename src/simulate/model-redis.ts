import type { RedisPort, RedisReply } from "../client/redis-port.ts";
import type { World } from "./world.ts";

interface Value {
  readonly text: string;
  readonly untilMs: number;
}

/** What a command of a Redis that is away ends in. */
export class AwayError extends Error {}

/** A Redis of the model: the commands of the token cache, each after the way to it. */
export class ModelRedis implements RedisPort {
  readonly #world: World;
  readonly #latencyMs: number;
  readonly #values = new Map<string, Value>();
  /** Whether it is asked without a way to it, as while it is filled. */
  isNear = false;
  /** Until then no command is answered. */
  awayUntilMs = 0;
  commands = 0;

  constructor(world: World, latencyMs: number) {
    this.#world = world;
    this.#latencyMs = latencyMs;
  }

  async command(...words: string[]): Promise<RedisReply> {
    this.commands++;
    if (!this.isNear) await this.#world.sleep(this.#latencyMs);
    if (this.#world.nowMs() < this.awayUntilMs) throw new AwayError("Redis is away.");
    const [name, key = "", text = "", ...options] = words;
    switch (name) {
      case "GET":
        return this.#get(key);
      case "SET": {
        if (options.includes("NX") && this.#get(key) !== null) return null;
        const lifetimeMs = Number(options[options.indexOf("PX") + 1]);
        const untilMs = options.includes("PX") ? this.#world.nowMs() + lifetimeMs : Infinity;
        this.#values.set(key, { text, untilMs });
        return "OK";
      }
      case "PTTL": {
        const untilMs = this.#values.get(key)?.untilMs ?? 0;
        if (untilMs <= this.#world.nowMs()) return -2;
        return untilMs === Infinity ? -1 : untilMs - this.#world.nowMs();
      }
      case "DEL":
        return this.#values.delete(key) ? 1 : 0;
      default:
        throw new Error(`The model has no command ${name}.`);
    }
  }

  /** Loses all that it holds. */
  lose(): void {
    this.#values.clear();
  }

  /** Forgets what has expired, which Redis does by itself. */
  sweep(): void {
    const nowMs = this.#world.nowMs();
    for (const [key, { untilMs }] of this.#values) if (untilMs <= nowMs) this.#values.delete(key);
  }

  #get(key: string): string | null {
    const value = this.#values.get(key);
    if (!value || value.untilMs <= this.#world.nowMs()) return null;
    return value.text;
  }
}
