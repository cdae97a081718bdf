import { ApiKey } from "../core/api-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import { prefixFor } from "../core/deployment.ts";
import { isOverlapping, type KeyEntry } from "../core/key-entry.ts";
import { hashKey } from "../core/peppers.ts";
import { rotatedExpiry } from "../core/policy.ts";
import { changeKey, type ChangedKey } from "./change.ts";
import type { CreatedKey } from "./create.ts";
import { requireDeployedPepper, requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { isMinted, keyShownAlready, type Minting } from "./minting.ts";
import { requireNotDead } from "./require-not-dead.ts";

/** When a secret ends that must not work any more, whatever the clock here says: the Action's clock is another. */
const ENDED_SECONDS = 0;

const MAX_OVERLAP_SECONDS = 7 * 86_400;

/** How a key is rotated. */
export interface Rotation {
  /** How long the old secret still works, 0 to 604,800 seconds (7 days). */
  readonly overlapSeconds: number;
  /** A new lifetime in days, as the policy allows; absent: as before, at least the default, at most the maximum. */
  readonly lifetimeDays?: number | "never";
}

/**
 * Gives a key a new secret: same id, name and restrictions. The old secret works until the overlap ends. Throws
 * `overlap_invalid`, `key_dead`, `rotation_under_way` while an overlap lasts, or what the policy says to the lifetime.
 * After any failure the old secret works on; if the failed rotation took effect all the same, it is `under_way` with a
 * secret that nobody has seen, and is cancelled before the next. With `minting`, the same call again gives the secret
 * that is there, or throws `key_shown_already`.
 */
export async function rotateKey(
  keys: Keys,
  userId: string,
  keyId: string,
  { overlapSeconds, lifetimeDays }: Rotation,
  minting?: Minting,
): Promise<CreatedKey> {
  if (!(overlapSeconds >= 0 && overlapSeconds <= MAX_OVERLAP_SECONDS)) {
    throw new ApiKeysError(
      "overlap_invalid",
      "The overlap is out of range.",
      "Give --overlap from 0 to 7d, as in: --overlap 24h",
    );
  }
  await requireOurStore(keys);
  const pepper = keys.peppers.current;
  let apiKey = minting?.apiKey;
  const { after } = await changeKey(keys, userId, keyId, {
    operation: "rotate",
    isDeath: false,
    decide(entry, nowSeconds) {
      requireNotDead(entry, nowSeconds);
      if (minting && isMinted(keys, entry, minting)) return entry;
      if (minting?.wasMade) throw keyShownAlready();
      if (isOverlapping(entry, nowSeconds)) throw underWay(entry);
      apiKey ??= ApiKey.generate(prefixFor(keys.deployment, entry.aud), keys.randomBytes, keyId);
      const { exp: _, prefix, ...rest } = entry;
      const exp = rotatedExpiry(entry, lifetimeDays, keys.policy, nowSeconds);
      return {
        ...rest,
        ...(exp !== undefined && { exp }),
        hash: hashKey(apiKey.reveal(), pepper),
        v: pepper.version,
        prefix: apiKey.prefix,
        previous: {
          hash: entry.hash,
          v: entry.v,
          exp: overlapSeconds === 0 ? ENDED_SECONDS : nowSeconds + overlapSeconds,
          ...(prefix !== undefined && { prefix }),
        },
      };
    },
  });
  if (!apiKey) throw new TypeError("a rotation that made no key");
  return { apiKey, entry: after };
}

/** Withdraws the new secret of a rotation: the old one is the key's again. Throws `no_rotation_under_way`. */
export async function cancelRotation(keys: Keys, userId: string, keyId: string): Promise<ChangedKey> {
  await requireOurStore(keys);
  return changeKey(keys, userId, keyId, {
    operation: "cancel_rotation",
    isDeath: false,
    decide(entry, nowSeconds) {
      const { previous, prefix: _, ...rest } = requireOverlap(entry, nowSeconds);
      const { hash, v, prefix } = previous;
      return { ...rest, hash, v, ...(prefix !== undefined && { prefix }) };
    },
  });
}

/** Ends the overlap of a rotation at once: only the new secret works. Throws `no_rotation_under_way`. */
export async function endOverlap(keys: Keys, userId: string, keyId: string): Promise<ChangedKey> {
  await requireDeployedPepper(keys);
  let ended: string | undefined;
  return changeKey(keys, userId, keyId, {
    operation: "end_overlap",
    isDeath: true,
    decide(entry, nowSeconds) {
      // Decided again after it was held up: what it ended is over, and another overlap may have begun since.
      const isOver =
        entry.hash !== ended && (entry.previous?.hash !== ended || !isOverlapping(entry, nowSeconds));
      if (ended !== undefined && isOver) return entry;
      const { previous, ...rest } = requireOverlap(entry, nowSeconds);
      ended = previous.hash;
      return { ...rest, previous: { ...previous, exp: ENDED_SECONDS } };
    },
  });
}

function requireOverlap(
  entry: KeyEntry,
  nowSeconds: number,
): KeyEntry & Required<Pick<KeyEntry, "previous">> {
  requireNotDead(entry, nowSeconds);
  const { previous } = entry;
  if (previous && isOverlapping(entry, nowSeconds)) return { ...entry, previous };
  throw new ApiKeysError(
    "no_rotation_under_way",
    `Only one secret of key ${entry.id} works.`,
    "There is nothing to cancel or to end: npm run keys -- show KEY_ID --user ID",
  );
}

function underWay(entry: KeyEntry): ApiKeysError {
  return new ApiKeysError(
    "rotation_under_way",
    `Key ${entry.id} was rotated, and its old secret works until ${new Date((entry.previous?.exp ?? 0) * 1000).toISOString()}.`,
    "If nobody has the new secret, withdraw it with --cancel and rotate again; else end the overlap with --now.",
  );
}
