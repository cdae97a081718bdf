import { check, COUNT } from "../core/check-options.ts";

/** A map of at most `maxEntries`: what was not used for longest goes first. */
export class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>();
  maxEntries: number;
  /** Is called for each entry that makes room for another. */
  onEvict: (() => void) | undefined;

  constructor(maxEntries: number, onEvict?: () => void) {
    check('"maxEntries"', maxEntries, COUNT);
    this.maxEntries = maxEntries;
    this.onEvict = onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(name: string): Value | undefined {
    const value = this.#entries.get(name);
    if (value !== undefined) {
      // A Map keeps the order of insertion: used last is inserted last.
      this.#entries.delete(name);
      this.#entries.set(name, value);
    }
    return value;
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  set(name: string, value: Value): void {
    this.#entries.delete(name);
    this.#entries.set(name, value);
    if (this.#entries.size <= this.maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest === undefined) return;
    this.#entries.delete(oldest);
    this.onEvict?.();
  }

  /** All of them, as they are now. */
  entries(): readonly (readonly [string, Value])[] {
    return [...this.#entries];
  }

  delete(name: string): boolean {
    return this.#entries.delete(name);
  }
}
