import { ApiKeysError } from "../core/errors.ts";
import { isOverlapping, keyStatus, type KeyEntry } from "../core/key-entry.ts";
import { readableOf } from "../core/key-record.ts";
import { audited } from "./audit.ts";
import { requireOurStore, requireTakenOver } from "./init.ts";
import type { Keys } from "./keys.ts";
import { listAllKeys } from "./list.ts";
import { outwaitStore } from "./patience.ts";
import { someAtOnce } from "./some-at-once.ts";
import { changeRecords, underLock } from "./under-lock.ts";

/** How much depends on one version of the pepper. */
export interface PepperCount {
  readonly version: number;
  /** `missing`: keys were hashed with it, and it is not held here. */
  readonly role: "current" | "older" | "missing";
  /** Keys that work, or can be enabled, and need it: for their secret, or for the one before an overlap's end. */
  readonly livingKeys: number;
  readonly deadKeys: number;
  /** Records and tombstones in Redis that are sealed with it. */
  readonly sealedRecords: number;
}

const PASSES = 3;

/** Counts what depends on each pepper, newest first, from Auth0's users export and from all of Redis. Writes nothing. */
export async function countPeppers(keys: Keys): Promise<readonly PepperCount[]> {
  await requireTakenOver(keys);
  const { current, byVersion } = keys.peppers;
  const counts = new Map<number, { living: number; dead: number; sealed: number }>();
  const of = (version: number) => {
    const count = counts.get(version) ?? { living: 0, dead: 0, sealed: 0 };
    counts.set(version, count);
    return count;
  };
  for (const version of byVersion.keys()) of(version);
  for await (const { entry } of listAllKeys(keys)) {
    const needed = versionsNeededBy(entry, keys.nowSeconds());
    for (const version of needed) of(version).living++;
    if (needed.size === 0) of(entry.v).dead++;
  }
  for await (const { sealed } of pagesOfSeals(keys)) {
    for (const version of sealed.values()) of(version).sealed++;
  }
  return [...counts]
    .toSorted(([one], [other]) => other - one)
    .map(([version, { living, dead, sealed }]) => ({
      version,
      role: version === current.version ? "current" : byVersion.has(version) ? "older" : "missing",
      livingKeys: living,
      deadKeys: dead,
      sealedRecords: sealed,
    }));
}

/**
 * Makes an older pepper one that nothing depends on: refused while a living key needs it, or a record that may be all that
 * is left of one, unless `despiteRecords`. Then every record and tombstone
 * that is sealed with it is sealed with the current one. Only after that may it be taken out of the configuration. Gives
 * how many were sealed anew. Broken off at any point, it is simply run again. Throws `pepper_not_held`, `pepper_in_use`,
 * `pepper_not_deployed`, or what a store answered.
 */
export async function retirePepper(keys: Keys, version: number, despiteRecords = false): Promise<number> {
  return audited(
    keys,
    { operation: "retire_pepper" },
    async () => retire(keys, version, despiteRecords),
    () => ({ changes: [`pepper ${version}`] }),
  );
}

async function retire(keys: Keys, version: number, despiteRecords: boolean): Promise<number> {
  await requireOurStore(keys);
  const { current, byVersion } = keys.peppers;
  if (version === current.version)
    throw inUse(version, "it is the current one", "Add another first: npm run keys -- pepper add");
  if (!byVersion.has(version)) {
    throw new ApiKeysError(
      "pepper_not_held",
      `There is no pepper ${version} in API_KEY_PEPPER.`,
      "See those that are: npm run keys -- pepper status",
    );
  }
  let living = 0;
  for await (const { entry } of listAllKeys(keys)) {
    if (versionsNeededBy(entry, keys.nowSeconds()).has(version)) living++;
  }
  if (living > 0) {
    throw inUse(
      version,
      `${living} living ${living === 1 ? "key needs" : "keys need"} it`,
      `Rotate or revoke them: npm run keys -- list --all-users --pepper ${version}`,
    );
  }
  if (!despiteRecords) await refuseNeededByRecords(keys, version);
  let resealed = 0;
  for (let pass = 0; pass < PASSES; pass++) {
    const left = await reseal(keys, version);
    if (left === 0) return resealed;
    resealed += left;
  }
  throw inUse(
    version,
    "another program goes on sealing with it",
    "Give all programs the same API_KEY_PEPPER.",
  );
}

/** A record without its entry may be all that is left of a key: its entry can be restored as long as its pepper is held. */
async function refuseNeededByRecords(keys: Keys, version: number): Promise<void> {
  let needing = 0;
  for await (const ids of keys.records.ids()) {
    for (const one of await outwaitStore(keys, async () => keys.records.readMany(ids))) {
      const record = readableOf(one);
      if (record && versionsNeededBy(record, keys.nowSeconds()).has(version)) needing++;
    }
  }
  if (needing === 0) return;
  throw inUse(
    version,
    `${needing} living ${needing === 1 ? "record needs" : "records need"} it, which no entry confirms`,
    "Restore their entries, then rotate or revoke them: npm run keys -- reconcile --fix --restore-entries. Or leave them behind: --yes",
  );
}

/** Seals what is sealed with this version anew, each user's records under that user's lock. */
async function reseal(keys: Keys, version: number): Promise<number> {
  let resealed = 0;
  for await (const { sealed } of pagesOfSeals(keys)) {
    const ids = [...sealed].filter(([, by]) => by === version).map(([id]) => id);
    const byUser = new Map<string, string[]>();
    for (const one of await keys.records.readMany(ids)) {
      const record = readableOf(one);
      if (!record) continue;
      const { sub, id } = record;
      byUser.set(sub, [...(byUser.get(sub) ?? []), id]);
    }
    await someAtOnce([...byUser], async ([userId, keyIds]) => {
      await outwaitStore(keys, async () =>
        underLock(keys, userId, async (lease) => {
          // Read again: what another program has written since is not to be undone.
          const changes = (await keys.records.readMany(keyIds)).flatMap((held) => {
            const record = readableOf(held);
            return record?.sub === userId ? [{ held, record, lifetime: "keep" as const }] : [];
          });
          await changeRecords(keys, changes, lease);
        }),
      );
    });
    resealed += ids.length;
  }
  return resealed;
}

async function* pagesOfSeals(keys: Keys): AsyncIterable<{ readonly sealed: ReadonlyMap<string, number> }> {
  for await (const ids of keys.records.ids()) {
    const versions = await outwaitStore(keys, async () => keys.records.sealVersions(ids));
    const sealed = new Map<string, number>();
    for (const [at, id] of ids.entries()) {
      const version = versions[at];
      if (version !== undefined) sealed.set(id, version);
    }
    yield { sealed };
  }
}

/** The peppers without which a living key would be refused; none for a dead key. */
export function versionsNeededBy(entry: Omit<KeyEntry, "name">, nowSeconds: number): ReadonlySet<number> {
  const status = keyStatus(entry, nowSeconds);
  if (status !== "active" && status !== "disabled") return new Set();
  const previous = isOverlapping(entry, nowSeconds) ? entry.previous : undefined;
  return new Set([entry.v, ...(previous ? [previous.v] : [])]);
}

function inUse(version: number, why: string, fix: string): ApiKeysError {
  return new ApiKeysError("pepper_in_use", `Pepper ${version} cannot be retired: ${why}.`, fix);
}
