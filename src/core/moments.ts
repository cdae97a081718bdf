/** Remembers answers for a while, and asks once for all who want the same at once. What failed is not remembered. */
export class Moments<T> {
  readonly #kept = new Map<string, { readonly answer: Promise<T>; readonly untilSeconds: number }>();
  readonly #keptSeconds: number;
  readonly #nowSeconds: () => number;

  constructor(keptSeconds: number, nowSeconds: () => number) {
    this.#keptSeconds = keptSeconds;
    this.#nowSeconds = nowSeconds;
  }

  async get(name: string, ask: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(name);
    // More than the whole time left: the clock was put back, and how old the answer is, nobody knows.
    const leftSeconds = (kept?.untilSeconds ?? 0) - this.#nowSeconds();
    if (kept && leftSeconds > 0 && leftSeconds <= this.#keptSeconds) return kept.answer;
    return this.put(name, ask());
  }

  /** Remembers an answer that was asked for anew. */
  async put(name: string, answer: Promise<T>): Promise<T> {
    const added = { answer, untilSeconds: this.#nowSeconds() + this.#keptSeconds };
    this.#kept.delete(name);
    this.#kept.set(name, added);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest);
    try {
      return await answer;
    } catch (error) {
      if (this.#kept.get(name) === added) this.#kept.delete(name);
      throw error;
    }
  }
}

/** Users of whom something is remembered at once. */
const MAX_KEPT = 10_000;
