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
// So that processes that were refused together do not come back together.
const SPREAD_MS = 250;
// What the smallest plan grants; from there on the pace is learnt: a little more with each success, a fifth less with
// each refusal, which shares out a limit fairly among processes that know nothing of each other.
const FIRST_PER_SECOND = 4;
const LEAST_PER_SECOND = 0.05;
const MORE_PER_SECOND = 0.03;
const LESS = 0.9;

/**
 * The line before a tenant that limits exchanges. While it takes them all, everybody goes through at once. After a 429
 * nobody goes before the tenant allows it, then callers go in the order in which they came, at the pace at which this
 * process is granted exchanges.
 */
export class ExchangeLine {
  readonly #clock: Clock;
  readonly #random: () => number;
  #waiting: Waiting[] = [];
  #isPaced = false;
  #perSecond = FIRST_PER_SECOND;
  /** Turns that may be taken at once: those of a second, if none was taken for so long. */
  #turns = 0;
  #countedAtMs = 0;
  /** What the tenant asked for, and the spread. */
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
      this.#count();
      // For a second nobody has needed a pace.
      if (!this.isThere && this.#turns >= this.#mostTurns) this.#isPaced = false;
      // Deadlines are in the order of arrival, but for those who come back from a 429.
      const before = this.#waiting.findIndex((other) => other.deadlineMs > deadlineMs);
      this.#waiting.splice(before === -1 ? this.#waiting.length : before, 0, { deadlineMs, go });
      this.#admit();
    });
  }

  leave(outcome: LineOutcome): void {
    if (outcome.kind === "granted") this.#perSecond += MORE_PER_SECOND;
    if (outcome.kind === "limited") this.#close(outcome.retryAfterMs ?? DEFAULT_RETRY_MS);
    this.#admit();
  }

  #close(retryAfterMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#closedUntilMs = nowMs + retryAfterMs;
    // Those who went through together are refused together: that is one refusal.
    if (nowMs < this.#opensAtMs) return;
    this.#opensAtMs = this.#closedUntilMs + this.#random() * SPREAD_MS;
    if (this.#isPaced) this.#perSecond = Math.max(LEAST_PER_SECOND, this.#perSecond * LESS);
    this.#isPaced = true;
    // Somewhere in its pace: processes that were refused together, again and again, come back one by one.
    this.#turns = this.#random();
    this.#countedAtMs = nowMs;
  }

  get #mostTurns(): number {
    return Math.max(1, this.#perSecond);
  }

  #count(): void {
    const nowMs = this.#clock.nowMs();
    const passedSeconds = Math.max(0, nowMs - this.#countedAtMs) / 1000;
    this.#turns = Math.min(this.#mostTurns, this.#turns + passedSeconds * this.#perSecond);
    this.#countedAtMs = nowMs;
  }

  #admit(): void {
    const nowMs = this.#clock.nowMs();
    const isHopeless = ({ deadlineMs }: Waiting) =>
      this.#isPaced && (deadlineMs < nowMs || deadlineMs <= this.#closedUntilMs);
    for (const { go } of this.#waiting.filter(isHopeless)) go(false);
    this.#waiting = this.#waiting.filter((one) => !isHopeless(one));
    this.#count();
    while (this.#waiting.length > 0 && (!this.#isPaced || (nowMs >= this.#opensAtMs && this.#turns >= 1))) {
      this.#turns--;
      this.#waiting.shift()?.go(true);
    }
    if (this.#waiting.length > 0) void this.#admitInTime();
  }

  async #admitInTime(): Promise<void> {
    if (this.#isTimed) return;
    this.#isTimed = true;
    const turnMs = Math.ceil(((1 - this.#turns) / this.#perSecond) * 1000);
    await this.#clock.sleep(Math.max(1, turnMs, this.#opensAtMs - this.#clock.nowMs()));
    this.#isTimed = false;
    this.#admit();
  }
}
