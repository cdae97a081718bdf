import type { Random } from "./random.ts";

/**
 * Who uses keys how often: the key of rank `r` is used in proportion to `1 / r ** exponent`. Nothing is kept for a key,
 * so that ten million cost what ten do.
 */
export class Zipf {
  readonly keys: number;
  readonly exponent: number;
  readonly #total: number;

  constructor(keys: number, exponent: number) {
    this.keys = keys;
    this.exponent = exponent;
    this.#total = this.#sum((weight) => weight);
  }

  /** A rank from 1 to `keys`, by rejection-inversion (Hörmann and Derflinger, 1996). */
  sample(random: Random): number {
    const first = this.#area(1.5) - 1;
    const last = this.#area(this.keys + 0.5);
    const near = 2 - this.#placeOf(this.#area(2.5) - this.#weight(2));
    for (;;) {
      const area = last + random() * (first - last);
      const place = this.#placeOf(area);
      const rank = Math.min(this.keys, Math.max(1, Math.round(place)));
      if (rank - place <= near || area >= this.#area(rank + 0.5) - this.#weight(rank)) return rank;
    }
  }

  /** The sum over all keys of something that is told of the part of all uses that is a key's. */
  sumOf(tell: (part: number) => number): number {
    return this.#sum((weight) => tell(weight / this.#total));
  }

  /** Tells the part of all uses that is the key's of a rank. */
  parts(): (rank: number) => number {
    return (rank) => this.#weight(rank) / this.#total;
  }

  /** Exact for the first ranks; then a rank in the middle stands for its neighbours, a thousandth of their number. */
  #sum(tell: (weight: number) => number): number {
    let sum = 0;
    for (let from = 1; from <= this.keys;) {
      const to = Math.min(this.keys, from + Math.floor(from / 1_000));
      sum += (to - from + 1) * tell(this.#weight((from + to) / 2));
      from = to + 1;
    }
    return sum;
  }

  #weight(rank: number): number {
    return rank ** -this.exponent;
  }

  #area(rank: number): number {
    const power = 1 - this.exponent;
    return power === 0 ? Math.log(rank) : (rank ** power - 1) / power;
  }

  #placeOf(area: number): number {
    const power = 1 - this.exponent;
    return power === 0 ? Math.exp(area) : (1 + area * power) ** (1 / power);
  }
}
