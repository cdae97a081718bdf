import type { CachedToken } from "./token-cache.ts";

/** What a cached token is good for: use it, use it and get a new one, or neither. */
export type Freshness = "fresh" | "refresh" | "expired";

// Processes of a fleet share tokens, and each clock may be a minute off in its own direction.
const CLOCK_TOLERANCE_SECONDS = 120;
const REFRESH_FROM = 0.75;
const REFRESH_SPREAD = 0.1;

/**
 * Judges a token. It is to be refreshed at a point between 75 and 85 percent of its lifetime, which `jitter` (0 to 1)
 * picks, so that a fleet does not refresh at once; it counts as expired two minutes before its end, or a tenth of its
 * lifetime if that is less.
 */
export function freshnessOf(
  token: Pick<CachedToken, "obtainedAtSeconds" | "expiresAtSeconds">,
  nowSeconds: number,
  jitter: number,
): Freshness {
  const lifetimeSeconds = token.expiresAtSeconds - token.obtainedAtSeconds;
  const marginSeconds = Math.min(CLOCK_TOLERANCE_SECONDS, lifetimeSeconds / 10);
  if (nowSeconds >= token.expiresAtSeconds - marginSeconds) return "expired";
  const refreshFromSeconds =
    token.obtainedAtSeconds + lifetimeSeconds * (REFRESH_FROM + REFRESH_SPREAD * jitter);
  return nowSeconds >= refreshFromSeconds ? "refresh" : "fresh";
}
