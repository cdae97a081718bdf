import { ApiKeysError } from "../core/errors.ts";
import type { RedisRequests } from "../stores/redis-requests.ts";
import type { Caller } from "./authenticate.ts";
import { Problem } from "./problem.ts";

/** How many requests a user may send in a minute, over all processes. */
export interface RateLimit {
  /** Default: 120. */
  readonly requestsPerMinute?: number;
  /** Of these, how many may change keys. Default: 30. */
  readonly changesPerMinute?: number;
}

const WINDOW_SECONDS = 60;

/**
 * Counts a user's requests in windows of a minute, in Redis. Without Redis nothing can be changed, and reading goes on
 * uncounted: a user can still see which keys there are. Throws `too_many_requests`.
 */
export async function countRequest(
  requests: RedisRequests,
  { requestsPerMinute = 120, changesPerMinute = 30 }: RateLimit,
  { personId }: Caller,
  isChange: boolean,
  nowSeconds: number,
): Promise<void> {
  const window = Math.floor(nowSeconds / WINDOW_SECONDS);
  const count = async (kind: string) => requests.count(`${kind}:${window}:${personId}`, 2 * WINDOW_SECONDS);
  try {
    const isOver =
      (await count("all")) > requestsPerMinute || (isChange && (await count("changes")) > changesPerMinute);
    if (!isOver) return;
  } catch (error) {
    const isRedisDown = error instanceof ApiKeysError && error.code === "store_unavailable";
    if (isRedisDown && !isChange) return;
    throw error;
  }
  const waitSeconds = (window + 1) * WINDOW_SECONDS - nowSeconds;
  throw new Problem("too_many_requests", { headers: { "retry-after": String(waitSeconds) } });
}
