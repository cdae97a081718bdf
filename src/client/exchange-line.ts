import { leftMs, type Clock } from "./clock.ts";
import { MAX_RETRY_AFTER_MS } from "./retry.ts";

interface Waiting {
  readonly deadlineMs: number;
  readonly go: (isTurn: boolean) => void;
}

/** Who goes first: `first` and `again`, whose last call found no turn, take turns; `last`, which was refused, gets what is left. */
export type Rank = "first" | "again" | "last";

/** What became of an exchange, as far as the limit of the tenant is concerned. */
export type LineOutcome =
  | { readonly kind: "granted" | "other" }
  | {
      readonly kind: "limited";
      readonly retryAfterMs: number | undefined;
      /** What the tenant grants a second, if it says so. */
      readonly perSecond?: number | undefined;
    };

const DEFAULT_RETRY_MS = 1_000;
// So that processes that were refused together do not come back together.
const SPREAD_MS = 250;
// What the smallest plan grants, where neither the tenant nor what it has granted says more; from there on the pace is
// learnt: a little more with each success, a tenth less with each refusal, which shares out a limit fairly among
// processes that know nothing of each other.
const FIRST_PER_SECOND = 4;
const LEAST_PER_SECOND = 0.05;
const MORE_PER_SECOND = 0.03;
// After so many seconds without a refusal the steps grow, with time and with what was granted: an old pace is old news.
const STEADY_SECONDS = 2;
const MOST_MORE_PER_SECOND = 1;
const LESS = 0.9;
const LEAST_LESS = 0.5;

/**
 * The line before a tenant that limits exchanges. While it takes them all, everybody goes through at once. After a 429
 * nobody goes before the tenant allows it, then callers go in the order in which they came, those of each rank for
 * themselves, at the pace at which this process is granted exchanges.
 */
export class ExchangeLine {
  readonly #clock: Clock;
  readonly #random: () => number;
  #waiting: Record<Rank, Waiting[]> = { first: [], again: [], last: [] };
  #isTurnOfAgain = false;
  #isPaced = false;
  #perSecond = FIRST_PER_SECOND;
  /** What the tenant says that it grants to all processes together. */
  #mostPerSecond: number | undefined;
  /** Turns that may be taken at once: those of a second, if none was taken for so long. */
  #turns = 0;
  #countedAtMs = 0;
  /** What the tenant asked for, and the spread. */
  #closedUntilMs = 0;
  #opensAtMs = 0;
  #isTimed = false;
  /** What was granted since the last refusal, in this second and in the one before. */
  #granted = 0;
  #refusedAtMs = 0;
  #second = { atMs: 0, granted: 0, before: 0 };

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether there is a line: who can wait for a better time should. Keys that were refused are no reason to. */
  get isThere(): boolean {
    const { first, again } = this.#waiting;
    return first.length + again.length > 0 || this.#shutForMs > 0;
  }

  /** Milliseconds until the tenant takes exchanges again, as far as it said so. */
  get closedForMs(): number {
    return this.#leftMs(this.#closedUntilMs);
  }

