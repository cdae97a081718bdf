import type { Redis } from "@upstash/redis";

import type { Deployment } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import {
  openRecord,
  recordExpiresAtSeconds,
  recordKey,
  sealRecord,
  type KeyRecord,
} from "../core/key-record.ts";
import { useKey } from "../core/key-use.ts";
import { currentOnly, type Peppers } from "../core/peppers.ts";
import {
  claimOfMarker,
  readStoreMarker,
  sealStoreMarker,
  STORE_MARKER_KEY,
  type StoreMarker,
} from "../core/store-marker.ts";

/** The write side of the index: key records and the store's marker in Redis. */
export interface RedisKeyStore {
  /** Whose store it is; `older_pepper` if it is ours, and not by the current pepper that its marker was sealed. */
  readMarker(): Promise<StoreMarker | "older_pepper">;
  /** Whose store its marker says that it is, which is believed by nobody: for people. */
  readClaim(): Promise<string | undefined>;
  /** Marks the store as this deployment's unless it has a marker; gives the marker that holds afterwards. */
  mark(): Promise<StoreMarker | "older_pepper">;
  /** Seals the marker anew with the current pepper. Only for a store that is known to be ours. */
  remark(): Promise<void>;
  /** Takes the marker away: from then on nobody can make a key. */
  unmark(): Promise<void>;
  /** Whether there is any key record. Walks the whole database. */
  hasRecords(): Promise<boolean>;
  /** A key's record; `undefined` where there is none. Throws `record_untrusted` for one that is not ours, or `record_newer`. */
  read(keyId: string): Promise<KeyRecord | undefined>;
  /** Writes a record or tombstone, to be forgotten by Redis the retention after the key's end. */
  write(record: KeyRecord): Promise<void>;
  /** Forgets a record and when the key was used: for a key that was never shown to anybody, or is long dead. */
  remove(keyId: string): Promise<void>;
}

/** What the store needs to know of the deployment. */
export interface RedisKeyStoreOptions {
  readonly peppers: Peppers;
  readonly deployment: Deployment;
  readonly retentionSeconds: number;
}

/** The index over an Upstash database. Every failure to reach it is `store_unavailable`. */
export function redisKeyStore(redis: Redis, options: RedisKeyStoreOptions): RedisKeyStore {
  const { peppers, deployment, retentionSeconds } = options;
  const readMarker = async () => {
    const sealed = await reach(redis.get<string>(STORE_MARKER_KEY));
    const marker = readStoreMarker(sealed, deployment, peppers);
    const isCurrent = readStoreMarker(sealed, deployment, currentOnly(peppers)) === "ours";
    return marker === "ours" && !isCurrent ? "older_pepper" : marker;
  };
  return {
    readMarker,
    readClaim: async () => claimOfMarker(await reach(redis.get<string>(STORE_MARKER_KEY))),
    async mark() {
      await reach(redis.set(STORE_MARKER_KEY, sealStoreMarker(deployment, peppers), { nx: true }));
      return readMarker();
    },
    async remark() {
      await reach(redis.set(STORE_MARKER_KEY, sealStoreMarker(deployment, peppers)));
    },
    async unmark() {
      await reach(redis.del(STORE_MARKER_KEY));
    },
    async hasRecords() {
      let cursor = "0";
      do {
        const [next, keys] = await reach(redis.scan(cursor, { match: recordKey("*"), count: 1000 }));
        if (keys.length > 0) return true;
        cursor = next;
      } while (cursor !== "0");
      return false;
    },
    async read(keyId) {
      const found = openRecord(await reach(redis.get<string>(recordKey(keyId))), keyId, peppers);
      switch (found.kind) {
        case "missing":
          return undefined;
        case "trusted":
          return found.record;
        case "newer":
          throw new ApiKeysError(
            "record_newer",
            `The record of key ${keyId} was written by a newer version of this tool.`,
            "Nothing was changed. Use that version.",
          );
        case "untrusted":
          throw new ApiKeysError(
            "record_untrusted",
            `The record of key ${keyId} in Redis was altered, or sealed with a pepper that is not held here.`,
            "Check API_KEY_PEPPER, and who can write to this Redis database.",
          );
      }
    },
    async write(record) {
      const exat = recordExpiresAtSeconds(record, retentionSeconds);
      await reach(
        redis.set(recordKey(record.id), sealRecord(record, peppers), exat === undefined ? {} : { exat }),
      );
    },
    async remove(keyId) {
      await reach(redis.del(recordKey(keyId), useKey(keyId)));
    },
  };
}

/** Awaits an answer of Redis. The client's own error is dropped: it quotes the command and its arguments. */
export async function reach<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const kind = error instanceof Error ? error.name : "unknown";
    throw new ApiKeysError(
      "store_unavailable",
      `Redis did not carry out a command (${kind}).`,
      "Check UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN and that the database is up, then run the same command again.",
    );
  }
}
