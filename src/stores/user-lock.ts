import type { Redis } from "@upstash/redis";

import { randomBase62, type RandomBytes } from "../core/base62.ts";
import { ApiKeysError } from "../core/errors.ts";
import { RELEASE_SCRIPT } from "../core/redis-scripts.ts";
import { FenceLost, runScript, type Fence } from "./change-texts.ts";
import { reach } from "./reach.ts";

/** Time, and waiting for it. */
export interface Clock {
  /** Milliseconds of a monotonic clock. It may stand still while a laptop is suspended. */
  monotonicMs(): number;
  /** Milliseconds since 1970. It goes on meanwhile, and may be set. */
  wallMs(): number;
  sleep(ms: number): Promise<void>;
}

/** What the holder of a lock can ask. */
export interface Lease {
  /** Throws `lease_too_short` unless this much of the lease is left: asked before a profile is written. */
  require(ms: number): void;
  /** What must hold for a write to Redis to count: the lock is still ours. */
  readonly fence: Fence;
  /**
   * Notes that a profile is about to be written, or that the answer rests on what was read of it, and what its records
   * say under the lock, by key id: it matters at the end whether the lock still was ours, and which of them have changed.
   */
  noteProfileWrite(records: ReadonlyMap<string, string>): void;
}

/** A profile was written, and the lock was not ours any more when that was over: it may have undone what another did. */
export class LockLost extends ApiKeysError {
  /** When the lock was taken, in seconds since 1970. */
  readonly takenAtSeconds: number;
  /** Whether our own clocks say so too: then we were paused. Else the lock was taken away, or Redis was lost. */
  readonly wasPaused: boolean;
  /** What the user's records said when the lock was ours. */
  readonly records: ReadonlyMap<string, string>;

  constructor(
    userId: string,
    lost: Pick<LockLost, "takenAtSeconds" | "wasPaused" | "records">,
    cause: unknown,
  ) {
    super(
      "update_lost",
      `The keys of ${userId} were changed by another program while this one was held up.`,
      "Run the same command again.",
      cause,
    );
    this.takenAtSeconds = lost.takenAtSeconds;
    this.wasPaused = lost.wasPaused;
    this.records = lost.records;
  }
}

/** Runs `work` while nobody else changes this user's keys. Throws `user_locked`, {@link LockLost}, or what `work` throws. */
export type UserLock = <T>(userId: string, work: (lease: Lease) => Promise<T>) => Promise<T>;

/** Timing of a lock, in milliseconds. */
export interface UserLockOptions {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** How long a lock holds if its holder dies. Must be well above the time of the requests inside. */
  readonly leaseMs: number;
  /** How long to wait for another holder; above `leaseMs`, so that a dead one is outwaited. */
  readonly waitMs: number;
}

/** A lock per user, `SET NX PX` in Redis: Auth0 has no conditional write, and two writers would lose updates. */
export function userLock(redis: Redis, options: UserLockOptions): UserLock {
  const { clock, leaseMs } = options;
  return async (userId, work) => {
    const fence = { key: `apikey-lock:${userId}`, text: randomBase62(16, options.randomBytes) };
    const takenAt = await take(redis, fence, options);
    // Whichever clock ran on: a suspended laptop stops one, and a set clock turns the other back.
    const leftMs = () =>
      leaseMs - Math.max(clock.monotonicMs() - takenAt.monotonicMs, clock.wallMs() - takenAt.wallMs);
    let records: ReadonlyMap<string, string> | undefined;
    const lease: Lease = {
      fence,
      require(ms) {
        if (leftMs() < ms) throw new FenceLost();
      },
      noteProfileWrite(said) {
        records = said;
      },
    };
    const [outcome] = await Promise.allSettled([work(lease)]);
    const wasPaused = leftMs() <= 0;
    if (!(await wasOurs(redis, fence, wasPaused)) && records) {
      const cause = outcome.status === "rejected" ? (outcome.reason as unknown) : undefined;
      throw new LockLost(
        userId,
        { takenAtSeconds: Math.floor(takenAt.wallMs / 1000), wasPaused, records },
        cause,
      );
    }
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  };
}

/** Releases the lock, which tells whether it still was ours; without an answer, our clocks have to. */
async function wasOurs(redis: Redis, { key, text }: Fence, wasPaused: boolean): Promise<boolean> {
  const answer = await runScript(redis, RELEASE_SCRIPT, [key], [text]).catch(() => undefined);
  return answer === 1 || (answer !== 0 && !wasPaused);
}

/** Breaks a lock that will not end by itself, or in years: no writer takes one like that. Gives whether it did. */
async function breakEndless(redis: Redis, key: string, leaseMs: number): Promise<boolean> {
  const text = await reach(redis.get<string>(key));
  const leftMs = await reach(redis.pttl(key));
  if (text === null || (leftMs >= 0 && leftMs <= leaseMs)) return false;
  return (await runScript(redis, RELEASE_SCRIPT, [key], [text])) === 1;
}

/** Takes the lock; gives the moment before it was taken, from which the lease counts. */
async function take(
  redis: Redis,
  { key, text }: Fence,
  { clock, leaseMs, waitMs, randomBytes }: UserLockOptions,
): Promise<{ readonly monotonicMs: number; readonly wallMs: number }> {
  const startedMs = clock.monotonicMs();
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const before = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    if ((await reach(redis.set(key, text, { nx: true, px: leaseMs }))) === "OK") return before;
    if (before.monotonicMs - startedMs >= waitMs && !(await breakEndless(redis, key, leaseMs))) {
      throw new ApiKeysError(
        "user_locked",
        "Another change to the keys of this user is under way.",
        "Nothing was written. Run the same command again in a minute.",
      );
    }
    // Jitter from the same generator: waiting writers must not come back together.
    await clock.sleep(pauseMs * (0.5 + (randomBytes(1)[0] ?? 0) / 255));
  }
}
