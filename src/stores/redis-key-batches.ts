import type { Redis } from "@upstash/redis";

import {
  openRecord,
  recordExpiresAtSeconds,
  recordKey,
  sealRecord,
  type FoundRecord,
  type KeyRecord,
} from "../core/key-record.ts";
import { useKey } from "../core/key-use.ts";
import { unseal } from "../core/sealed-json.ts";
import { changeTexts, type Fence, type TextChange } from "./change-texts.ts";
import { reach, reachAs, reachTexts } from "./reach.ts";
import type { RedisKeyStoreOptions } from "./redis-key-store.ts";

type Expiry = TextChange["expiry"] | undefined;

/** What is found under a key id, and the text of it: what a change is held to. */
export type HeldRecord = FoundRecord & { readonly keyId: string; readonly text: string };

/** What a record is to become; without `record` it is deleted. */
export interface RecordChange {
  readonly held: HeldRecord;
  readonly record?: KeyRecord;
  /** `keep` its lifetime, or `cap` it by the retention from now; absent: the retention after the key's end. */
  readonly lifetime?: "keep" | "cap";
}

/** Records of the index, many at a time: one request a call, whatever their number. */
export interface RedisKeyBatches {
  /** What is found under each of these ids, in their order. */
  readMany(keyIds: readonly string[]): Promise<readonly HeldRecord[]>;
  /** By which pepper each of these records is sealed, in their order; `undefined` where there is none that is ours. */
  sealVersions(keyIds: readonly string[]): Promise<readonly (number | undefined)[]>;
  /**
   * Writes or deletes records, each only if it still is what was read, and all only if the fence holds; without one for
   * tombstones alone. Gives for each whether it is what it was to become. Throws `lease_too_short` if the fence is gone.
   */
  change(changes: readonly RecordChange[], fence: Fence | undefined): Promise<readonly boolean[]>;
  /** Forgets when keys were used. */
  forgetUses(keyIds: readonly string[]): Promise<void>;
  /** The ids of all records, a page at a time. One that comes or goes meanwhile may be missing, any may come twice. */
  ids(): AsyncIterable<readonly string[]>;
  /** Whether there is any key record. Walks the whole database. */
  hasRecords(): Promise<boolean>;
}

/** No record yet, as for a key that is about to be made. */
export function noRecord(keyId: string): HeldRecord {
  return { kind: "missing", keyId, text: "" };
}

const IDS_A_PAGE = 500;

/** The batches over an Upstash database. Every failure to reach it is `store_unavailable`. */
export function redisKeyBatches(
  redis: Redis,
  { peppers, retentionSeconds }: RedisKeyStoreOptions,
): RedisKeyBatches {
  async function* ids(): AsyncIterable<readonly string[]> {
    const prefix = recordKey("");
    let cursor = "0";
    do {
      const page = redis.scan(cursor, { match: recordKey("*"), count: IDS_A_PAGE });
      const [next, names] = await reachAs(page, isPage);
      // The engine decides how large a page is: a caller's batches stay of one size.
      for (let at = 0; at < names.length; at += IDS_A_PAGE) {
        yield names.slice(at, at + IDS_A_PAGE).map((name) => name.slice(prefix.length));
      }
      cursor = next;
    } while (cursor !== "0");
  }
  return {
    async readMany(keyIds) {
      if (keyIds.length === 0) return [];
      const texts = await reachTexts(redis.mget(keyIds.map(recordKey)), keyIds.length);
      return keyIds.map((keyId, at) => {
        const text = texts[at] ?? "";
        return { ...openRecord(text === "" ? null : text, keyId, peppers), keyId, text };
      });
    },
    async sealVersions(keyIds) {
      if (keyIds.length === 0) return [];
      const texts = await reachTexts(redis.mget(keyIds.map(recordKey)), keyIds.length);
      return texts.map((text) => {
        const opened = unseal(text ?? "", peppers);
        return opened.kind === "trusted" ? opened.pepperVersion : undefined;
      });
    },
    async change(changes, fence) {
      const expiryOf = (record: KeyRecord | undefined, lifetime: RecordChange["lifetime"]): Expiry => {
        if (lifetime === "keep") return { kind: "keep" };
        if (lifetime === "cap") return { kind: "cap", seconds: retentionSeconds };
        const seconds = record && recordExpiresAtSeconds(record, retentionSeconds);
        return seconds === undefined ? undefined : { kind: "at", seconds };
      };
      const texts = changes.map(({ held, record, lifetime }) => {
        const expiry = expiryOf(record, lifetime);
        return {
          key: recordKey(held.keyId),
          expected: held.text,
          text: record ? sealRecord(record, peppers) : "",
          ...(expiry && { expiry }),
        };
      });
      return changeTexts(redis, texts, fence);
    },
    async forgetUses(keyIds) {
      if (keyIds.length > 0) await reach(redis.del(...keyIds.map(useKey)));
    },
    ids,
    async hasRecords() {
      for await (const page of ids()) if (page.length > 0) return true;
      return false;
    },
  };
}

function isPage(answer: unknown): answer is [string, string[]] {
  const [next, names]: unknown[] = Array.isArray(answer) ? answer : [];
  return /^\d+$/.test(String(next)) && Array.isArray(names) && names.every((one) => typeof one === "string");
}
