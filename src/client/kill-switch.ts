import { actorsIn } from "../core/actor.ts";
import { DEFAULT_NAME, DEPLOYMENT_NAME } from "../core/deployment.ts";
import { hasKeyFields, isObject, keyStatus } from "../core/key-entry.ts";
import { BoundedMap } from "./bounded-map.ts";
import { leftMs } from "./clock.ts";
import { challenge, unavailable, type GatewayRefusal } from "./gateway-refusal.ts";
import {
  checkOptions,
  oneOf,
  optional,
  COUNT,
  FUNCTION,
  MILLISECONDS,
  type Rule,
} from "../core/check-options.ts";
import { REDIS_PORT, type RedisPort } from "./redis-port.ts";
import { MAX_ENTRIES } from "./token-cache.ts";

/** What a kill switch is made with. */
export interface KillSwitchOptions {
  /** The database of the key records; its read-only token is enough. */
  readonly redis: RedisPort;
  /** The name of the deployment whose tokens it judges; tokens of another one are left to that. Default: `api-keys`. */
  readonly deployment?: string;
  /** For so many milliseconds an answer counts: a revoked key's tokens die within it. Default: 5,000. */
  readonly maxAgeMs?: number;
  /** What a token counts as while the records cannot be read, or there is none of its key. Default: `refuse`. */
  readonly whenUnknown?: "refuse" | "accept";
  /** So many keys are remembered, as by a token source. Default: 10,000. */
  readonly maxEntries?: number;
  /** Is told of each key that makes room for another: `maxEntries` is too small then, and each call is a look-up. */
  readonly onEvict?: () => void;
  readonly nowMs?: () => number;
}

type Status = "active" | "ended" | "unknown";

const NAME: Rule = {
  must: 'the name of a deployment, as in "api-keys"',
  test: (value) => typeof value === "string" && DEPLOYMENT_NAME.test(value),
};
const UNKNOWN_MAX_AGE_MS = 1_000;
const RECORD = /^v1\.[A-Za-z0-9_-]{43}\.(\{.*\})$/s;

/**
 * Refuses tokens of keys that were revoked or disabled, or have expired since, for APIs that do not want to wait for
 * the tokens' own end. Looks up a key's record at most once in `maxAgeMs`.
 */
export class KillSwitch {
  readonly #options: KillSwitchOptions;
  readonly #deployment: { readonly name: string };
  readonly #nowMs: () => number;
  readonly #maxAgeMs: number;
  readonly #known: BoundedMap<{ readonly status: Promise<Status>; untilMs: number }>;

  constructor(options: KillSwitchOptions) {
    checkOptions<KillSwitchOptions>("KillSwitch", options, {
      redis: REDIS_PORT,
      // Under a name that no deployment has, every token would be another's, and pass.
      deployment: optional(NAME),
      maxAgeMs: optional(MILLISECONDS),
      whenUnknown: optional(oneOf("refuse", "accept")),
      maxEntries: optional(COUNT),
      onEvict: optional(FUNCTION),
      nowMs: optional(FUNCTION),
    });
    this.#options = options;
    this.#deployment = { name: options.deployment ?? DEFAULT_NAME };
    this.#nowMs = options.nowMs ?? Date.now;
    this.#maxAgeMs = options.maxAgeMs ?? 5_000;
    this.#known = new BoundedMap(options.maxEntries ?? MAX_ENTRIES, options.onEvict);
  }

  /**
   * The refusal for a token with these claims; `undefined` where it may pass, as all do that no key was exchanged for. The
   * key may stand at any depth of `act`, behind the APIs that passed its token on.
   */
  async refuse(claims: Readonly<Record<string, unknown>>): Promise<GatewayRefusal | undefined> {
    const actors = actorsIn(claims["act"], this.#deployment);
    if (!actors) return challenge("invalid_token", "The actors of this token cannot be read.");
    for (const { keyId } of actors) {
      const status = keyId === undefined ? "unknown" : await this.#statusOf(keyId);
      if (status === "ended") {
        return challenge(
          "invalid_token",
          "The API key of this token was revoked or disabled, or has expired.",
        );
      }
      if (status === "unknown" && this.#options.whenUnknown !== "accept") return unavailable();
    }
    return undefined;
  }

  /** Whether the record of a key says that it has ended; `false` as well where there is none, or none can be read. */
  async hasEnded(keyId: string): Promise<boolean> {
    return (await this.#statusOf(keyId)) === "ended";
  }

  async #statusOf(keyId: string): Promise<Status> {
    const known = this.#known.get(keyId);
    if (known && leftMs(known.untilMs, this.#maxAgeMs, this.#nowMs()) > 0) return known.status;
    // The age counts from before the question: the answer is at most as old as we take it to be.
    const untilMs = this.#nowMs() + this.#maxAgeMs;
    const asked = { status: this.#lookUp(keyId), untilMs };
    this.#known.set(keyId, asked);
    const status = await asked.status;
    if (status === "unknown") asked.untilMs = Math.min(untilMs, this.#nowMs() + UNKNOWN_MAX_AGE_MS);
    return status;
  }

  /**
   * Reads a record without checking its seal, for which the pepper would have to be here. Who can write to Redis can
   * delete records as well as forge tombstones: a kill switch grants nothing.
   */
  async #lookUp(keyId: string): Promise<Status> {
    try {
      const text = await this.#options.redis.command("GET", `apikey:${keyId}`);
      const [, json = ""] = RECORD.exec(typeof text === "string" ? text : "") ?? [];
      const record: unknown = JSON.parse(json);
      if (!isObject(record) || record["id"] !== keyId || !hasKeyFields(record)) return "unknown";
      const status = keyStatus(record, this.#nowMs() / 1000);
      return status === "active" ? "active" : "ended";
    } catch {
      return "unknown";
    }
  }
}
