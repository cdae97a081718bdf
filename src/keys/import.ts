import { isDeepStrictEqual } from "node:util";

import { ApiKeysError } from "../core/errors.ts";
import { fitEntries } from "../core/fit-entries.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { recordOf } from "../core/key-record.ts";
import { planImport, taken, type ImportRules, type ImportStep } from "../core/plan-import.ts";
import { noRecord, type HeldRecord } from "../stores/redis-key-batches.ts";
import type { UserProfile } from "../stores/user-key-store.ts";
import type { Lease } from "../stores/user-lock.ts";
import { audited, changesBetween } from "./audit.ts";
import type { ImportedLine } from "./import-line.ts";
import { requireOurStore } from "./init.ts";
import type { Keys } from "./keys.ts";
import { organizationIdsOf } from "./memberships.ts";
import { isOfOneUser, outwaitRateLimit, outwaitStore } from "./patience.ts";
import { RecordConflict, underLock } from "./under-lock.ts";
import { requireEntries } from "./write-entries.ts";

/** What becomes of the keys of an import. */
export interface ImportOptions {
  /** Without it nothing is written: the outcomes say what would be. */
  readonly write: boolean;
  /** Hash keys that are there already under the current pepper. */
  readonly upgrade: boolean;
}

/** What became of one key, or would become of it. */
export type ImportOutcome =
  | { readonly kind: "imported" | "rehashed" | "there_already" }
  | { readonly kind: "refused"; readonly error: ApiKeysError };

/** Throws `foreign_keys_refused` unless the policy accepts them, or what `init` says of the store. */
export async function requireImport(keys: Keys): Promise<void> {
  if (!keys.policy.acceptForeignKeys) {
    throw new ApiKeysError(
      "foreign_keys_refused",
      "The policy does not accept keys that were made elsewhere.",
      "Set policy.acceptForeignKeys in deploy.config.ts, then: npm run deploy -- apply",
    );
  }
  await requireOurStore(keys);
}

/**
 * Imports foreign keys of one user, record first, then entry; gives an outcome for each, in their order. The same call
 * again completes what a failure left, and writes nothing that is there already. Throws what a store answered; what is
 * wrong with this user alone refuses its keys.
 */
export async function importKeys(
  keys: Keys,
  userId: string,
  lines: readonly ImportedLine[],
  options: ImportOptions,
): Promise<readonly ImportOutcome[]> {
  try {
    const isBound = lines.some(({ request }) => request.organizationId !== undefined);
    const organizationIds = isBound
      ? await outwait(keys, async () => organizationIdsOf(keys, userId))
      : undefined;
    const rules = { upgrade: options.upgrade, organizationIds };
    const steps = await outwait(keys, async () => (await look(keys, userId, lines, rules)).steps);
    if (!options.write || !steps.some(isToWrite)) return steps.map(outcomeOf);
    return await outwait(keys, async () =>
      underLock(keys, userId, async (lease) => importUnderLock(keys, lease, userId, lines, rules)),
    );
  } catch (error) {
    const isUnknown = error instanceof ApiKeysError && error.code === "user_not_found";
    if (!isUnknown && !isOfOneUser(error)) throw error;
    return lines.map(() => ({ kind: "refused", error }));
  }
}

type GivenRules = Pick<ImportRules, "upgrade" | "organizationIds">;
type StepToWrite = Extract<ImportStep, { readonly entry: KeyEntry }>;

async function look(
  keys: Keys,
  userId: string,
  lines: readonly ImportedLine[],
  given: GivenRules,
): Promise<{
  readonly profile: UserProfile;
  readonly steps: readonly ImportStep[];
  readonly held: readonly HeldRecord[];
}> {
  const [profile, found] = await Promise.all([
    keys.users.read(userId),
    keys.records.readMany(lines.map(({ key }) => key.id)),
  ]);
  const candidates = lines.map(({ key, request }, at) => ({
    key,
    request,
    found: found[at] ?? ({ kind: "missing" } as const),
  }));
  const { policy, deployment, peppers } = keys;
  const rules = { policy, deployment, peppers, nowSeconds: keys.nowSeconds(), ...given };
  return { profile, steps: planImport(userId, profile, candidates, rules), held: found };
}

