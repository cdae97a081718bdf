import { BoundedMap } from "./bounded-map.ts";
import { leftMs } from "./clock.ts";
import { ExchangeError } from "./exchange-error.ts";
import { MAX_ENTRIES } from "./token-cache.ts";

const BLOCKED_MS = 60_000;

/** How long an address is blocked, and with which answer. */
interface Blocked {
  readonly error: ExchangeError;
  readonly forMs: number;
  readonly untilMs: number;
}

/**
 * Remembers the addresses that Auth0 blocks for their wrong keys. While it does, no key is tried from them. `address` is
 * that of the end user, empty for our own.
 */
export class Blockade {
  readonly #blocked = new BoundedMap<Blocked>(MAX_ENTRIES);

  /** Notes a failure, if it is one of an address. */
  note(error: ExchangeError, address: string, nowMs: number): void {
    if (error.code !== "too_many_attempts") return;
    const forMs = error.retryAfterMs ?? BLOCKED_MS;
    this.#blocked.set(address, { error, forMs, untilMs: nowMs + forMs });
  }

  /** The failure that an exchange for this address would meet now, with the time that is left of it. */
  find(address: string, nowMs: number): ExchangeError | undefined {
    const blocked = this.#blocked.get(address);
    const retryAfterMs = blocked && leftMs(blocked.untilMs, blocked.forMs, nowMs);
    if (!blocked || !retryAfterMs) return undefined;
    const { code, status, error, error_description } = blocked.error;
    return new ExchangeError(code, { status, error, error_description, retryAfterMs });
  }
}
