import { CLOCK_TOLERANCE_SECONDS, REFRESH_FROM, REFRESH_SPREAD } from "../client/freshness.ts";
import type { Design } from "./fleet.ts";
import { Zipf } from "./zipf.ts";

/** Keys, and how they are used. */
export interface Population {
  readonly keys: number;
  /** Uses of all keys together, as a multiple of the number of keys. */
  readonly usesPerKeyPerDay: number;
  /** Of Zipf's law: 0 if all keys are used alike, 1 if the key of rank `r` is used in proportion to `1 / r`. */
  readonly exponent: number;
}

/** Who keeps tokens, and how long those last. */
export interface Keeping {
  readonly design: Design;
  readonly lifetimeSeconds: number;
  readonly processes: number;
}

const DAY_SECONDS = 86_400;

/** Uses of all keys a second. */
export function usesPerSecondOf({ keys, usesPerKeyPerDay }: Population): number {
  return (keys * usesPerKeyPerDay) / DAY_SECONDS;
}

/** Keys that are used at least once a day, if uses come at random. */
export function activeKeysOf(population: Population): number {
  const uses = usesPerSecondOf(population) * DAY_SECONDS;
  return Math.round(zipfOf(population).sumOf((part) => 1 - Math.exp(-part * uses)));
}

/** The age at which a token is refreshed on average, if it is in use then. */
export function refreshAgeSeconds(lifetimeSeconds: number): number {
  const usableSeconds = lifetimeSeconds - Math.min(CLOCK_TOLERANCE_SECONDS, lifetimeSeconds / 10);
  return usableSeconds * (REFRESH_FROM + REFRESH_SPREAD / 2);
}

/**
 * Exchanges a second on paper: each cache that is asked for a key makes one, then none until the token is due, and the
 * next with the first use after that. Nothing waits, fails or is forgotten here: that is what the model is for.
 */
export function expectedExchangesPerSecond(population: Population, keeping: Keeping): number {
  const uses = usesPerSecondOf(population);
  if (keeping.design === "none") return uses;
  const caches = keeping.design === "memory" ? keeping.processes : 1;
  const dueSeconds = refreshAgeSeconds(keeping.lifetimeSeconds);
  return zipfOf(population).sumOf((part) => {
    const usesOfCache = (part * uses) / caches;
    return (caches * usesOfCache) / (1 + usesOfCache * dueSeconds);
  });
}

/** So many keys make so many exchanges a second, on paper. */
export function keysFor(exchangesPerSecond: number, use: Omit<Population, "keys">, keeping: Keeping): number {
  let [fewer, more] = [1, 1e8];
  while (more / fewer > 1.0005) {
    const keys = Math.sqrt(fewer * more);
    if (expectedExchangesPerSecond({ ...use, keys: Math.round(keys) }, keeping) < exchangesPerSecond)
      fewer = keys;
    else more = keys;
  }
  return Math.round(fewer);
}

function zipfOf({ keys, exponent }: Population): Zipf {
  return new Zipf(keys, exponent);
}
