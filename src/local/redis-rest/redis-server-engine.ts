import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, ErrorReply } from "@redis/client";

import { RedisCommandError, type RedisEngine, type Reply } from "./engine.ts";

const READY_WITHIN_MS = 5_000;

/** Starts a `redis-server` of our own on a unix socket: no port, nothing on disk. Rejects if it is not on PATH. */
export async function spawnRedisServer(): Promise<RedisEngine> {
  const folder = await mkdtemp(join(tmpdir(), "local-tenant-redis-"));
  const socket = join(folder, "redis.sock");
  const child = spawn(
    "redis-server",
    ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder],
    { stdio: ["ignore", "pipe", "ignore"], detached: false },
  );
  // Should this process end in a way that leaves no time to wait, the child goes with it.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const close = async () => {
    process.off("exit", kill);
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(child);
    return await connect({ path: socket, tls: false }, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Uses a Redis server that runs already, at `redis://…`. */
export async function connectRedis(url: string): Promise<RedisEngine> {
  return connect(url, async () => undefined);
}

async function connect(
  target: string | { readonly path: string; readonly tls: false },
  onClose: () => Promise<void>,
): Promise<RedisEngine> {
  // RESP 2, as Upstash answers: a hash is a list of names and values, and no map.
  const client = createClient({
    RESP: 2,
    ...(typeof target === "string" ? { url: target } : { socket: target }),
  });
  // Errors reach whoever waits for an answer; without a listener they would end the process as well.
  client.on("error", () => undefined);
  await client.connect();
  const send = async (command: readonly string[]): Promise<Reply> => {
    try {
      return await client.sendCommand<Reply>([...command]);
    } catch (error) {
      throw error instanceof ErrorReply ? new RedisCommandError(error.message) : error;
    }
  };
  const info = String(await send(["INFO", "server"]));
  return {
    name: `redis-server ${/redis_version:(\S+)/.exec(info)?.[1] ?? ""}`,
    execute: send,
    async transaction(commands) {
      // Sent in one go on one connection, so that nothing can come in between.
      const answers = [["MULTI"], ...commands, ["EXEC"]].map(send);
      const [outcome] = (await Promise.allSettled(answers)).slice(-1);
      if (outcome?.status !== "fulfilled") throw outcome?.reason;
      const replies = outcome.value as readonly (Reply | ErrorReply)[];
      return replies.map((reply) =>
        reply instanceof ErrorReply ? new RedisCommandError(reply.message) : reply,
      );
    },
    async close() {
      client.destroy();
      await onClose();
    },
  };
}

async function ready(child: ChildProcess): Promise<void> {
  const signal = AbortSignal.timeout(READY_WITHIN_MS);
  const failed = once(child, "error", { signal }).then(([error]) => Promise.reject(error as Error));
  const exited = once(child, "exit", { signal }).then(() =>
    Promise.reject(new Error("redis-server ended at once")),
  );
  const started = (async () => {
    for await (const chunk of child.stdout ?? []) if (/ready to accept/i.test(String(chunk))) return;
  })();
  failed.catch(() => undefined);
  exited.catch(() => undefined);
  await Promise.race([started, failed, exited]);
  child.stdout?.resume();
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
