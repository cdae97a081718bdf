interface Level {
  readonly tokens: number;
  readonly atMs: number;
}

/** A token bucket for each name: full at first, refilled one token at a time. */
export class TokenBucket {
  readonly #levels = new Map<string, Level>();
  readonly #regainMs: number;
  readonly #nowMs: () => number;
  readonly size: number;

  constructor(size: number, regainMs: number, nowMs: () => number) {
    this.size = size;
    this.#regainMs = regainMs;
    this.#nowMs = nowMs;
  }

  /** Whole tokens that are left. */
  left(name: string): number {
    return Math.floor(this.#level(name));
  }

  /** Takes a token; false, and nothing taken, if there is none. */
  take(name: string): boolean {
    const tokens = this.#level(name);
    if (tokens < 1) return false;
    this.#levels.set(name, { tokens: tokens - 1, atMs: this.#nowMs() });
    return true;
  }

  /** Milliseconds until there is a token to take. */
  waitMs(name: string): number {
    return Math.max(0, Math.ceil((1 - this.#level(name)) * this.#regainMs));
  }

  #level(name: string): number {
    const level = this.#levels.get(name);
    if (!level) return this.size;
    return Math.min(this.size, level.tokens + (this.#nowMs() - level.atMs) / this.#regainMs);
  }
}
