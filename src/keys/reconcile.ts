import { compareKey } from "../core/compare-key.ts";
import { ApiKeysError } from "../core/errors.ts";
import { deadSinceSeconds, type KeyEntry } from "../core/key-entry.ts";
import { recordOf } from "../core/key-record.ts";
import { isOversizedProfile } from "../core/policy.ts";
import { seenKeys, type SeenKeys } from "../core/seen-keys.ts";
import type { Fence } from "../stores/change-texts.ts";
import { noRecord } from "../stores/redis-key-batches.ts";
import type { ExportedUser } from "../stores/user-export.ts";
import { refuseForeignStore, requireDeployedPepper } from "./init.ts";
import type { Keys } from "./keys.ts";
import { mendUser, oversized, type Difference, type MendOptions } from "./mend-user.ts";
import { outwaitStore } from "./patience.ts";
import { retentionSecondsOf } from "./retention.ts";
import { someAtOnce } from "./some-at-once.ts";

/** How much has been looked at. */
export interface ReconcileProgress {
  readonly users: number;
  readonly entries: number;
  readonly records: number;
}

/** What to reconcile, and how to tell. */
export interface ReconcileOptions extends MendOptions {
  /** One user alone; absent for the whole tenant. */
  readonly userId?: string;
  /** Restore entries however many are lost. */
  readonly restoreMany: boolean;
  onDifference(difference: Difference): void;
  onProgress?(progress: ReconcileProgress): void;
}

/** What a reconcile has seen, and whether the store was marked as whole. */
export interface Reconciled extends ReconcileProgress {
  readonly marked: boolean;
}

interface OwnedKey {
  readonly userId: string;
  readonly keyId: string;
}

const ENTRIES_A_BATCH = 500;
/** Above this many, or above this part of all records, lost entries are restored only if that was confirmed. */
const RESTORE_AT_ONCE = { entries: 20, part: 0.01 };

/**
 * Compares every key entry with its record and every record with its entry, and mends what differs if that is asked
 * for. The truth is the entry, an end may come from the record too, and no record is ever deleted. Safe beside other writers: a record is
 * added only where there is none, and everything else is looked at again under the user's lock before it is changed.
 * Broken off at any point, it is simply run again. Memory does not grow with the tenant, nor do the requests to Auth0,
 * apart from one user's for each user whose keys differ. Throws `store_foreign`, `restore_unconfirmed`,
 * `export_failed`, or what the stores answered.
 */
export async function reconcile(keys: Keys, options: ReconcileOptions): Promise<Reconciled> {
  await refuseForeignStore(keys);
  if (options.fix) await requireDeployedPepper(keys);
  const run = startRun(keys, options, await keys.records.unmarkTrace());
  await compareEntries(run);
  if (options.restoreEntries && !options.restoreMany) await refuseManyRestored(run);
  await compareRecords(run);
  const isWhole = options.fix && options.userId === undefined && !run.isIncomplete;
  return { ...run.progress, marked: isWhole && (await keys.records.mark(run.fence)) === "ours" };
}

interface Run {
  readonly keys: Keys;
  readonly options: ReconcileOptions;
  readonly seen: SeenKeys;
  /** Holds unless all keys are dropped meanwhile: an export tells of keys that were there before. */
  readonly fence: Fence;
  /** Users that are identities of others. As many as there are linked accounts. */
  readonly linkedTo: Map<string, string>;
  readonly progress: { users: number; entries: number; records: number };
  /** Whether a living entry may still be without its record. */
  isIncomplete: boolean;
  readonly report: (differences: readonly Difference[]) => void;
}

function startRun(keys: Keys, options: ReconcileOptions, fence: Fence): Run {
  const run: Run = {
    keys,
    options,
    fence,
    seen: seenKeys(keys.randomBytes(16)),
    linkedTo: new Map(),
    progress: { users: 0, entries: 0, records: 0 },
    isIncomplete: false,
    report(differences) {
      for (const difference of differences) {
        const { kind, mended } = difference;
        run.isIncomplete ||= !mended && (kind === "missing_record" || kind === "user_skipped");
        options.onDifference(difference);
      }
    },
  };
  return run;
}

/** Every entry against its record. */
async function compareEntries(run: Run): Promise<void> {
  let batch: { readonly userId: string; readonly entry: KeyEntry }[] = [];
  for await (const { userId, appMetadata, keys, newer, linkedUserIds } of usersOf(run)) {
    run.progress.users++;
    for (const linked of linkedUserIds) run.linkedTo.set(linked, userId);
    if (isOversizedProfile(appMetadata)) run.report([oversized(userId)]);
    for (const { id } of newer) {
      run.seen.add(userId, id);
      run.seen.add("", id);
    }
    run.report(newer.map(({ id }) => ({ kind: "newer_version", userId, keyId: id, mended: false })));
    for (const entry of keys) {
      run.seen.add(userId, entry.id);
      batch.push({ userId, entry });
    }
    if (batch.length < ENTRIES_A_BATCH) continue;
    await compareBatch(run, batch);
    batch = [];
  }
  await compareBatch(run, batch);
}

async function* usersOf({ keys, options }: Run): AsyncIterable<ExportedUser> {
  if (options.userId === undefined) return yield* keys.exportUsers();
  yield { userId: options.userId, ...(await keys.users.read(options.userId)), linkedUserIds: [] };
}

