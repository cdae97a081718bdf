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
import { changeTexts, type Fence } from "./change-texts.ts";
import { reachCount, reachOk, reachText } from "./reach.ts";

/** The write side of the index: key records and the store's marker in Redis. */
export interface RedisKeyStore {
  /** Whose store it is; `older_pepper` if it is ours, and not by the current pepper that its marker was sealed. */
  readMarker(): Promise<StoreMarker | "older_pepper">;
  /** Whose store its marker says that it is, which is believed by nobody: for people. */
  readClaim(): Promise<string | undefined>;
  /** Marks the store as this deployment's unless it has a marker; gives the marker that holds afterwards. */
  mark(fence?: Fence): Promise<StoreMarker | "older_pepper">;
  /**
   * Seals the marker anew with the current pepper, only where it is ours, and still as it was read: one that was taken
   * away meanwhile stays away. Gives whether that is done.
   */
  remark(): Promise<boolean>;
  /** Takes the marker away: from then on nobody can make a key. Leaves a trace of that for a day. */
  unmark(trace: string): Promise<void>;
  /** What the last {@link unmark} left: as a fence, it holds as long as there is no other. */
  unmarkTrace(): Promise<Fence>;
  /** Notes for a day that a user has been given keys that are not new. */
  noteGiven(given: GivenKeys): Promise<void>;
  /** What was noted last. */
  readGiven(sub: string): Promise<GivenKeys | undefined>;
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
  const readSealed = async () => reachText(redis.get(STORE_MARKER_KEY));
  const readMarker = async () => {
    const sealed = await readSealed();
    const marker = readStoreMarker(sealed, deployment, peppers);
    const isCurrent = readStoreMarker(sealed, deployment, currentOnly(peppers)) === "ours";
    return marker === "ours" && !isCurrent ? "older_pepper" : marker;
  };
  return {
    readMarker,
    readClaim: async () => claimOfMarker(await readSealed()),
    async mark(fence) {
      const marker = { key: STORE_MARKER_KEY, expected: "", text: sealStoreMarker(deployment, peppers) };
      await changeTexts(redis, [marker], fence);
      return readMarker();
    },
    async remark() {
      const expected = (await readSealed()) ?? "";
      const marker = readStoreMarker(expected, deployment, peppers);
      if (marker !== "ours" && marker !== "unnamed") return false;
      const text = sealStoreMarker(deployment, peppers);
      const [isDone] = await changeTexts(redis, [{ key: STORE_MARKER_KEY, expected, text }], undefined);
      return isDone === true;
    },
    async unmark(trace) {
      await reachOk(redis.set(TRACE_KEY, trace, { ex: NOTED_SECONDS }));
      await reachCount(redis.del(STORE_MARKER_KEY));
    },
    async unmarkTrace() {
      return { key: TRACE_KEY, text: (await reachText(redis.get(TRACE_KEY))) ?? "" };
    },
    async noteGiven(given) {
      await reachOk(redis.set(givenKey(given.sub), seal(given, peppers), { ex: NOTED_SECONDS }));
    },
    async readGiven(sub) {
      const opened = unseal((await reachText(redis.get(givenKey(sub)))) ?? "", peppers);
      const isOurs = opened.kind === "trusted" && isObject(opened.json) && Array.isArray(opened.json["ids"]);
      const given = isOurs ? (opened.json as unknown as GivenKeys) : undefined;
      return given?.sub === sub ? given : undefined;
    },
    read: async (keyId) =>
      recordIn(openRecord(await reachText(redis.get(recordKey(keyId))), keyId, peppers), keyId),
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
