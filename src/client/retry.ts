/** What to do after a failed attempt: wait and try again, or tell the caller. */
export type RetryDecision = { readonly kind: "wait"; readonly waitMs: number } | { readonly kind: "give_up" };

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
 * How long an answer asks to wait, in milliseconds: `Retry-After` (seconds or a date), else Auth0's
 * `x-ratelimit-reset` (seconds since 1970). Dates are read by the server's own clock where it sent one.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const sentAtMs = Date.parse(headers.get("date") ?? "");
  const serverNowMs = Number.isNaN(sentAtMs) ? nowMs : sentAtMs;
  const after = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const atMs = Date.parse(after);
  if (!Number.isNaN(atMs)) return Math.max(0, atMs - serverNowMs);
  const reset = headers.get("x-ratelimit-reset")?.trim() ?? "";
  return /^\d{1,12}$/.test(reset) ? Math.max(0, Number(reset) * 1000 - serverNowMs) : undefined;
}
