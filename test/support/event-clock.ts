import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers/promises";

const STALLED_MS = 30;

interface Sleeper {
  readonly atMs: number;
  readonly task: object | undefined;
  readonly wake: () => void;
}

/**
 * A clock for many tasks at once: it stands still while any of them works, and goes to the next moment at which one wakes
 * up. What takes a minute of waiting takes as long as the work in it, and is the same on a slow machine.
 */
export class EventClock {
  #nowMs: number;
  readonly #tasks = new AsyncLocalStorage<object>();
  readonly #running = new Set<object>();
  #sleepers: Sleeper[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  readonly sleep = async (ms: number): Promise<void> =>
    new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#nowMs + ms, task: this.#tasks.getStore(), wake });
    });

  /** Runs tasks, each from its own moment on; resolves when all have ended. */
  async run<T>(
    tasks: readonly { readonly afterMs: number; readonly work: () => Promise<T> }[],
  ): Promise<T[]> {
    const all = Promise.all(
      tasks.map(async ({ afterMs, work }) => {
        const task = {};
        this.#running.add(task);
        try {
          return await this.#tasks.run(task, async () => {
            await this.sleep(afterMs);
            return work();
          });
        } finally {
          this.#running.delete(task);
        }
      }),
    );
    let [before, sinceMs] = ["", 0];
    while (this.#running.size > 0) {
      const asleep = new Set(this.#sleepers.map(({ task }) => task));
      const isAsleep = [...this.#running].every((task) => asleep.has(task));
      // One that waits for the work of another does not sleep itself.
      const state = `${this.#running.size} ${this.#sleepers.length} ${this.#nowMs}`;
      if (state !== before) [before, sinceMs] = [state, performance.now()];
      if (isAsleep || performance.now() - sinceMs > STALLED_MS) this.#wakeNext();
      await setImmediate();
    }
    return all;
  }

  #wakeNext(): void {
    if (this.#sleepers.length === 0) return;
    const nextMs = Math.min(...this.#sleepers.map(({ atMs }) => atMs));
    this.#nowMs = Math.max(this.#nowMs, nextMs);
    const woken = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { wake } of woken) wake();
  }
}
