/** A reply of Redis, as JSON can carry it. */
export type Reply = string | number | null | readonly Reply[];

/** A command that Redis refused: unknown, wrong arguments, wrong type. */
export class RedisCommandError extends Error {
  override readonly name = "RedisCommandError";
}

/** What stands behind the REST endpoint: a real `redis-server`, or a small engine in memory. */
export interface RedisEngine {
  /** What it is, for people: `redis-server 7.0.15`, `in memory`. */
  readonly name: string;
  /** Runs one command. Rejects with {@link RedisCommandError} where Redis answers with an error. */
  execute(command: readonly string[]): Promise<Reply>;
  /** Runs commands as MULTI/EXEC: all or, if one of them is malformed, none; nothing comes in between. */
  transaction(commands: readonly (readonly string[])[]): Promise<readonly (Reply | RedisCommandError)[]>;
  close(): Promise<void>;
}
