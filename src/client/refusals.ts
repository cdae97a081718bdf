import { leftMs, type Clock } from "./clock.ts";
import { ExchangeError, type ExchangeErrorCode } from "./exchange-error.ts";
import type { GuardedCache } from "./guarded-cache.ts";
import type { CacheSlot } from "./token-cache.ts";

/** A refusal that is repeated without asking the tenant. */
export interface Refusal {
  readonly error: ExchangeError;
  readonly untilMs: number;
  /** How long it is repeated in all. */
  readonly forMs: number;
}

/** As it lies in a shared cache, sealed. */
type Note = Pick<ExchangeError, "code" | "status" | "error" | "error_description"> &
  Pick<Refusal, "untilMs" | "forMs">;

// What is said of the key. All else is the client's own fault or the network's, which may be repaired at any time.
const OF_THE_KEY: ReadonlySet<ExchangeErrorCode> = new Set([
  "invalid_request",
  "access_denied",
  "invalid_scope",
  "invalid_target",
  "refused",
]);

/**
 * Decides how long a refusal is repeated: twice as long each time, since a key that has ended goes on being used, and
 * each attempt costs the keys that are good an exchange. Processes that share a cache share what they were told.
 */
export class Refusals {
  readonly #cache: GuardedCache;
  readonly #clock: Clock;
  readonly #firstMs: number;
  readonly #mostMs: number;

  constructor(cache: GuardedCache, clock: Clock, firstMs: number, mostMs: number) {
    this.#cache = cache;
    this.#clock = clock;
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
  }

  /** Whether it is still to be repeated. */
  isValid({ untilMs, forMs }: Refusal): boolean {
    return leftMs(untilMs, forMs, this.#clock.nowMs()) > 0;
  }

  /** The refusal that another process may have met, even if it is no longer to be repeated. */
  async find(slot: CacheSlot): Promise<Refusal | undefined> {
    const note = await this.#cache.getNote<Note>(slot);
    if (!note || !OF_THE_KEY.has(note.code)) return undefined;
    return { error: new ExchangeError(note.code, note), untilMs: note.untilMs, forMs: note.forMs };
  }

  /** Notes a refusal, which follows on an earlier one or not. */
  async add(slot: CacheSlot, error: ExchangeError, before: Refusal | undefined): Promise<Refusal> {
    const isOfKey = OF_THE_KEY.has(error.code);
    const forMs = isOfKey && before ? Math.min(before.forMs * 2, this.#mostMs) : this.#firstMs;
    const refusal = { error, forMs, untilMs: this.#clock.nowMs() + forMs };
    const { code, status, error: said, error_description } = error;
    const note: Note = { code, status, error: said, error_description, forMs, untilMs: refusal.untilMs };
    // It stays for as long again, so that the next one is known to be a repetition.
    if (isOfKey && forMs > 0) await this.#cache.setNote(slot, note, 2 * forMs);
    return refusal;
  }
}
