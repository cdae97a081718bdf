import { USE_KEPT_SECONDS, useKey } from "../core/key-use.ts";
import { createRedis } from "./key-record-reader.ts";

/** How long an exchange waits for its note at most. */
const TIMEOUT_MS = 200;

/** The secrets of the Action that say where its Redis is. */
interface RedisSecrets {
  readonly UPSTASH_REDIS_REST_URL?: string | undefined;
  readonly UPSTASH_REDIS_REST_TOKEN?: string | undefined;
}

/** Notes a use of a key, in one request. Never throws: a use that cannot be noted is lost, and nothing else. */
export async function noteUse(
  { UPSTASH_REDIS_REST_URL: url = "", UPSTASH_REDIS_REST_TOKEN: token = "" }: RedisSecrets,
  keyId: string | undefined,
  ip: string | undefined,
  nowSeconds: number,
): Promise<void> {
  try {
    const key = useKey(keyId ?? "");
    const redis = createRedis({ url, token, timeoutMs: TIMEOUT_MS });
    const note = redis
      .pipeline()
      .hset(key, { at: nowSeconds, ip: ip ?? "" })
      .hincrby(key, "count", 1);
    await note.expire(key, USE_KEPT_SECONDS).exec();
  } catch {
    // Not logged: the client's error quotes the command.
  }
}