async function importUnderLock(
  keys: Keys,
  lease: Lease,
  userId: string,
  lines: readonly ImportedLine[],
  rules: GivenRules,
): Promise<readonly ImportOutcome[]> {
  // Asked again here: a drop takes the marker first, and a store that is being taken over has the entries elsewhere.
  const [{ profile, steps, held }] = await Promise.all([
    look(keys, userId, lines, rules),
    requireOurStore(keys),
  ]);
  const before = new Map(profile.keys.map((entry) => [entry.id, entry]));
  const work = writeAll(keys, lease, userId, profile, steps.filter(isToWrite), held);
  const outcomes: (ImportOutcome | { readonly kind: "failed"; readonly error: unknown })[] = [];
  for (const step of steps) {
    if (!isToWrite(step)) {
      outcomes.push(outcomeOf(step));
      continue;
    }
    const { entry } = step;
    const operation = step.kind === "import" ? "import" : "import_upgrade";
    const write = async () => {
      if ((await work).has(entry.id)) throw taken(entry.id);
      return outcomeOf(step);
    };
    const changes = changesBetween(before.get(entry.id) ?? {}, entry);
    const done = audited(keys, { operation, userId, keyId: entry.id }, write, () => ({ changes }));
    outcomes.push(await done.catch(failed));
  }
  return outcomes.map((outcome) => {
    if (outcome.kind === "failed") throw outcome.error;
    return outcome;
  });
}

function failed(error: unknown): ImportOutcome | { readonly kind: "failed"; readonly error: unknown } {
  const isTaken = error instanceof ApiKeysError && error.code === "key_taken";
  return isTaken ? { kind: "refused", error } : { kind: "failed", error };
}

function outcomeOf(step: ImportStep): ImportOutcome {
  switch (step.kind) {
    case "there":
      return { kind: "there_already" };
    case "import":
      return { kind: "imported" };
    case "rehash":
      return { kind: "rehashed" };
    case "refuse":
      return { kind: "refused", error: step.error };
  }
}

function isToWrite(step: ImportStep): step is StepToWrite {
  return step.kind === "import" || step.kind === "rehash";
}

async function outwait<T>(keys: Keys, work: () => Promise<T>): Promise<T> {
  return outwaitRateLimit(keys, async () => outwaitStore(keys, work));
}

/** Writes records, then entries. Gives the ids that another user got hold of in the meantime. */
async function writeAll(
  keys: Keys,
  lease: Lease,
  userId: string,
  profile: UserProfile,
  steps: readonly StepToWrite[],
  held: readonly HeldRecord[],
): Promise<ReadonlySet<string>> {
  const byId = new Map(held.map((one) => [one.keyId, one]));
  const changes = steps.map(({ entry }) => ({
    held: byId.get(entry.id) ?? noRecord(entry.id),
    record: recordOf(userId, entry),
  }));
  // Two users' imports may race for one key, and no lock is over both: a record counts if it still is what was read.
  const done = await keys.records.change(changes, lease.fence);
  const conflicts = steps.filter((_, at) => !done[at]).map(({ entry }) => entry.id);
  const lost = new Set<string>();
  for (const one of await keys.records.readMany(conflicts)) {
    if (one.kind === "trusted" && one.record.sub === userId) throw new RecordConflict(one.keyId);
    lost.add(one.keyId);
  }
  const written = new Map(
    steps.filter(({ entry }) => !lost.has(entry.id)).map(({ entry }) => [entry.id, entry]),
  );
  const kept = profile.entries.map((one) => written.get((one as KeyEntry | null)?.id ?? "") ?? one);
  const all = [...kept, ...[...written.values()].filter((entry) => !kept.includes(entry))];
  const entries = fitEntries(profile, all, keys.nowSeconds());
  if (!isDeepStrictEqual(entries, profile.entries)) await requireEntries(keys, lease, userId, entries);
  return lost;
}
