import { BoundedMap } from "./bounded-map.ts";
import { ExchangeError } from "./exchange-error.ts";

const BLOCKED_TENANT_MS = 1_000;
const BLOCKED_ADDRESS_MS = 60_000;
const MAX_ADDRESSES = 10_000;
const TENANT = "tenant";

/**
 * Remembers what Auth0 limits as a whole: the tenant's exchanges a second, and the wrong keys of an address. While a
 * limit holds, no key is tried against it.
 */
export class Blockade {
  readonly #blocked = new BoundedMap<{ readonly error: ExchangeError; readonly untilMs: number }>(
    MAX_ADDRESSES,
  );

  /** Notes a failure, if it was one of a limit. `address` is that of the end user, empty for our own. */
  note(error: ExchangeError, address: string, nowMs: number): void {
    const isTenant = error.code === "too_many_requests";
    if (!isTenant && error.code !== "too_many_attempts") return;
    const ms = error.retryAfterMs ?? (isTenant ? BLOCKED_TENANT_MS : BLOCKED_ADDRESS_MS);
    this.#blocked.set(isTenant ? TENANT : addressName(address), { error, untilMs: nowMs + ms });
  }

  /** The failure that an exchange for this address would meet now, with the time that is left of it. */
  find(address: string, nowMs: number): ExchangeError | undefined {
    for (const name of [TENANT, addressName(address)]) {
      const blocked = this.#blocked.get(name);
      if (!blocked || blocked.untilMs <= nowMs) continue;
      const { code, status, error, error_description } = blocked.error;
      return new ExchangeError(code, {
        status,
        error,
        error_description,
        retryAfterMs: blocked.untilMs - nowMs,
      });
    }
    return undefined;
  }
}

function addressName(address: string): string {
  return `address ${address}`;
}
