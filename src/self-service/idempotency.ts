import { ApiKey } from "../core/api-key.ts";
import { prefixFor } from "../core/deployment.ts";
import { derivedBytes, derivedName } from "../core/derived-bytes.ts";
import type { Keys } from "../keys/keys.ts";
import type { Minting } from "../keys/minting.ts";
import type { RedisRequests } from "../stores/redis-requests.ts";
import { invalidRequest, Problem } from "./problem.ts";

const WINDOW_SECONDS = 3_600;
const NONCE_BYTES = 16;

/** A request that makes a secret, and may be sent again. */
export interface SecretRequest {
  /** Who sends it, and alone may see its answer again. */
  readonly userId: string;
  /** Whose key it makes or changes. */
  readonly ownerId: string;
  readonly operation: "create" | "rotate";
  /** The key that gets a new secret; absent for a new key. */
  readonly keyId?: string;
  /** What the key is for alone; it may have a prefix of its own. */
  readonly audiences: readonly string[] | undefined;
  /** The body as it was read. */
  readonly body: object;
  /** The header `Idempotency-Key`. */
  readonly idempotencyKey: string | undefined;
}

/** The API key that a request makes, and what to do when it was handed out. */
export interface Attempt {
  readonly minting: Minting | undefined;
  /** Notes that the key was made. Never throws: a lost note costs nothing but a guard. */
  finish(): Promise<void>;
}

interface Claim {
  readonly request: string;
  readonly nonce: string;
  readonly at: number;
  readonly v: number;
  readonly done?: true;
}

/**
 * Begins a request that makes a secret. With an `Idempotency-Key`, the API key is derived from the pepper, the user, the
 * request, and a nonce that Redis keeps for an hour: sent again, the request comes to the same API key, which was kept
 * nowhere. Another user, another body or another deployment comes to another one. The nonce is encrypted under a key that
 * the Action does not hold, so that its secrets do not lead to API keys. Throws `idempotency_key_reused`.
 */
export async function beginAttempt(
  keys: Keys,
  requests: RedisRequests,
  { userId, ownerId, operation, keyId, audiences, body, idempotencyKey }: SecretRequest,
): Promise<Attempt> {
  if (idempotencyKey === undefined) return { minting: undefined, finish: async () => Promise.resolve() };
  if (!/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw invalidRequest("Idempotency-Key", "must be 1 to 255 visible ASCII characters");
  }
  const { peppers } = keys;
  const nowSeconds = keys.nowSeconds();
  const name = JSON.stringify([userId, idempotencyKey]);
  const context = [userId, ownerId, idempotencyKey, operation, keyId ?? "", JSON.stringify(body)];
  const fresh: Claim = {
    request: derivedName(peppers.current, ["request", ...context]),
    nonce: Buffer.from(keys.randomBytes(NONCE_BYTES)).toString("base64url"),
    at: nowSeconds,
    v: peppers.current.version,
  };
  const claim = JSON.parse(await requests.claim(name, JSON.stringify(fresh), WINDOW_SECONDS)) as Claim;
  const pepper = peppers.byVersion.get(claim.v) ?? peppers.current;
  if (claim.request !== derivedName(pepper, ["request", ...context])) {
    throw new Problem("idempotency_key_reused");
  }
  if (nowSeconds >= claim.at + WINDOW_SECONDS) throw new Problem("key_shown_already");
  const bytes = derivedBytes(pepper, ["api key", claim.nonce, ...context]);
  const apiKey = ApiKey.generate(prefixFor(keys.deployment, audiences), bytes, keyId);
  return {
    minting: { apiKey, wasMade: claim.done === true },
    async finish() {
      const done: Claim = { ...claim, done: true };
      await requests.amend(name, JSON.stringify(done)).catch(() => undefined);
    },
  };
}
