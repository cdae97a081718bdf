import { timingSafeEqual, createHash } from "node:crypto";

import { Hono, type Context } from "hono";

import { limitBody } from "../limit-body.ts";
import { RedisCommandError, type RedisEngine, type Reply } from "./engine.ts";

/** The two tokens that Upstash gives for a database. */
export interface RedisRestTokens {
  readonly token: string;
  readonly readOnlyToken: string;
}

const MAX_BODY_BYTES = 10 * 1024 * 1024;
// UPSTASH documentation: what the read-only token may do. No SCAN and no KEYS.
const READ_COMMANDS = new Set([
  "GET",
  "MGET",
  "EXISTS",
  "TTL",
  "PTTL",
  "DBSIZE",
  "PING",
  "ECHO",
  "HGETALL",
  "HGET",
]);
const NOT_OVER_REST =
  /^(BLPOP|BRPOP|BLMOVE|BZPOPMIN|BZPOPMAX|SUBSCRIBE|MONITOR|WATCH|DISCARD|AUTH|HELLO|SELECT|QUIT)$/;

type Answer = { readonly result: unknown } | { readonly error: string };

/** Upstash's REST protocol over a Redis engine, as a web application. */
export function redisRestApp(engine: RedisEngine, tokens: RedisRestTokens): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    if (c.req.method !== "GET" && c.req.method !== "POST")
      return c.json({ error: "ERR method not allowed" }, 405);
    return rightsOf(c, tokens) ? next() : c.json({ error: "WRONGPASS invalid or missing auth token" }, 401);
  });
  app.use(limitBody(MAX_BODY_BYTES, (c) => c.json({ error: "ERR max request size exceeded" }, 413)));

  const run = async (c: Context, command: unknown): Promise<Answer> => {
    try {
      return { result: encode(c, await engine.execute(permit(command, rightsOf(c, tokens)))) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  };
  const answer = (c: Context, one: Answer) => c.json(one, "error" in one ? 400 : 200);

  app.post("/", async (c) => answer(c, await run(c, await jsonOf(c))));
  app.post("/pipeline", async (c) => {
    const commands = await jsonOf(c);
    if (!Array.isArray(commands)) return c.json({ error: "ERR failed to parse pipeline request" }, 400);
    // In order, and not atomic: what comes after a failing command still runs.
    const answers: Answer[] = [];
    for (const command of commands) answers.push(await run(c, command));
    return c.json(answers);
  });
  app.post("/multi-exec", async (c) => {
    const commands = await jsonOf(c);
    if (!Array.isArray(commands)) return c.json({ error: "ERR failed to parse pipeline request" }, 400);
    try {
      const permitted = commands.map((command) => permit(command, rightsOf(c, tokens)));
      const replies = await engine.transaction(permitted);
      return c.json(
        replies.map((reply) =>
          reply instanceof RedisCommandError ? { error: reply.message } : { result: encode(c, reply) },
        ),
      );
    } catch (error) {
      return c.json({ error: messageOf(error) }, 400);
    }
  });
  app.all("/*", async (c) => {
    const command = new URL(c.req.url).pathname.slice(1).split("/").map(decodeURIComponent);
    return answer(c, await run(c, command));
  });
  return app;
}

function rightsOf(c: Context, tokens: RedisRestTokens): "all" | "read" | undefined {
  const presented = (c.req.header("authorization") ?? "").replace(/^Bearer /i, "");
  if (isSame(presented, tokens.token)) return "all";
  return isSame(presented, tokens.readOnlyToken) ? "read" : undefined;
}

function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

function permit(command: unknown, rights: "all" | "read" | undefined): readonly string[] {
  if (!Array.isArray(command) || command.length === 0) throw new RedisCommandError("ERR empty command");
  const words = command.map((word) => (typeof word === "string" ? word : JSON.stringify(word)));
  const name = (words[0] ?? "").toUpperCase();
  if (NOT_OVER_REST.test(name))
    throw new RedisCommandError(`ERR command is not available over REST: ${name}`);
  if (rights !== "all" && !READ_COMMANDS.has(name)) {
    throw new RedisCommandError(
      `NOPERM this user has no permissions to run the '${name.toLowerCase()}' command`,
    );
  }
  return words;
}

/** `Upstash-Encoding: base64`: every string but a top-level "OK". */
function encode(c: Context, reply: Reply): Reply {
  if (c.req.header("upstash-encoding") !== "base64" || reply === "OK") return reply;
  const deep = (one: Reply): Reply => {
    if (typeof one === "string") return Buffer.from(one).toString("base64");
    return Array.isArray(one) ? one.map(deep) : one;
  };
  return deep(reply);
}

async function jsonOf(c: Context): Promise<unknown> {
  try {
    return await c.req.json();
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof RedisCommandError
    ? error.message
    : "ERR the database behind this endpoint is unreachable";
}
