import { DEFAULT_NAME, entriesFieldOf } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import { readEntries } from "../core/key-entry.ts";
import { audited } from "./audit.ts";
import { remarkStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { outwaitRateLimit, outwaitStore } from "./patience.ts";
import { underLock } from "./under-lock.ts";
import { requireEntries } from "./write-entries.ts";

/** What was taken over of the form before deployments had names. */
export interface TakenOver {
  readonly users: number;
  readonly entries: number;
  /** Entries in the field of before whose records are not in this store: another deployment's, and left. */
  readonly left: number;
}

const OLD_FIELD = entriesFieldOf({ name: DEFAULT_NAME });

/**
 * Takes over a store that was marked before deployments had names: moves the entries whose records this store has sealed
 * into the deployment's own field, each user's in one write under that user's lock, then marks the store by name. Broken
 * off at any point, the same call goes on; while it lasts, the Actions read both fields. Does nothing for a store that is
 * marked by name. Where no other deployment is on the tenant (`isAlone`), entries whose records were lost are its own, too.
 * Throws `store_foreign`, `export_failed`, or what the stores answered.
 */
export async function takeOver(keys: Keys, isAlone: boolean): Promise<TakenOver> {
  if ((await keys.records.readMarker()) !== "unnamed") return { users: 0, entries: 0, left: 0 };
  const left = new Set<string>();
  const first = await moveAll(keys, isAlone, left);
  await remarkStore(keys);
  // What the previous release made meanwhile: from now on it takes the store for another's, and makes nothing.
  const late = await moveAll(keys, isAlone, left);
  return { users: first.users + late.users, entries: first.entries + late.entries, left: left.size };
}

/** Moves what of the old field is to be moved; what is not is added to `left`, and not looked at again. */
async function moveAll(
  keys: Keys,
  isAlone: boolean,
  left: Set<string>,
): Promise<Pick<TakenOver, "users" | "entries">> {
  const done = { users: 0, entries: 0 };
  if (entriesFieldOf(keys.deployment) === OLD_FIELD) return done;
  const found: string[] = [];
  for await (const { userId, appMetadata } of keys.exportUsers()) {
    const { known, newer } = readEntries(appMetadata[OLD_FIELD]);
    if ([...known, ...newer].some(({ id }) => !left.has(id))) found.push(userId);
  }
  for (const userId of found) {
    const { moved, rest } = await outwaitRateLimit(keys, async () =>
      outwaitStore(keys, async () => moveOf(keys, userId, isAlone)),
    );
    if (moved.length > 0) done.users++;
    done.entries += moved.length;
    for (const id of rest) left.add(id);
  }
  return done;
}

/**
 * Throws `rollback_refused` where an entry has moved, or may be made: Actions of before deployments had names find no entry
 * in the deployment's own field, and take a store that is marked by name for another's.
 */
export async function refuseMoved(keys: Keys): Promise<void> {
  const field = entriesFieldOf(keys.deployment);
  if (field === OLD_FIELD) return;
  let isMoved = (await keys.records.readMarker()) !== "unnamed";
  if (!isMoved) for await (const user of keys.exportUsers()) isMoved ||= user.entries.length > 0;
  if (!isMoved) return;
  throw new ApiKeysError(
    "rollback_refused",
    `The Actions before are of a version that gave deployments no names: they do not know app_metadata.${field}, and would refuse every key.`,
    "Nothing was changed. Mend what is wrong, then: npm run deploy -- apply",
  );
}

async function moveOf(
  keys: Keys,
  userId: string,
  isAlone: boolean,
): Promise<{ readonly moved: readonly string[]; readonly rest: readonly string[] }> {
  return audited(
    keys,
    { operation: "take_over", userId },
    async () => {
      const ids = new Set<string>();
      const rest = await underLock(keys, userId, async (lease) => {
        const profile = await keys.users.read(userId);
        const list = profile.appMetadata[OLD_FIELD];
        const old: readonly unknown[] = Array.isArray(list) ? list : [];
        const { known, newer } = readEntries(old);
        const candidates = [...known, ...newer];
        const records = await keys.records.readMany(candidates.map(({ id }) => id));
        const moved = candidates.filter((_, at) => {
          const record = records[at];
          if (record?.kind === "trusted") return record.record.sub === userId;
          if (record?.kind === "newer") return record.json?.sub === userId;
          return isAlone && record?.kind === "missing";
        });
        const others = candidates.filter((one) => !moved.includes(one)).map(({ id }) => id);
        if (moved.length === 0) return others;
        for (const { id } of moved) ids.add(id);
        const there = new Set([...profile.keys, ...profile.newer].map(({ id }) => id));
        const entries = [...profile.entries, ...moved.filter(({ id }) => !there.has(id))];
        const kept = old.filter((one) => !moved.includes(one as (typeof moved)[number]));
        await keys.records.noteGiven({ sub: userId, ids: [...ids], at: keys.nowSeconds() });
        await requireEntries(keys, lease, userId, entries, { [OLD_FIELD]: kept });
        return others;
      });
      return { moved: [...ids], rest };
    },
    ({ moved }) => ({ changes: moved }),
  );
}
