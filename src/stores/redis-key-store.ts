import type { Redis } from "@upstash/redis";

import type { Deployment } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { isObject } from "../core/key-entry.ts";
import { openRecord, recordKey, type FoundRecord, type KeyRecord } from "../core/key-record.ts";
import { currentOnly, type Peppers } from "../core/peppers.ts";
import {
  claimOfMarker,
  readStoreMarker,
  sealStoreMarker,
  STORE_MARKER_KEY,
  type StoreMarker,
} from "../core/store-marker.ts";
import { seal, unseal } from "../core/sealed-json.ts";
import { changeTexts, reach, reachOk, type Fence } from "./change-texts.ts";

/** The write side of the index: key records and the store's marker in Redis. */
export interface RedisKeyStore {
  /** Whose store it is; `older_pepper` if it is ours, and not by the current pepper that its marker was sealed. */
  readMarker(): Promise<StoreMarker | "older_pepper">;
  /** Whose store its marker says that it is, which is believed by nobody: for people. */
  readClaim(): Promise<string | undefined>;
  /** Marks the store as this deployment's unless it has a marker; gives the marker that holds afterwards. */
  mark(fence?: Fence): Promise<StoreMarker | "older_pepper">;
  /** Seals the marker anew with the current pepper. Only for a store that is known to be ours. */
  remark(): Promise<void>;
  /** Takes the marker away: from then on nobody can make a key. Leaves a trace of that for a day. */
  unmark(trace: string): Promise<void>;
  /** What the last {@link unmark} left: as a fence, it holds as long as there is no other. */
  unmarkTrace(): Promise<Fence>;
  /** Notes for a day that a user has been given keys that are not new. */
  noteGiven(given: GivenKeys): Promise<void>;
  /** What was noted last. */
  readGiven(sub: string): Promise<GivenKeys | undefined>;
  /** Whether there is any key record. Walks the whole database. */
  hasRecords(): Promise<boolean>;
  /** A key's record; `undefined` where there is none. Throws `record_untrusted` for one that is not ours, or `record_newer`. */
  read(keyId: string): Promise<KeyRecord | undefined>;
}

/** Keys that a user was given at a moment, in seconds since 1970: by a transfer, or as a store was taken over. */
export interface GivenKeys {
  readonly sub: string;
  readonly ids: readonly string[];
  readonly at: number;
}

/** What the store needs to know of the deployment. */
export interface RedisKeyStoreOptions {
  readonly peppers: Peppers;
  readonly deployment: Deployment;
  readonly retentionSeconds: number;
}

const TRACE_KEY = "apikey-unmarked";
const NOTED_SECONDS = 86_400;
const givenKey = (sub: string): string => `apikey-given:${sub}`;

/** The index over an Upstash database. Every failure to reach it is `store_unavailable`. */
export function redisKeyStore(redis: Redis, options: RedisKeyStoreOptions): RedisKeyStore {
  const { peppers, deployment } = options;
  const readMarker = async () => {
    const sealed = await reach(redis.get<string>(STORE_MARKER_KEY));
    const marker = readStoreMarker(sealed, deployment, peppers);
    const isCurrent = readStoreMarker(sealed, deployment, currentOnly(peppers)) === "ours";
    return marker === "ours" && !isCurrent ? "older_pepper" : marker;
  };
  return {
    readMarker,
    readClaim: async () => claimOfMarker(await reach(redis.get<string>(STORE_MARKER_KEY))),
    async mark(fence) {
      const marker = { key: STORE_MARKER_KEY, expected: "", text: sealStoreMarker(deployment, peppers) };
      await changeTexts(redis, [marker], fence);
      return readMarker();
    },
    async remark() {
      await reachOk(redis.set(STORE_MARKER_KEY, sealStoreMarker(deployment, peppers)));
    },
    async unmark(trace) {
      await reachOk(redis.set(TRACE_KEY, trace, { ex: NOTED_SECONDS }));
      await reach(redis.del(STORE_MARKER_KEY));
    },
    async unmarkTrace() {
      return { key: TRACE_KEY, text: (await reach(redis.get<string>(TRACE_KEY))) ?? "" };
    },
    async noteGiven(given) {
      await reachOk(redis.set(givenKey(given.sub), seal(given, peppers), { ex: NOTED_SECONDS }));
    },
    async readGiven(sub) {
      const opened = unseal((await reach(redis.get<string>(givenKey(sub)))) ?? "", peppers);
      const isOurs = opened.kind === "trusted" && isObject(opened.json) && Array.isArray(opened.json["ids"]);
      const given = isOurs ? (opened.json as unknown as GivenKeys) : undefined;
      return given?.sub === sub ? given : undefined;
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
    read: async (keyId) =>
      recordIn(openRecord(await reach(redis.get<string>(recordKey(keyId))), keyId, peppers), keyId),
  };
}

/** The record that was found; `undefined` where there is none. Throws `record_untrusted` or `record_newer`. */
export function recordIn(found: FoundRecord, keyId: string): KeyRecord | undefined {
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
}
