import { ApiKeysError, type ApiKeysErrorCode } from "../core/errors.ts";
import type { Keys } from "./keys.ts";

const STORE_PATIENCE_MS = [500, 2_000, 8_000];
const RATE_LIMIT_PATIENCE_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];
/** What concerns one user alone, and must not keep a long run from the others. */
const OF_ONE_USER = new Set<ApiKeysErrorCode>([
  "profile_malformed",
  "user_locked",
  "lease_too_short",
  "update_lost",
]);

/** Waits out a short failure of Redis, for what can be done twice: one of many requests must not end a long run. */
export async function outwaitStore<T>(keys: Keys, work: () => Promise<T>): Promise<T> {
  return outwait(keys, "store_unavailable", STORE_PATIENCE_MS, work);
}

/** Waits until Auth0's rate limit is lifted, for what can be done twice. */
export async function outwaitRateLimit<T>(keys: Keys, work: () => Promise<T>): Promise<T> {
  return outwait(keys, "management_rate_limited", RATE_LIMIT_PATIENCE_MS, work);
}

/** Whether a failure is one user's, and says nothing of the others. */
export function isOfOneUser(error: unknown): error is ApiKeysError {
  return error instanceof ApiKeysError && OF_ONE_USER.has(error.code);
}

async function outwait<T>(
  keys: Keys,
  code: ApiKeysErrorCode,
  pausesMs: readonly number[],
  work: () => Promise<T>,
): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiKeysError) || error.code !== code) throw error;
      await keys.sleep(pauseMs);
    }
  }
  return work();
}
