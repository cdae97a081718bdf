import { base64url } from "jose";

import { BoundedMap } from "./bounded-map.ts";
import { freshnessOf } from "./freshness.ts";
import type { RedisPort } from "./redis-port.ts";
import { isHeld, type CachedToken } from "./token-cache.ts";

/** What a watch over a store is made with. All numbers are milliseconds but the last. */
export interface RedisStoreWatchOptions {
  readonly keyPrefix: string;
  readonly settleMs: number;
  readonly nowMs: () => number;
  /** Milliseconds that only grow, whatever happens to the clock. */
  readonly monotonicMs: () => number;
  readonly maxTokens: number;
}

/** A token that this process has obtained or seen, as it lies in Redis. */
interface Known {
  readonly sealed: string;
  readonly token: Pick<CachedToken, "obtainedAtSeconds" | "expiresAtSeconds">;
}

const LOOK_EVERY_MS = 1_000;
const WRITES_AT_ONCE = 20;

/**
 * Notices that Redis has lost everything, and puts back what this process knows. A random marker lies in the store:
 * where it is missing or another, the store is another. Whoever finds none lays one, and gives all processes
 * `settleMs` to put their tokens back, in which none may exchange for a token that another still has.
 */
export class RedisStoreWatch {
  readonly #redis: RedisPort;
  readonly #options: RedisStoreWatchOptions;
  readonly #known: BoundedMap<Known>;
  /** Of what could not be written: looked at once a second, while all that is known may be thousands. */
  readonly #unstored: BoundedMap<Known>;
  #marker: string | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<"whole" | "settling"> | undefined;

  constructor(redis: RedisPort, options: RedisStoreWatchOptions) {
    this.#redis = redis;
    this.#options = options;
    this.#known = new BoundedMap(options.maxTokens);
    this.#unstored = new BoundedMap(options.maxTokens);
  }

  /** Remembers what lies at `key`, or was to lie there: while writing it fails, no other process can have it. */
  remember(key: string, sealed: string, token: CachedToken, isStored: boolean): void {
    const { obtainedAtSeconds, expiresAtSeconds } = token;
    const known = { sealed, token: { obtainedAtSeconds, expiresAtSeconds } };
    this.#known.set(key, known);
    if (isStored) this.#unstored.delete(key);
    else this.#unstored.set(key, known);
  }

  forget(key: string): void {
    this.#known.delete(key);
    this.#unstored.delete(key);
  }

  limit(maxTokens: number, onEvict?: () => void): void {
    this.#known.maxEntries = maxTokens;
    this.#known.onEvict = onEvict;
    this.#unstored.maxEntries = maxTokens;
  }

  /** Looks at the store in the background, at most once a second. */
  glance(): void {
    if (this.#options.monotonicMs() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    // Whoever needs the store finds out by itself that it is out of order.
    void this.look().catch(() => undefined);
  }

  /** Looks at the store, and puts back what it has lost. Rejects where Redis cannot be reached. */
  async look(): Promise<"whole" | "settling"> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<"whole" | "settling"> {
    this.#lookedAtMs = this.#options.monotonicMs();
    const found = (await this.#redis.command("GET", this.#key("store"))) ?? (await this.#lay());
    if (typeof found !== "string") throw new Error("Redis does not keep what is written to it.");
    await this.#putBack(found !== this.#marker);
    this.#marker = found;
    const leftMs = Number(await this.#redis.command("PTTL", this.#key("settling")));
    // -2: there is none. One that does not end, or not for long, would keep everybody waiting.
    if (leftMs === -2 || isHeld(leftMs, 0, this.#options.settleMs))
      return leftMs === -2 ? "whole" : "settling";
    await this.#redis.command("DEL", this.#key("settling"));
    return "whole";
  }

  async #lay() {
    // In this order: whoever sees the marker of a new store sees that it is settling.
    const { settleMs } = this.#options;
    if (settleMs > 0) await this.#redis.command("SET", this.#key("settling"), "1", "PX", String(settleMs));
    const marker = base64url.encode(crypto.getRandomValues(new Uint8Array(12)));
    await this.#redis.command("SET", this.#key("store"), marker, "NX");
    return this.#redis.command("GET", this.#key("store"));
  }

  async #putBack(isOther: boolean): Promise<void> {
    const due = (isOther ? this.#known : this.#unstored).entries().filter(([, known]) => this.#isDue(known));
    for (let from = 0; from < due.length; from += WRITES_AT_ONCE) {
      const some = due.slice(from, from + WRITES_AT_ONCE);
      await Promise.all(some.map(async ([key, known]) => this.#write(key, known)));
    }
  }

  /** One that is to be refreshed soon is not worth it, and may belong to a key that was revoked since. */
  #isDue({ token }: Known): boolean {
    return freshnessOf(token, this.#options.nowMs() / 1000, 0) === "fresh";
  }

  async #write(key: string, known: Known): Promise<void> {
    const leftMs = Math.floor(known.token.expiresAtSeconds * 1000 - this.#options.nowMs());
    // What another process has put there since is as good, unless ours never got there.
    const unlessThere = this.#unstored.has(key) ? [] : ["NX"];
    await this.#redis.command("SET", key, known.sealed, ...unlessThere, "PX", String(leftMs));
    this.#unstored.delete(key);
  }

  #key(name: "store" | "settling"): string {
    return `${this.#options.keyPrefix}${name}`;
  }
}
