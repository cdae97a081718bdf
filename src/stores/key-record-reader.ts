import { Redis } from "@upstash/redis";

import type { LookUp } from "../core/decide-exchange.ts";
import { recordKey } from "../core/key-record.ts";
import { STORE_MARKER_KEY } from "../core/store-marker.ts";

/** Where the Upstash database is reached. */
export interface RedisSettings {
  readonly url: string;
  readonly token: string;
  /** After this long a request is given up. */
  readonly timeoutMs: number;
}

/**
 * `@upstash/redis` made safe: one attempt, a real timeout, a bound, no redirect, raw strings, no batching behind our back, no telemetry. Its
 * error messages hold the command with its arguments: callers must not log them. Throws `TypeError` where the client
 * itself would only warn.
 */
export function createRedis({ url, token, timeoutMs }: RedisSettings): Redis {
  if (!/^https?:\/\//.test(url) || token === "") throw new TypeError('"url" and "token" must be set');
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    readYourWrites: false,
  });
  // Its own request follows redirects, with no way to tell it not to: what is asked, and the answer that decides on a key,
  // would be another host's.
  redis.use(async ({ path = [], body }) => {
    const response = await fetch([url.replace(/\/$/, ""), ...path].join("/"), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    // What Redis itself refuses comes with 400, an unknown token with 401, and both say why.
    if (!response.ok && ![400, 401].includes(response.status)) throw new Error(`status ${response.status}`);
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      // 16 million characters: more than any answer that is asked for.
      if (text.length > 2 ** 24) throw new Error("too much");
    }
    return JSON.parse(text) as { readonly result?: never; readonly error?: string };
  });
  return redis;
}

/** Reads a key's record together with the store's marker: one `MGET`, one round trip. Never throws. */
export async function readKeyRecord(redis: Redis, keyId: string): Promise<LookUp> {
  try {
    const answer: unknown = await redis.mget(recordKey(keyId), STORE_MARKER_KEY);
    if (areTexts(answer, 2)) {
      const [record = null, marker = null] = answer;
      return { kind: "answered", record, marker };
    }
  } catch {}
  return { kind: "unavailable" };
}

/** Whether an answer has the form of that to an `MGET` of so many: each a text or null. */
export function areTexts(answer: unknown, count: number): answer is (string | null)[] {
  const isText = (one: unknown) => one === null || typeof one === "string";
  return Array.isArray(answer) && answer.length === count && answer.every(isText);
}
