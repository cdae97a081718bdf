import type { Redis } from "@upstash/redis";

import {
  openRecord,
  recordExpiresAtSeconds,
  recordKey,
  sealRecord,
  type FoundRecord,
  type KeyRecord,
} from "../core/key-record.ts";
import { unseal } from "../core/sealed-json.ts";
import { reach, type RedisKeyStoreOptions } from "./redis-key-store.ts";

/** Many records at a time: one request a call, whatever the number of records. */
export interface RedisKeyBatches {
  /** What is found under each of these ids, in their order. */
  readMany(keyIds: readonly string[]): Promise<readonly FoundRecord[]>;
  /** By which pepper each of these records is sealed, in their order; `undefined` where there is none that is ours. */
  sealVersions(keyIds: readonly string[]): Promise<readonly (number | undefined)[]>;
  /** Seals a record anew with the current pepper, its lifetime as it is; one that is gone meanwhile stays gone. */
  reseal(record: KeyRecord): Promise<void>;
  /**
   * Writes records where there is none, and leaves what others have written meanwhile. In a pipeline, which is not
   * atomic: after a failure some of them may be there, and the same call again adds the rest.
   */
  addMissing(records: readonly KeyRecord[]): Promise<void>;
  /** Forgets records, whatever they say. */
  removeMany(keyIds: readonly string[]): Promise<void>;
  /** The ids of all records, a page at a time. One that comes or goes meanwhile may be missing, any may come twice. */
  ids(): AsyncIterable<readonly string[]>;
}

const IDS_A_PAGE = 500;

/** The batches over an Upstash database. Every failure to reach it is `store_unavailable`. */
export function redisKeyBatches(
  redis: Redis,
  { peppers, retentionSeconds }: RedisKeyStoreOptions,
): RedisKeyBatches {
  return {
    async readMany(keyIds) {
      if (keyIds.length === 0) return [];
      const texts = await reach(redis.mget<(string | null)[]>(keyIds.map(recordKey)));
      return keyIds.map((keyId, at) => openRecord(texts[at] ?? null, keyId, peppers));
    },
    async sealVersions(keyIds) {
      if (keyIds.length === 0) return [];
      const texts = await reach(redis.mget<(string | null)[]>(keyIds.map(recordKey)));
      return keyIds.map((_, at) => {
        const opened = unseal(texts[at] ?? "", peppers);
        return opened.kind === "trusted" ? opened.pepperVersion : undefined;
      });
    },
    async reseal(record) {
      const sealed = sealRecord(record, peppers);
      await reach(redis.set(recordKey(record.id), sealed, { xx: true, keepTtl: true }));
    },
    async addMissing(records) {
      if (records.length === 0) return;
      const pipeline = redis.pipeline();
      for (const record of records) {
        const exat = recordExpiresAtSeconds(record, retentionSeconds);
        const expiry = exat === undefined ? {} : { exat };
        pipeline.set(recordKey(record.id), sealRecord(record, peppers), { nx: true, ...expiry });
      }
      await reach(pipeline.exec());
    },
    async removeMany(keyIds) {
      if (keyIds.length > 0) await reach(redis.del(...keyIds.map(recordKey)));
    },
    async *ids() {
      const prefix = recordKey("");
      let cursor = "0";
      do {
        const [next, names] = await reach(redis.scan(cursor, { match: recordKey("*"), count: IDS_A_PAGE }));
        // The engine decides how large a page is: a caller's batches stay of one size.
        for (let at = 0; at < names.length; at += IDS_A_PAGE) {
          yield names.slice(at, at + IDS_A_PAGE).map((name) => name.slice(prefix.length));
        }
        cursor = next;
      } while (cursor !== "0");
    },
  };
}
