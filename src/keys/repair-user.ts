import { isDeepStrictEqual } from "node:util";

import { entryOfRecord, isSame, withEndOf } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { recordOf } from "../core/key-record.ts";
import type { HeldRecord } from "../stores/redis-key-batches.ts";
import type { UserProfile } from "../stores/user-key-store.ts";
import { LockLost, type Lease } from "../stores/user-lock.ts";
import { idsOfUser } from "./ids-of-user.ts";
import type { Keys } from "./keys.ts";
import { requireEntries, saidBy } from "./write-entries.ts";

/** How far the clocks of two machines may be apart. */
const CLOCK_SKEW_SECONDS = 60;
const TRIES = 4;

/**
 * Puts right what a writer may have undone that wrote a profile after its lock had ended. Ends always win. If our own
 * clocks say that we were paused, the profile gets back what others wrote meanwhile: a key whose record has changed since
 * we held the lock, a key that was made, or given to this user, in that time; and a key that was dropped goes again.
 * Nothing else is taken from a record: it may be an older one that somebody put back. Throws what a store answered.
 */
export async function repairUser(keys: Keys, userId: string, lost: LockLost): Promise<void> {
  const sinceSeconds = lost.takenAtSeconds - CLOCK_SKEW_SECONDS;
  const made = lost.wasPaused
    ? await idsOfUser(keys, userId, ({ iat, revoked_at }) => revoked_at === undefined && iat >= sinceSeconds)
    : [];
  const given = lost.wasPaused ? await keys.records.readGiven(userId) : undefined;
  const isRecent = given !== undefined && given.at >= sinceSeconds;
  const trace = lost.wasPaused ? (await keys.records.unmarkTrace()).text : "";
  const repair = {
    added: isRecent ? [...made, ...given.ids] : made,
    hasChanged: (held: HeldRecord) =>
      lost.wasPaused && lost.records.has(held.keyId) && lost.records.get(held.keyId) !== saidBy(held),
    wasDropped: trace !== "" && Number.parseInt(trace, 10) >= sinceSeconds,
  };
  for (let tries = 1; ; tries++) {
    try {
      return await keys.lock(userId, async (lease) => repairUnderLock(keys, lease, userId, repair));
    } catch (error) {
      if (!(error instanceof LockLost) || tries === TRIES) throw error;
    }
  }
}

interface Repair {
  /** Ids of keys that came to this user meanwhile. */
  readonly added: readonly string[];
  readonly hasChanged: (held: HeldRecord) => boolean;
  /** Whether all keys were dropped meanwhile. */
  readonly wasDropped: boolean;
}

async function repairUnderLock(keys: Keys, lease: Lease, userId: string, repair: Repair): Promise<void> {
  const profile = await readIfThere(keys, userId);
  if (!profile) return;
  const own = [...profile.keys, ...profile.newer];
  const ids = [...new Set([...own.map(({ id }) => id), ...repair.added])];
  const held = new Map((await keys.records.readMany(ids)).map((one) => [one.keyId, one]));
  const entries = profile.entries.flatMap((one) => {
    const entry = own.find((other) => other === one);
    if (!entry) return [one];
    const repaired = repairedEntry(userId, entry, held.get(entry.id), repair);
    return repaired ? [repaired] : [];
  });
  const added = repair.added.flatMap((id) => {
    const found = held.get(id);
    const isHere = own.some((entry) => entry.id === id);
    const isOurs = !isHere && found?.kind === "trusted" && found.record.sub === userId;
    return isOurs && found.record.revoked_at === undefined ? [entryOfRecord(found.record)] : [];
  });
  const list = [...entries, ...added];
  if (!isDeepStrictEqual(list, profile.entries)) await requireEntries(keys, lease, userId, list);
}

/** The entry as it must be; `undefined` for one that must go. */
function repairedEntry(
  sub: string,
  entry: KeyEntry,
  held: HeldRecord | undefined,
  { hasChanged, wasDropped }: Repair,
): KeyEntry | undefined {
  if (held?.kind === "missing" && wasDropped) return undefined;
  if (held?.kind !== "trusted" || held.record.sub !== sub || entry.revoked_at !== undefined) return entry;
  if (!hasChanged(held) || isSame(recordOf(sub, entry), held.record)) return withEndOf(entry, held.record);
  return { ...entryOfRecord(held.record), name: entry.name };
}

/** A user's profile; `undefined` for a user that is gone. */
export async function readIfThere(keys: Keys, userId: string): Promise<UserProfile | undefined> {
  try {
    return await keys.users.read(userId);
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "user_not_found") return undefined;
    throw error;
  }
}
