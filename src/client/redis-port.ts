import {
  checkOptions,
  check,
  havingMethods,
  optional,
  FUNCTION,
  HTTP_URL,
  MILLISECONDS,
  TEXT,
} from "../core/check-options.ts";
import { readObject } from "./read-answer.ts";

// A sealed token of 64 kB, and what JSON adds.
const MAX_ANSWER_BYTES = 128 * 1024;

/** A reply of Redis to the few commands that are used here. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** Redis as far as this library needs it: one command, one reply; rejects where there is none. */
export interface RedisPort {
  command(...words: string[]): Promise<RedisReply>;
}

/** What such a port must be. */
export const REDIS_PORT = havingMethods("command");

/** Where an Upstash database is reached over HTTPS. */
export interface UpstashOptions {
  readonly url: string;
  readonly token: string;
  /** After so many milliseconds a command is given up. Default: 2,000. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
}

/** A database of Upstash, over its REST protocol. Needs nothing but `fetch`. */
export function upstashRedis(options: UpstashOptions): RedisPort {
  checkOptions<UpstashOptions>("upstashRedis", options, {
    url: HTTP_URL,
    token: TEXT,
    timeoutMs: optional(MILLISECONDS),
    fetch: optional(FUNCTION),
  });
  const { url, token, timeoutMs = 2_000, fetch: send = fetch } = options;
  return {
    async command(...words) {
      const response = await send(url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(words),
        // Neither the token nor what it reads is another host's business.
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      // The error of Redis is not quoted: it holds the command with its arguments.
      const answer = await readObject(response, MAX_ANSWER_BYTES);
      const result = answer?.["result"];
      if (response.status !== 200 || result === undefined) throw new Error("Redis refused a command.");
      return result as RedisReply;
    },
  };
}

/** A client of a `redis://` server, as `@redis/client` (`sendCommand`) gives it. */
export interface RedisClientLike {
  sendCommand(words: string[]): Promise<unknown>;
}

/**
 * Any client of a `redis://` server that can send a command as a list of words. A command is given up after `timeoutMs`
 * milliseconds: such clients wait for a lost server as long as it takes.
 */
export function redisClientPort(client: RedisClientLike, timeoutMs = 1_000): RedisPort {
  check('redisClientPort: "client"', client, havingMethods("sendCommand"));
  check('redisClientPort: "timeoutMs"', timeoutMs, MILLISECONDS);
  return {
    async command(...words) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("Redis did not answer in time.")), timeoutMs);
      });
      try {
        return (await Promise.race([client.sendCommand(words), late])) as RedisReply;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
