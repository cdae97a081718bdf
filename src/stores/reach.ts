import { ApiKeysError } from "../core/errors.ts";
import { areTexts } from "./key-record-reader.ts";

/** Awaits an answer of Redis. The client's own error is dropped: it quotes the command and its arguments. */
export async function reach<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw unavailable(error instanceof Error ? error.name : "unknown");
  }
}

/** Awaits an answer that has a form, in place of which a proxy may make up another: that one says nothing. */
export async function reachAs<T>(
  answer: Promise<unknown>,
  isExpected: (value: unknown) => value is T,
): Promise<T> {
  const value = await reach(answer);
  if (isExpected(value)) return value;
  throw unavailable("unexpected answer");
}

/** Awaits a `SET` without a condition: only `OK` is done. */
export async function reachOk(answer: Promise<unknown>): Promise<void> {
  await reachAs(answer, (value) => value === "OK");
}

/** Awaits the text of a `GET`; `null` for none. */
export async function reachText(answer: Promise<unknown>): Promise<string | null> {
  return reachAs(answer, (value) => value === null || typeof value === "string");
}

/** Awaits the texts of an `MGET` of so many. */
export async function reachTexts(
  answer: Promise<unknown>,
  count: number,
): Promise<readonly (string | null)[]> {
  return reachAs(answer, (value) => areTexts(value, count));
}

/** Awaits what a command counts. */
export async function reachCount(answer: Promise<unknown>): Promise<number> {
  return reachAs(answer, (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0);
}

/** The error for what Redis did not answer, or not as it does. */
export function unavailable(kind: string): ApiKeysError {
  return new ApiKeysError(
    "store_unavailable",
    `Redis did not carry out a command (${kind}).`,
    "Check UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN and that the database is up, then run the same command again.",
  );
}
