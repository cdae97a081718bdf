/** What is assumed before the first answer: the smallest plan. */
const SMALLEST = { size: 10, perSecond: 2 };
const MEASURED_OVER_MS = 500;
const LEAST_BLOCK_MS = 100;
const LONGEST_BLOCK_MS = 60_000;
/** Far above what Auth0 sells: a header that says more is of something else, and says nothing. */
const LARGEST_SIZE = 10_000;

/** How many requests of a kind the tenant still takes, as its `x-ratelimit-*` headers tell. */
export class RequestLevel {
  /** Requests that were granted, and are not answered yet. */
  promised = 0;
  #size = SMALLEST.size;
  #remaining = SMALLEST.size;
  #atMs: number;
  #seenMs: number;
  /** What comes back in a second: less than the plan says where other processes take their part. */
  #perSecond = SMALLEST.perSecond;
  #blockedUntilMs = 0;
  /** A tenant that sends no headers has no limit that could be known. */
  #isUnlimited = false;
  #measured: { atMs: number; remaining: number; answers: number };

  constructor(nowMs: number) {
    this.#atMs = this.#seenMs = nowMs;
    this.#measured = { atMs: nowMs, remaining: this.#remaining, answers: 0 };
  }

  /** Milliseconds until so many requests have room beside what is promised, and a part of the limit is left to others. */
  waitMs(requests: number, leftToOthers: number, nowMs: number): number {
    this.#follow(nowMs);
    const blockedMs = Math.max(0, this.#blockedUntilMs - nowMs);
    if (this.#isUnlimited) return blockedMs;
    // Never more than the limit itself: what does not fit beside a reserve needs all of it.
    const needed = Math.min(this.#size, requests + this.#size * leftToOthers);
    const regained = ((nowMs - this.#atMs) / 1000) * this.#perSecond;
    const free = Math.min(this.#size, this.#remaining + regained) - this.promised;
    const neededMs = Math.ceil((Math.max(0, needed - free) / this.#perSecond) * 1000);
    // One answer may be wrong: after a while a request goes out all the same, since only the next answer corrects it.
    const untilAskedMs = this.promised > 0 ? Infinity : Math.max(0, this.#atMs + LONGEST_BLOCK_MS - nowMs);
    return Math.max(blockedMs, Math.min(neededMs, untilAskedMs));
  }

  /** Whether the tenant has refused a request, and said until when it refuses others. */
  isBlocked(nowMs: number): boolean {
    this.#follow(nowMs);
    return nowMs < this.#blockedUntilMs;
  }

  /** Takes in what an answer says of the limit. */
  learn({ ok, status, headers }: Pick<Response, "ok" | "status" | "headers">, nowMs: number): void {
    this.#follow(nowMs);
    const size = Number(headers.get("x-ratelimit-limit") ?? Number.NaN);
    const remaining = Number(headers.get("x-ratelimit-remaining") ?? Number.NaN);
    const isKnown = size > 0 && size <= LARGEST_SIZE && remaining >= 0;
    if (isKnown || ok) this.#isUnlimited = !isKnown;
    if (isKnown) this.#note(size, remaining, nowMs);
    if (status !== 429) return;
    this.#remaining = 0;
    this.#atMs = nowMs;
    // By the tenant's own clock, which may differ from ours.
    const date = Date.parse(headers.get("date") ?? "");
    const resetMs = Number(headers.get("x-ratelimit-reset")) * 1000;
    const blockedMs = resetMs > 0 ? resetMs - (Number.isNaN(date) ? nowMs : date) : 1_000;
    this.#blockedUntilMs = nowMs + Math.min(LONGEST_BLOCK_MS, Math.max(LEAST_BLOCK_MS, blockedMs));
  }

  /** Goes back with a clock that is put back: else nothing would come back until it is there again. */
  #follow(nowMs: number): void {
    const backMs = Math.max(0, this.#seenMs - nowMs);
    this.#seenMs = nowMs;
    this.#atMs -= backMs;
    this.#blockedUntilMs -= backMs;
    this.#measured.atMs -= backMs;
  }

  #note(size: number, remaining: number, nowMs: number): void {
    [this.#size, this.#remaining, this.#atMs] = [size, remaining, nowMs];
    const { atMs, remaining: before, answers } = this.#measured;
    this.#measured.answers = answers + 1;
    if (nowMs - atMs < MEASURED_OVER_MS) return;
    // A full bucket regains nothing, and so tells nothing.
    if (remaining + 1 < size && before < size) {
      const perSecond = (remaining - before + answers + 1) / ((nowMs - atMs) / 1000);
      this.#perSecond = Math.max(1, (this.#perSecond + perSecond) / 2);
    }
    this.#measured = { atMs: nowMs, remaining, answers: 0 };
  }
}
