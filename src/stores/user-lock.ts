import type { Redis } from "@upstash/redis";

import { randomBase62, type RandomBytes } from "../core/base62.ts";
import { ApiKeysError } from "../core/errors.ts";
import { reach } from "./redis-key-store.ts";

/** Time that only runs forward, and waiting for it. */
export interface Clock {
  /** Milliseconds of a monotonic clock. */
  monotonicMs(): number;
  sleep(ms: number): Promise<void>;
}

/** What the holder of a lock can ask. */
export interface Lease {
  /** Throws `lease_too_short` unless this much of the lease is left: asked before each write that must not overlap. */
  require(ms: number): void;
}

/** Runs `work` while nobody else changes this user's keys. */
export type UserLock = <T>(userId: string, work: (lease: Lease) => Promise<T>) => Promise<T>;

/** Timing of a lock, in milliseconds. */
export interface UserLockOptions {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** How long a lock holds if its holder dies. Must be well above the time of the requests inside. */
  readonly leaseMs: number;
  /** How long to wait for another holder; above `leaseMs`, so that a dead one is outwaited. */
  readonly waitMs: number;
  /** The bound of one request to Redis. */
  readonly requestTimeoutMs: number;
}

/** A lock per user, `SET NX PX` in Redis: Auth0 has no conditional write, and two writers would lose updates. */
export function userLock(redis: Redis, options: UserLockOptions): UserLock {
  const { clock, leaseMs } = options;
  return async (userId, work) => {
    const key = `apikey-lock:${userId}`;
    const takenAtMs = await take(redis, key, options);
    const leftMs = () => takenAtMs + leaseMs - clock.monotonicMs();
    try {
      return await work({
        require(ms) {
          if (leftMs() >= ms) return;
          throw new ApiKeysError(
            "lease_too_short",
            "Auth0 or Redis answered too slowly to change the keys of this user safely.",
            "Nothing more was written. Run the same command again.",
          );
        },
      });
    } finally {
      // After the lease the lock may be another's, and without a script it can only be left to run out.
      if (leftMs() > options.requestTimeoutMs) await redis.del(key).catch(() => undefined);
    }
  };
}

/** Takes the lock; gives the moment before it was taken, from which the lease counts. */
async function take(redis: Redis, key: string, options: UserLockOptions): Promise<number> {
  const { clock, leaseMs, waitMs, randomBytes } = options;
  const token = randomBase62(16, randomBytes);
  const startedMs = clock.monotonicMs();
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const beforeMs = clock.monotonicMs();
    if ((await reach(redis.set(key, token, { nx: true, px: leaseMs }))) === "OK") return beforeMs;
    if (beforeMs - startedMs >= waitMs) {
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
