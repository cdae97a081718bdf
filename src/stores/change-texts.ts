import type { Redis } from "@upstash/redis";

import { ApiKeysError } from "../core/errors.ts";
import { CHANGE_SCRIPT, KEY_LOCKING_HEADER } from "../core/redis-scripts.ts";
import { reach, reachAs, unavailable } from "./reach.ts";

/** What must be so for a write to count: a key of Redis that still holds this text; the empty text for none. */
export interface Fence {
  readonly key: string;
  readonly text: string;
}

/** A text in Redis as it was read, and what it is to become; the empty text for none. */
export interface TextChange {
  readonly key: string;
  readonly expected: string;
  readonly text: string;
  /** `at` a second since 1970; `cap`: in so many seconds, unless it expires already; absent: never. */
  readonly expiry?: { readonly kind: "at" | "cap"; readonly seconds: number } | { readonly kind: "keep" };
}

/** A write was refused since the lock is not its writer's any more. Nothing was written. */
export class FenceLost extends ApiKeysError {
  constructor() {
    super(
      "lease_too_short",
      "Auth0 or Redis answered too slowly to change the keys of this user safely.",
      "Nothing more was written. Run the same command again.",
    );
  }
}

/**
 * Writes texts where each still is what was read, all in one request and at one moment. Gives for each whether it is
 * what it was to become; one that is not was changed by another. Throws {@link FenceLost}, or `store_unavailable`.
 */
export async function changeTexts(
  redis: Redis,
  changes: readonly TextChange[],
  fence: Fence | undefined,
): Promise<readonly boolean[]> {
  const [first] = changes;
  if (!first) return [];
  const keys = [fence?.key ?? first.key, ...changes.map(({ key }) => key)];
  const args = changes.flatMap(({ expected, text, expiry }) => {
    const second = expiry && "seconds" in expiry ? String(expiry.seconds) : "";
    return [expected, text, expiry?.kind ?? "none", second];
  });
  const condition = fence ? `is:${fence.text}` : "any";
  const isOutcome = (one: unknown): one is 0 | 1 => one === 0 || one === 1;
  const answer = await reachAs(
    runScript(redis, CHANGE_SCRIPT, keys, [condition, ...args]),
    (value): value is -1 | (0 | 1)[] =>
      value === -1 || (Array.isArray(value) && value.length === changes.length && value.every(isOutcome)),
  );
  if (answer === -1) throw new FenceLost();
  return answer.map((one) => one === 1);
}

/** Clients whose Redis refuses Upstash's header: asked once, remembered. */
const plain = new WeakSet<Redis>();

/** Runs a script; on Upstash it locks its own keys alone. */
export async function runScript(
  redis: Redis,
  script: string,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  if (!plain.has(redis)) {
    try {
      return await redis.eval<string[]>(KEY_LOCKING_HEADER + script, [...keys], [...args]);
    } catch (error) {
      const said = error instanceof Error ? error.message : "";
      // Redis 7 does not know the flag, and an older one not even where flags would stand: neither ran anything.
      if (!/shebang|compiling script/i.test(said))
        throw unavailable(error instanceof Error ? error.name : "unknown");
      plain.add(redis);
    }
  }
  return reach(redis.eval<string[]>(script, [...keys], [...args]));
}
