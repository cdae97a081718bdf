import { RedisCommandError, type RedisEngine, type Reply } from "./engine.ts";
import { evaluate } from "./known-scripts.ts";

interface Item {
  readonly value: string | ReadonlyMap<string, string>;
  readonly expiresAtMs: number | undefined;
}

type Command = (args: readonly string[]) => Reply;

/**
 * The commands that the product uses, in memory, for machines without `redis-server`. Anything else is an unknown
 * command. One contract suite holds it against the real one.
 */
export function memoryEngine(nowMs: () => number): RedisEngine {
  const items = new Map<string, Item>();
  // What is set is answered; nothing is ever evicted.
  const settings = new Map([["maxmemory-policy", "noeviction"]]);

  function config([verb = "", name = "", value = ""]: readonly string[]): Reply {
    if (verb.toUpperCase() === "SET") {
      settings.set(name, value);
      return "OK";
    }
    const known = settings.get(name);
    return known === undefined ? [] : [name, known];
  }

  function find(key: string): Item | undefined {
    const item = items.get(key);
    if (item?.expiresAtMs === undefined || item.expiresAtMs > nowMs()) return item;
    items.delete(key);
    return undefined;
  }

  function findText(key: string): string | null {
    const value = find(key)?.value ?? null;
    if (value === null || typeof value === "string") return value;
    throw wrongType();
  }

  function findHash(key: string): ReadonlyMap<string, string> {
    const value = find(key)?.value ?? new Map<string, string>();
    if (typeof value !== "string") return value;
    throw wrongType();
  }

  function putFields(key: string, fields: readonly (readonly [string, string])[]): void {
    const value = new Map([...findHash(key), ...fields]);
    items.set(key, { value, expiresAtMs: find(key)?.expiresAtMs });
  }

  function hset([key = "", ...rest]: readonly string[]): Reply {
    if (rest.length % 2 === 1) throw wrongNumber("hset");
    const fields = rest.flatMap((name, at) => (at % 2 === 0 ? [[name, rest[at + 1] ?? ""] as const] : []));
    const before = findHash(key).size;
    putFields(key, fields);
    return findHash(key).size - before;
  }

  function hincrby([key = "", field = "", by = ""]: readonly string[]): Reply {
    const [before, change] = [findHash(key).get(field) ?? "0", by].map(wholeNumber) as [number, number];
    putFields(key, [[field, String(before + change)]]);
    return before + change;
  }

  function expire([key = "", seconds = ""]: readonly string[]): Reply {
    const amount = wholeNumber(seconds);
    const item = find(key);
    if (item) items.set(key, { ...item, expiresAtMs: nowMs() + amount * 1000 });
    return item ? 1 : 0;
  }

  function set([key = "", value = "", ...options]: readonly string[]): Reply {
    let condition: string | undefined;
    let expiresAtMs: number | undefined;
    for (let at = 0; at < options.length; at++) {
      const option = (options[at] ?? "").toUpperCase();
      if (option === "NX" || option === "XX") condition = option;
      else if (option === "KEEPTTL") expiresAtMs = find(key)?.expiresAtMs;
      else expiresAtMs = expiryMs(option, options[++at]);
    }
    const exists = find(key) !== undefined;
    if ((condition === "NX" && exists) || (condition === "XX" && !exists)) return null;
    items.set(key, { value, expiresAtMs });
    return "OK";
  }

  function expiryMs(option: string, argument: string | undefined): number {
    const amount = Number(argument);
    if (!["EX", "PX", "EXAT", "PXAT"].includes(option) || argument === undefined) {
      throw new RedisCommandError("ERR syntax error");
    }
    wholeNumber(argument);
    if (amount <= 0) throw new RedisCommandError("ERR invalid expire time in 'set' command");
    const ms = option.startsWith("EX") ? amount * 1000 : amount;
    return option.endsWith("AT") ? ms : nowMs() + ms;
  }

  function scan([, ...options]: readonly string[]): Reply {
    const match = options.findIndex((option) => option.toUpperCase() === "MATCH");
    const pattern = match === -1 ? undefined : globToRegExp(options[match + 1] ?? "");
    const keys = [...items.keys()].filter((key) => find(key) && (pattern?.test(key) ?? true));
    return ["0", keys];
  }

  function remainingMs(key: string): number {
    const item = find(key);
    if (!item) return -2;
    return item.expiresAtMs === undefined ? -1 : item.expiresAtMs - nowMs();
  }

  function flush(): Reply {
    items.clear();
    return "OK";
  }

  const commands: Record<
    string,
    { readonly run: Command; readonly minArgs: number; readonly maxArgs: number }
  > = {
    CONFIG: { minArgs: 2, maxArgs: 3, run: config },
    DBSIZE: { minArgs: 0, maxArgs: 0, run: () => [...items.keys()].filter(find).length },
    DEL: {
      minArgs: 1,
      maxArgs: Infinity,
      run: (keys) => keys.filter((key) => find(key) && items.delete(key)).length,
    },
    ECHO: { minArgs: 1, maxArgs: 1, run: ([text = ""]) => text },
    EVAL: {
      minArgs: 2,
      maxArgs: Infinity,
      run: (args) => evaluate((...command) => lookUp(command)(), args),
    },
    EXPIRE: { minArgs: 2, maxArgs: 2, run: expire },
    EXISTS: { minArgs: 1, maxArgs: Infinity, run: (keys) => keys.filter(find).length },
    FLUSHALL: { minArgs: 0, maxArgs: 1, run: flush },
    FLUSHDB: { minArgs: 0, maxArgs: 1, run: flush },
    GET: { minArgs: 1, maxArgs: 1, run: ([key = ""]) => findText(key) },
    HGETALL: { minArgs: 1, maxArgs: 1, run: ([key = ""]) => [...findHash(key)].flat() },
    HINCRBY: { minArgs: 3, maxArgs: 3, run: hincrby },
    HSET: { minArgs: 3, maxArgs: Infinity, run: hset },
    MGET: {
      minArgs: 1,
      maxArgs: Infinity,
      // Redis answers null for what is no string.
      run: (keys) =>
        keys.map((key) => {
          const value = find(key)?.value;
          return typeof value === "string" ? value : null;
        }),
    },
    PING: { minArgs: 0, maxArgs: 1, run: ([text]) => text ?? "PONG" },
    PTTL: { minArgs: 1, maxArgs: 1, run: ([key = ""]) => remainingMs(key) },
    SCAN: { minArgs: 1, maxArgs: Infinity, run: scan },
    SET: { minArgs: 2, maxArgs: Infinity, run: set },
    TTL: {
      minArgs: 1,
      maxArgs: 1,
      run: ([key = ""]) => {
        const ms = remainingMs(key);
        return ms < 0 ? ms : Math.round(ms / 1000);
      },
    },
  };

  function lookUp([name = "", ...args]: readonly string[]): () => Reply {
    const command = commands[name.toUpperCase()];
    if (!command) {
      const quoted = args.slice(0, 20).map((arg) => `'${arg}' `);
      throw new RedisCommandError(
        `ERR unknown command '${name}', with args beginning with: ${quoted.join("")}`,
      );
    }
    if (args.length < command.minArgs || args.length > command.maxArgs) {
      throw wrongNumber(name);
    }
    return () => command.run(args);
  }

  return {
    name: "in memory",
    // Async although nothing waits: a refused command is a rejection, as over a socket.
    execute: async (command) => lookUp(command)(),
    async transaction(batch) {
      let prepared: (() => Reply)[];
      try {
        prepared = batch.map(lookUp);
      } catch {
        throw new RedisCommandError("EXECABORT Transaction discarded because of previous errors.");
      }
      return prepared.map((run) => {
        try {
          return run();
        } catch (error) {
          if (error instanceof RedisCommandError) return error;
          throw error;
        }
      });
    },
    close: async () => items.clear(),
  };
}

function wrongType(): RedisCommandError {
  return new RedisCommandError("WRONGTYPE Operation against a key holding the wrong kind of value");
}

function wrongNumber(command: string): RedisCommandError {
  return new RedisCommandError(`ERR wrong number of arguments for '${command.toLowerCase()}' command`);
}

function wholeNumber(text: string): number {
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new RedisCommandError("ERR value is not an integer or out of range");
}

function globToRegExp(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s");
}
