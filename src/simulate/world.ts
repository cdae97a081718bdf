import type { Clock } from "../client/clock.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

/**
 * Time that goes on when all there is to do now is done. Whoever waits, waits in a queue of events; between two of them
 * no time passes. All else must be promises alone: a real timer or a thread would be overtaken.
 */
export class World implements Clock {
  readonly #events: Event[] = [];
  #nowMs: number;
  #order = 0;

  constructor(startsAtMs: number) {
    this.#nowMs = startsAtMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  async sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.at(this.#nowMs + ms, resolve);
    });
  }

  /** Lets something happen at a time, and not before now. Of two at one time the first told is the first done. */
  at(atMs: number, happen: () => void): void {
    const event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, happen };
    let place = this.#events.push(event) - 1;
    for (
      let above = (place - 1) >> 1;
      place > 0 && isBefore(event, this.#events[above]);
      above = (place - 1) >> 1
    ) {
      this.#put(place, this.#events[above]);
      place = above;
    }
    this.#put(place, event);
  }

  /** Goes on until that time, through all that happens before. */
  async run(untilMs: number): Promise<void> {
    await idle();
    for (let next = this.#events[0]; next && next.atMs <= untilMs; next = this.#events[0]) {
      this.#dropFirst();
      this.#nowMs = next.atMs;
      next.happen();
      await idle();
    }
    this.#nowMs = untilMs;
  }

  #dropFirst(): void {
    const last = this.#events.pop();
    if (!last || this.#events.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const below = isBefore(this.#events[left + 1], this.#events[left]) ? left + 1 : left;
      if (!isBefore(this.#events[below], last)) break;
      this.#put(place, this.#events[below]);
      place = below;
    }
    this.#put(place, last);
  }

  #put(place: number, event: Event | undefined): void {
    if (event) this.#events[place] = event;
  }
}

function isBefore(one: Event | undefined, other: Event | undefined): boolean {
  if (!one || !other) return one !== undefined;
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}

/** Waits until every promise that can be settled now is settled. */
async function idle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