async function compareBatch(
  run: Run,
  batch: readonly { readonly userId: string; readonly entry: KeyEntry }[],
): Promise<void> {
  const { keys, options } = run;
  const compare = async (owned: typeof batch) => {
    const found = await outwaitStore(keys, async () =>
      keys.records.readMany(owned.map(({ entry }) => entry.id)),
    );
    return owned.map(({ userId, entry }, at) =>
      compareKey(
        userId,
        entry,
        found[at] ?? { kind: "missing" },
        keys.nowSeconds(),
        retentionSecondsOf(keys),
      ),
    );
  };
  const kinds = await compare(batch);
  const missing: { readonly userId: string; readonly entry: KeyEntry }[] = [];
  const doubtful: OwnedKey[] = [];
  for (const [at, { userId, entry }] of batch.entries()) {
    if (kinds[at] === "newer_version") run.seen.add("", entry.id);
    if (kinds[at] === "missing_record") missing.push({ userId, entry });
    else if (kinds[at] !== undefined) doubtful.push({ userId, keyId: entry.id });
  }
  if (options.fix && missing.length > 0) {
    // Whatever another program has written since the export stays: only what is not there is added.
    await outwaitStore(keys, async () =>
      keys.records.change(
        missing.map(({ userId, entry }) => ({ held: noRecord(entry.id), record: recordOf(userId, entry) })),
        run.fence,
      ),
    );
  }
  // Read again, since an answer may be lost, and others may have written something else meanwhile.
  const left = options.fix ? await compare(missing) : [];
  for (const [at, { userId, entry }] of missing.entries()) {
    if (left[at] !== undefined) doubtful.push({ userId, keyId: entry.id });
    else run.report([{ kind: "missing_record", userId, keyId: entry.id, mended: options.fix }]);
  }
  await lookAgain(run, doubtful);
  run.progress.entries += batch.length;
  options.onProgress?.(run.progress);
}

/** Every record against its entry: those whose entry was not in the export are looked at again. */
async function compareRecords(run: Run): Promise<void> {
  const { options, progress } = run;
  for await (const { orphans, untrusted, newer, size } of pagesOfRecords(run)) {
    progress.records += size;
    for (const one of [...orphans, ...untrusted]) run.seen.add(one.userId, one.keyId);
    for (const { keyId } of newer) run.seen.add("", keyId);
    run.report(newer.map((one) => ({ kind: "newer_version", ...one, mended: false })));
    run.report(untrusted.map(({ keyId }) => ({ kind: "altered_record", keyId, mended: false })));
    for (const { userId, keyId } of orphans) {
      const linkedTo = run.linkedTo.get(userId);
      if (linkedTo !== undefined) {
        run.report([{ kind: "linked_user", userId, keyId, linkedTo, mended: false }]);
      }
    }
    await lookAgain(
      run,
      orphans.filter(({ userId }) => !run.linkedTo.has(userId)),
    );
    options.onProgress?.(progress);
  }
}

interface Orphan extends OwnedKey {
  /** Ended keys need no entry: they are not restored. */
  readonly isEnded: boolean;
}

interface PageOfRecords {
  /** Records whose entry has not been seen. */
  readonly orphans: readonly Orphan[];
  /** Records that say nothing that can be trusted, not even whose they are. */
  readonly untrusted: readonly OwnedKey[];
  /** Records of a newer version that nothing was said of yet, and whose they are if that can be read. */
  readonly newer: readonly { readonly userId?: string; readonly keyId: string }[];
  readonly size: number;
}

async function* pagesOfRecords({ keys, options, seen }: Run): AsyncIterable<PageOfRecords> {
  for await (const ids of keys.records.ids()) {
    const found = await outwaitStore(keys, async () => keys.records.readMany(ids));
    const orphans: Orphan[] = [];
    const untrusted: OwnedKey[] = [];
    const newer: PageOfRecords["newer"][number][] = [];
    for (const [at, keyId] of ids.entries()) {
      const one = found[at];
      if (one?.kind === "trusted") {
        const userId = one.record.sub;
        const isAsked = options.userId === undefined || options.userId === userId;
        const isEnded = deadSinceSeconds(one.record, keys.nowSeconds()) !== undefined;
        if (isAsked && !seen.has(userId, keyId)) orphans.push({ userId, keyId, isEnded });
      } else if (one?.kind === "untrusted" && options.userId === undefined && !seen.has("", keyId)) {
        untrusted.push({ userId: "", keyId });
      } else if (one?.kind === "newer" && !seen.has("", keyId)) {
        const userId = one.json?.sub;
        const isAsked = options.userId === undefined || options.userId === userId;
        if (isAsked) newer.push({ ...(userId !== undefined && { userId }), keyId });
      }
    }
    yield { orphans, untrusted, newer, size: ids.length };
  }
}

async function refuseManyRestored(run: Run): Promise<void> {
  let [lost, all] = [0, 0];
  for await (const { orphans, size } of pagesOfRecords(run)) {
    lost += orphans.filter(({ userId, isEnded }) => !isEnded && !run.linkedTo.has(userId)).length;
    all += size;
  }
  if (
    lost <= RESTORE_AT_ONCE.entries &&
    (run.options.userId !== undefined || lost <= all * RESTORE_AT_ONCE.part)
  )
    return;
  throw new ApiKeysError(
    "restore_unconfirmed",
    `${lost} of ${all} records have no entry. Were their entries lost, or deleted on purpose?`,
    "Look at them first: npm run keys -- reconcile. To write their entries back, add --yes.",
  );
}

/** Looks at these keys again, a user at a time, some users at once. */
async function lookAgain({ keys, options, report }: Run, owned: readonly OwnedKey[]): Promise<void> {
  const byUser = new Map<string, string[]>();
  for (const { userId, keyId } of owned) byUser.set(userId, [...(byUser.get(userId) ?? []), keyId]);
  await someAtOnce([...byUser], async ([userId, keyIds]) => {
    report(await mendUser(keys, userId, keyIds, options));
  });
}
