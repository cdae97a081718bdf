/** What to do after a failed attempt: wait and try again, or tell the caller. */
export type RetryDecision = { readonly kind: "wait"; readonly waitMs: number } | { readonly kind: "give_up" };

/** No answer keeps a process from asking again for longer than this. */
export const MAX_RETRY_AFTER_MS = 300_000;

const BASE_MS = 250;
const CAP_MS = 4_000;

/**
 * Decides on another attempt: not before the server allows one, then at a random moment of a window that doubles with
 * each attempt ("full jitter"), and never beyond the budget. `attempt` counts from 0, `random` is from 0 to 1.
 */
export function decideRetry(
  failure: { readonly retryable: boolean; readonly retryAfterMs?: number | undefined },
  attempt: number,
  budgetLeftMs: number,
  random: number,
): RetryDecision {
  const leastMs = failure.retryAfterMs ?? 0;
  if (!failure.retryable || leastMs >= budgetLeftMs) return { kind: "give_up" };
  const windowMs = Math.min(CAP_MS, BASE_MS * 2 ** attempt);
  return { kind: "wait", waitMs: Math.min(leastMs + random * windowMs, budgetLeftMs) };
}

/**
 * How long an answer asks to wait, in milliseconds, five minutes at most: `Retry-After` (seconds or a date), else Auth0's
 * `x-ratelimit-reset` (seconds since 1970). Dates are read by the server's own clock where it sent one.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const askedMs = askedPauseMs(headers, nowMs);
  return askedMs === undefined ? undefined : Math.min(askedMs, MAX_RETRY_AFTER_MS);
}

function askedPauseMs(headers: Headers, nowMs: number): number | undefined {
  const sentAtMs = Date.parse(headers.get("date") ?? "");
  const serverNowMs = Number.isNaN(sentAtMs) ? nowMs : sentAtMs;
  const after = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(after)) return Number(after) * 1000;
  const atMs = Date.parse(after);
  if (!Number.isNaN(atMs)) return Math.max(0, atMs - serverNowMs);
  const reset = headers.get("x-ratelimit-reset")?.trim() ?? "";
  return /^\d{1,12}$/.test(reset) ? Math.max(0, Number(reset) * 1000 - serverNowMs) : undefined;
}

/** Auth0's `x-ratelimit-limit`: what the tenant grants in a second, as far as it says so. */
export function rateLimit(headers: Headers): number | undefined {
  const limit = headers.get("x-ratelimit-limit")?.trim() ?? "";
  return /^[1-9]\d{0,5}$/.test(limit) ? Number(limit) : undefined;
}
