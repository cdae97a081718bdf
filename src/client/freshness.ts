import type { CachedToken } from "./token-cache.ts";

/** What a cached token is good for: use it, use it and get a new one, or neither. */
export type Freshness = "fresh" | "refresh" | "expired";

// Processes of a fleet share tokens, and each clock may be a minute off in its own direction.
export const CLOCK_TOLERANCE_SECONDS = 120;
// Each percent earlier is a percent more of the tenant's exchanges, and each percent later leaves less time for a
// tenant that is down: docs/SCALE.md.
export const REFRESH_FROM = 0.85;
export const REFRESH_SPREAD = 0.1;
const FUTURE_SECONDS = 300;

/**
 * Judges a token. It counts as expired two minutes before its end, or a tenth of its lifetime if that is less, and is to
 * be refreshed at a point between 85 and 95 percent of the time until then, which `jitter` (0 to 1) picks, so that a
 * fleet does not refresh at once.
 */
export function freshnessOf(
  token: Pick<CachedToken, "obtainedAtSeconds" | "expiresAtSeconds">,
  nowSeconds: number,
  jitter: number,
): Freshness {
  const lifetimeSeconds = token.expiresAtSeconds - token.obtainedAtSeconds;
  const usableSeconds = lifetimeSeconds - Math.min(CLOCK_TOLERANCE_SECONDS, lifetimeSeconds / 10);
  const ageSeconds = nowSeconds - token.obtainedAtSeconds;
  // It was obtained while the clock was ahead: its times say nothing now.
  if (ageSeconds < -FUTURE_SECONDS) return "expired";
  if (ageSeconds >= usableSeconds) return "expired";
  return ageSeconds >= usableSeconds * (REFRESH_FROM + REFRESH_SPREAD * jitter) ? "refresh" : "fresh";
}
