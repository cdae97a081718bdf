import { AsyncLocalStorage } from "node:async_hooks";

import type { RandomBytes } from "../core/base62.ts";
import { ApiKeysError } from "../core/errors.ts";
import { RequestLevel } from "./request-level.ts";

/** What a request is for. Ending keys comes before changing them, and that before reading. */
export type Priority = "ending" | "change" | "read";

/** What a budget works with. */
export interface BudgetOptions {
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly randomBytes: RandomBytes;
  /** How long an operation, or a request of it, waits for the rate limit at most, in milliseconds. */
  readonly maxWaitMs: Readonly<Record<Priority, number>>;
}

/** The part of a limit that each leaves to those that come before it. */
const LEFT_TO_OTHERS: Readonly<Record<Priority, number>> = { ending: 0, change: 0.2, read: 0.4 };
const BEFORE: Readonly<Record<Priority, readonly Priority[]>> = {
  ending: [],
  change: ["ending"],
  read: ["ending", "change"],
};
/** What operations on keys ask for: the limit of these requests is taken for all of an operation at once. */
const USERS = "users";
const LEAST_PAUSE_MS = 20;
const PAUSE_FOR_OTHERS_MS = 200;
const MOST_PAUSE_MS = 1_000;

interface Operation {
  readonly priority: Priority;
  /** Requests that were taken for it, and are not sent yet. */
  left: number;
}

interface Context {
  readonly budget: ManagementBudget;
  readonly operation: Operation;
  readonly mayWait: (ms: number) => boolean;
}

/** One for all budgets: Node keeps each for ever, and asks every one of them at each promise. */
const CONTEXTS = new AsyncLocalStorage<Context>();

/**
 * A process's share of the Management API's rate limit, which it knows from the headers of the answers. Operations take
 * all their requests before they begin: one that has read does not fail at its write. A request that was refused with
 * 429 had no effect, and is sent again once there is room.
 */
export class ManagementBudget {
  readonly #options: BudgetOptions;
  readonly #levels = new Map<string, RequestLevel>();
  readonly #waiting: Record<Priority, number> = { ending: 0, change: 0, read: 0 };

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /**
   * Runs an operation once the limit has room for all of its requests. Inside of another one it is part of that. Throws
   * `management_rate_limited` at once if there will not be room in time.
   */
  async run<T>(priority: Priority, requests: number, work: () => Promise<T>): Promise<T> {
    if (this.#context()) return work();
    const untilMs = this.#untilMs(priority);
    if (requests > 0 && !(await this.#take(USERS, priority, requests, untilMs, () => true))) {
      throw new ApiKeysError(
        "management_rate_limited",
        "Auth0's rate limit has no room for this operation.",
        "Nothing was sent. Wait, then run the same command again.",
      );
    }
    const operation = { priority, left: requests };
    try {
      return await CONTEXTS.run({ budget: this, operation, mayWait: () => true }, work);
    } finally {
      this.#levelOf(USERS).promised -= operation.left;
      operation.left = 0;
    }
  }

  /** Runs work that holds something which runs out: requests inside wait only while `mayWait` allows it. */
  async holding<T>(mayWait: (ms: number) => boolean, work: () => Promise<T>): Promise<T> {
    const operation = this.#context()?.operation ?? { priority: "change", left: 0 };
    return CONTEXTS.run({ budget: this, operation, mayWait }, work);
  }

  /** The operation of this budget inside of which the caller is. */
  #context(): Context | undefined {
    const context = CONTEXTS.getStore();
    return context?.budget === this ? context : undefined;
  }

  /** Sends a request of a kind (`users`, `connections`, …), again if the rate limit refused it. */
  async send(kind: string, request: () => Promise<Response>): Promise<Response> {
    const { operation, mayWait = () => true } = this.#context() ?? {};
    const level = this.#levelOf(kind);
    const priority = operation?.priority ?? "change";
    const untilMs = this.#untilMs(priority);
    for (let refused: Response | undefined; ;) {
      const isGranted = kind === USERS && !level.isBlocked(this.#options.nowMs());
      if (isGranted && operation && operation.left > 0) operation.left--;
      else if (!(await this.#take(kind, priority, 1, untilMs, mayWait))) {
        return refused ?? this.#refusal(level);
      }
      try {
        refused = await request();
      } finally {
        level.promised--;
      }
      level.learn(refused, this.#options.nowMs());
      if (refused.status !== 429) return refused;
    }
  }

  /** Waits until there is room; false if that takes too long. What was taken is promised until it is answered. */
  async #take(
    kind: string,
    priority: Priority,
    requests: number,
    untilMs: number,
    mayWait: (ms: number) => boolean,
  ): Promise<boolean> {
    const { nowMs, sleep, randomBytes } = this.#options;
    const level = this.#levelOf(kind);
    this.#waiting[priority]++;
    try {
      for (;;) {
        const isFirst = BEFORE[priority].every((one) => this.#waiting[one] === 0);
        const waitMs = level.waitMs(requests, LEFT_TO_OTHERS[priority], nowMs());
        if (isFirst && waitMs === 0) {
          level.promised += requests;
          return true;
        }
        if (nowMs() + waitMs > untilMs || !mayWait(waitMs)) return false;
        // Jittered, so that those who wait do not come back together.
        const leastMs = isFirst ? LEAST_PAUSE_MS : PAUSE_FOR_OTHERS_MS;
        const pauseMs = Math.min(MOST_PAUSE_MS, Math.max(leastMs, waitMs));
        await sleep(pauseMs * (0.75 + (randomBytes(1)[0] ?? 0) / 512));
      }
    } finally {
      this.#waiting[priority]--;
    }
  }

  #untilMs(priority: Priority): number {
    return this.#options.nowMs() + this.#options.maxWaitMs[priority];
  }

  #levelOf(kind: string): RequestLevel {
    let level = this.#levels.get(kind);
    if (!level) this.#levels.set(kind, (level = new RequestLevel(this.#options.nowMs())));
    return level;
  }

  /** What Auth0 would answer to a request that is not sent. */
  #refusal(level: RequestLevel): Response {
    const resetMs = this.#options.nowMs() + level.waitMs(1, 0, this.#options.nowMs());
    const body = { statusCode: 429, error: "Too Many Requests", errorCode: "too_many_requests" };
    const headers = { "x-ratelimit-reset": String(Math.ceil(resetMs / 1000)) };
    return Response.json(
      { ...body, message: "It was not sent: there is no room." },
      { status: 429, headers },
    );
  }
}
