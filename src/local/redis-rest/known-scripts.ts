import { CHANGE_SCRIPT, KEY_LOCKING_HEADER, RELEASE_SCRIPT } from "../../core/redis-scripts.ts";
import { RedisCommandError, type Reply } from "./engine.ts";

/** Runs a command of Redis. */
type Call = (...command: readonly string[]) => Reply;

type Script = (call: Call, keys: readonly string[], args: readonly string[]) => Reply;

/** What each script of the product does, by its text: there is no Lua in memory. */
const SCRIPTS: ReadonlyMap<string, Script> = new Map([
  [CHANGE_SCRIPT, change],
  [RELEASE_SCRIPT, release],
]);

/** `EVAL` of a known script, refused as Redis 7 refuses it. */
export function evaluate(call: Call, [text = "", count = "", ...rest]: readonly string[]): Reply {
  if (!/^-?\d+$/.test(count)) throw new RedisCommandError("ERR value is not an integer or out of range");
  const keyCount = Number(count);
  if (keyCount < 0) throw new RedisCommandError("ERR Number of keys can't be negative");
  if (keyCount > rest.length)
    throw new RedisCommandError("ERR Number of keys can't be greater than number of args");
  if (text.startsWith(KEY_LOCKING_HEADER))
    throw new RedisCommandError("ERR Unexpected flag in script shebang: allow-key-locking");
  const script = SCRIPTS.get(text);
  if (!script) throw new RedisCommandError("ERR Error compiling script: only those of the product are known");
  return script(call, rest.slice(0, keyCount), rest.slice(keyCount));
}

function change(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const present = (call("MGET", ...keys) as readonly (string | null)[]).map((one) => one ?? "");
  if (args[0] !== "any" && `is:${present[0]}` !== args[0]) return -1;
  return keys.slice(1).map((key, index) => {
    const [expected, text = "", expiry, second = ""] = args.slice(index * 4 + 1, index * 4 + 5);
    const held = present[index + 1];
    if (held !== expected) return held === text ? 1 : 0;
    if (text === "") call("DEL", key);
    else if (expiry === "none") call("SET", key, text);
    else if (expiry === "at") call("SET", key, text, "EXAT", second);
    else {
      call("SET", key, text, "KEEPTTL");
      if (expiry === "cap" && call("TTL", key) === -1) call("EXPIRE", key, second);
    }
    return 1;
  });
}

function release(call: Call, [key = ""]: readonly string[], [token]: readonly string[]): Reply {
  return call("GET", key) === token ? call("DEL", key) : 0;
}