  /** Waits for its turn, and says whether it came before the deadline. Whoever had one has to {@link leave}. */
  async enter(deadlineMs: number, rank: Rank = "first"): Promise<boolean> {
    return new Promise((go) => {
      this.#count();
      // For a second nobody has needed a pace.
      if (!this.isThere && this.#waiting.last.length === 0 && this.#turns >= this.#mostTurns)
        this.#isPaced = false;
      // Deadlines are in the order of arrival, but for those who come back from a 429.
      const waiting = this.#waiting[rank];
      const before = waiting.findIndex((other) => other.deadlineMs > deadlineMs);
      waiting.splice(before === -1 ? waiting.length : before, 0, { deadlineMs, go });
      this.#admit();
    });
  }

  leave(outcome: LineOutcome): void {
    if (outcome.kind === "granted") this.#quicken();
    if (outcome.kind === "limited") this.#close(outcome.retryAfterMs ?? DEFAULT_RETRY_MS, outcome.perSecond);
    this.#admit();
  }

  #quicken(): void {
    const nowMs = this.#clock.nowMs();
    this.#granted++;
    this.#tick(nowMs);
    this.#second.granted++;
    const steadySeconds = (nowMs - this.#refusedAtMs) / 1000 - STEADY_SECONDS;
    const step = Math.max(1, Math.min(this.#granted, steadySeconds > 0 ? steadySeconds ** 2 : 0));
    const more = Math.min(MORE_PER_SECOND * step, MOST_MORE_PER_SECOND);
    this.#perSecond = Math.min(this.#perSecond + more, this.#mostPerSecond ?? Infinity);
  }

  #close(retryAfterMs: number, perSecond: number | undefined): void {
    const nowMs = this.#clock.nowMs();
    this.#closedUntilMs = nowMs + retryAfterMs;
    // Those who went through together are refused together: that is one refusal.
    if (this.#shutForMs > 0) return;
    this.#opensAtMs = this.#closedUntilMs + this.#random() * SPREAD_MS;
    this.#slow(nowMs, perSecond);
    this.#isPaced = true;
    this.#granted = 0;
    this.#refusedAtMs = nowMs;
    // Somewhere in its pace: processes that were refused together, again and again, come back one by one.
    this.#turns = this.#random();
    this.#countedAtMs = nowMs;
  }

  #slow(nowMs: number, perSecond: number | undefined): void {
    this.#tick(nowMs);
    const grantedPerSecond = Math.max(this.#second.granted, this.#second.before);
    if (this.#isPaced) {
      // Far above what is granted, as where the tenant's word is shared by many processes: down to it, by half at most.
      const isFast = this.#perSecond > FIRST_PER_SECOND;
      const less = isFast ? Math.max(LEAST_LESS, grantedPerSecond / this.#perSecond) : LESS;
      this.#perSecond = Math.max(LEAST_PER_SECOND, this.#perSecond * Math.min(LESS, less));
    } else {
      // The first time it is what the tenant says; from then on, what was learnt.
      const isFirst = this.#mostPerSecond === undefined && perSecond !== undefined;
      this.#perSecond = isFirst ? perSecond : Math.max(this.#perSecond, grantedPerSecond);
    }
    this.#mostPerSecond = perSecond ?? this.#mostPerSecond;
    this.#perSecond = Math.min(this.#perSecond, this.#mostPerSecond ?? Infinity);
  }

  #tick(nowMs: number): void {
    const passedMs = nowMs - this.#second.atMs;
    if (passedMs >= 0 && passedMs < 1_000) return;
    this.#second = {
      atMs: nowMs,
      granted: 0,
      before: passedMs >= 0 && passedMs < 2_000 ? this.#second.granted : 0,
    };
  }

  get #mostTurns(): number {
    return Math.max(1, this.#perSecond);
  }

  get #shutForMs(): number {
    return this.#leftMs(this.#opensAtMs);
  }

  #leftMs(untilMs: number): number {
    return leftMs(untilMs, MAX_RETRY_AFTER_MS + SPREAD_MS, this.#clock.nowMs());
  }

  #count(): void {
    const nowMs = this.#clock.nowMs();
    const passedSeconds = Math.max(0, nowMs - this.#countedAtMs) / 1000;
    this.#turns = Math.min(this.#mostTurns, this.#turns + passedSeconds * this.#perSecond);
    this.#countedAtMs = nowMs;
  }

  #admit(): void {
    const nowMs = this.#clock.nowMs();
    const { closedForMs } = this;
    const isHopeless = ({ deadlineMs }: Waiting) =>
      this.#isPaced && (deadlineMs < nowMs || (closedForMs > 0 && deadlineMs - nowMs <= closedForMs));
    for (const rank of ["first", "again", "last"] as const) {
      const waiting = this.#waiting[rank];
      if (!waiting.some(isHopeless)) continue;
      this.#waiting[rank] = waiting.filter((one) => !isHopeless(one));
      for (const one of waiting) if (isHopeless(one)) one.go(false);
    }
    this.#count();
    while (!this.#isPaced || (this.#shutForMs === 0 && this.#turns >= 1)) {
      const next = this.#next();
      if (!next) return;
      this.#turns--;
      next.go(true);
    }
    const { first, again, last } = this.#waiting;
    if (first.length + again.length + last.length > 0) void this.#admitInTime();
  }

  /** Neither those who come nor those who come again keep the others from their turns. */
  #next(): Waiting | undefined {
    const { first, again, last } = this.#waiting;
    if (first.length > 0 && again.length > 0) this.#isTurnOfAgain = !this.#isTurnOfAgain;
    const line = again.length > 0 && (first.length === 0 || this.#isTurnOfAgain) ? again : first;
    return line.shift() ?? last.shift();
  }

  async #admitInTime(): Promise<void> {
    if (this.#isTimed) return;
    this.#isTimed = true;
    const turnMs = Math.ceil(((1 - this.#turns) / this.#perSecond) * 1000);
    await this.#clock.sleep(Math.max(1, turnMs, this.#shutForMs));
    this.#isTimed = false;
    this.#admit();
  }
}
