import { BoundedMap } from "./bounded-map.ts";
import { ExchangeError } from "./exchange-error.ts";

const BLOCKED_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/**
 * Remembers the addresses that Auth0 blocks for their wrong keys. While it does, no key is tried from them. `address` is
 * that of the end user, empty for our own.
 */
export class Blockade {
  readonly #blocked = new BoundedMap<{ readonly error: ExchangeError; readonly untilMs: number }>(
    MAX_ADDRESSES,
  );

  /** Notes a failure, if it is one of an address. */
  note(error: ExchangeError, address: string, nowMs: number): void {
    if (error.code !== "too_many_attempts") return;
    this.#blocked.set(address, { error, untilMs: nowMs + (error.retryAfterMs ?? BLOCKED_MS) });
  }

  /** The failure that an exchange for this address would meet now, with the time that is left of it. */
  find(address: string, nowMs: number): ExchangeError | undefined {
    const blocked = this.#blocked.get(address);
    if (!blocked || blocked.untilMs <= nowMs) return undefined;
    const { code, status, error, error_description } = blocked.error;
    return new ExchangeError(code, {
      status,
      error,
      error_description,
      retryAfterMs: blocked.untilMs - nowMs,
    });
  }
}
