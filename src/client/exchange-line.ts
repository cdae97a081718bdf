import type { Clock } from "./clock.ts";

interface Waiting {
  readonly deadlineMs: number;
  readonly go: (isTurn: boolean) => void;
}

/** What became of an exchange, as far as the limit of the tenant is concerned. */
export type LineOutcome =
  | { readonly kind: "granted" | "other" }
  | { readonly kind: "limited"; readonly retryAfterMs: number | undefined };

const DEFAULT_RETRY_MS = 1_000;
const BASE_MS = 250;
const CAP_MS = 4_000;

// As many at once as the smallest plan grants in a second.
const NARROW = 4;

/**
 * The line before a tenant that limits exchanges. While it takes them all, everybody goes through at once. After a 429
 * nobody goes before the tenant allows it; then those who have waited longest, a few at once, and with every success one
 * more: callers are served in their order, and the tenant is asked by few.
 */
export class ExchangeLine {
  readonly #clock: Clock;
  readonly #random: () => number;
  #waiting: Waiting[] = [];
  #width = Infinity;
  #underWay = 0;
  #limitedInARow = 0;
  /** What the tenant asked for, and what was added at random so that processes do not come back at once. */
  #closedUntilMs = 0;
  #opensAtMs = 0;
  #isTimed = false;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether there is a line: who can wait for a better time should. */
  get isThere(): boolean {
    return this.#waiting.length > 0 || this.#clock.nowMs() < this.#opensAtMs;
  }

  /** Milliseconds until the tenant takes exchanges again, as far as it said so. */
  get closedForMs(): number {
    return Math.max(0, this.#closedUntilMs - this.#clock.nowMs());
  }

  /** Waits for its turn, and says whether it came before the deadline. Whoever had one has to {@link leave}. */
  async enter(deadlineMs: number): Promise<boolean> {
    return new Promise((go) => {
      // Deadlines are in the order of arrival, but for those who come back from a 429.
      const before = this.#waiting.findIndex((other) => other.deadlineMs > deadlineMs);
      this.#waiting.splice(before === -1 ? this.#waiting.length : before, 0, { deadlineMs, go });
      this.#admit();
    });
  }

  leave(outcome: LineOutcome): void {
    this.#underWay--;
    if (outcome.kind === "granted") this.#widen();
    if (outcome.kind === "limited") this.#close(outcome.retryAfterMs ?? DEFAULT_RETRY_MS);
    this.#admit();
    // Nobody waits, and nobody was refused since: the tenant takes all there is.
    if (outcome.kind === "granted" && this.#waiting.length === 0) this.#width = Infinity;
  }

  #widen(): void {
    this.#width++;
    this.#limitedInARow = 0;
  }

  #close(retryAfterMs: number): void {
    const nowMs = this.#clock.nowMs();
    // Those who went through together are refused together: that is one refusal.
    if (nowMs >= this.#opensAtMs) {
      const windowMs = Math.min(CAP_MS, BASE_MS * 2 ** this.#limitedInARow++);
      this.#opensAtMs = nowMs + retryAfterMs + this.#random() * windowMs;
    }
    this.#closedUntilMs = nowMs + retryAfterMs;
    this.#width = NARROW;
  }

  #admit(): void {
    const nowMs = this.#clock.nowMs();
    const isHopeless = ({ deadlineMs }: Waiting) => deadlineMs < nowMs || deadlineMs <= this.#closedUntilMs;
    if (this.#width !== Infinity) {
      for (const { go } of this.#waiting.filter(isHopeless)) go(false);
      this.#waiting = this.#waiting.filter((one) => !isHopeless(one));
    }
    if (nowMs < this.#opensAtMs) {
      void this.#admitInTime();
      return;
    }
    while (this.#underWay < this.#width) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#underWay++;
      next.go(true);
    }
  }

  async #admitInTime(): Promise<void> {
    if (this.#isTimed || this.#waiting.length === 0) return;
    this.#isTimed = true;
    await this.#clock.sleep(this.#opensAtMs - this.#clock.nowMs());
    this.#isTimed = false;
    this.#admit();
  }
}
