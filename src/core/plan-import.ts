import type { Deployment } from "./deployment.ts";
import { ApiKeysError } from "./errors.ts";
import { fitEntries } from "./fit-entries.ts";
import type { KeyEntry } from "./key-entry.ts";
import type { FoundRecord } from "./key-record.ts";
import { isEqual, type Peppers } from "./peppers.ts";
import {
  refuseNonMember,
  refuseOversizedProfile,
  termsOf,
  type NewKeyRequest,
  type Policy,
} from "./policy.ts";
import type { PresentedKey } from "./presented-key.ts";

/** What an import is to do with one key. `there`: nothing. */
export type ImportStep =
  | { readonly kind: "there" }
  | { readonly kind: "import" | "rehash"; readonly entry: KeyEntry }
  | { readonly kind: "refuse"; readonly error: ApiKeysError };

/** A key to import, and what is known of its id in both stores. */
export interface ImportCandidate {
  readonly key: PresentedKey;
  readonly request: NewKeyRequest;
  readonly found: FoundRecord;
}

/** The user's `app_metadata`, the field of it that holds the entries, all of them, and those that are known whole. */
export interface ImportProfile {
  readonly appMetadata: Readonly<Record<string, unknown>>;
  readonly field: string;
  readonly entries: readonly unknown[];
  readonly keys: readonly KeyEntry[];
  /** Entries of a newer version: they count, and are not written over. */
  readonly newer: readonly KeyEntry[];
}

/** What a plan of an import goes by. */
export interface ImportRules {
  readonly policy: Policy;
  readonly deployment: Deployment;
  readonly peppers: Peppers;
  readonly nowSeconds: number;
  /** Hash keys that are there already under the current pepper. */
  readonly upgrade: boolean;
  /** The organizations that the user is a member of; `undefined` where that is not known. */
  readonly organizationIds?: ReadonlySet<string> | undefined;
}

/**
 * What to do with each of a user's keys, in their order: a later one counts with those before it. Pure. A key that is
 * dead stays dead, and one of another user stays that user's.
 */
export function planImport(
  userId: string,
  { appMetadata, field, entries: all, keys: existing, newer }: ImportProfile,
  candidates: readonly ImportCandidate[],
  rules: ImportRules,
): readonly ImportStep[] {
  let entries = existing;
  const others = all.filter((one) => !existing.includes(one as KeyEntry));
  return candidates.map(({ key, request, found }) => {
    try {
      const entry = [...newer, ...entries].find(({ id }) => id === key.id);
      refuseDead(key.id, entry, found);
      if (entry && newer.includes(entry)) throw ofNewerVersion("key_newer", key.id);
      if (found.kind === "newer") throw ofNewerVersion("record_newer", key.id);
      if (found.kind === "untrusted") throw untrusted(key.id);
      if (found.kind === "trusted" && found.record.sub !== userId) throw taken(key.id);
      if (entry && !existing.includes(entry)) return { kind: "there" };
      if (entry) return stepOfExisting(entry, key, found, rules);
      const { policy, deployment, peppers, nowSeconds, organizationIds } = rules;
      const terms = termsOf(request, [...newer, ...entries], policy, deployment, nowSeconds);
      if (terms.org_id !== undefined && organizationIds)
        refuseNonMember(userId, terms.org_id, organizationIds);
      const { current } = peppers;
      const added = { id: key.id, ...terms, hash: key.hash(current), v: current.version };
      const grown = [...entries, added];
      const fitting = fitEntries({ appMetadata, field }, [...others, ...grown], nowSeconds);
      refuseOversizedProfile({ ...appMetadata, [field]: fitting }, field);
      entries = grown;
      return { kind: "import", entry: added };
    } catch (error) {
      if (error instanceof ApiKeysError) return { kind: "refuse", error };
      throw error;
    }
  });
}

function stepOfExisting(
  entry: KeyEntry,
  key: PresentedKey,
  found: FoundRecord,
  { peppers, upgrade }: ImportRules,
): ImportStep {
  const pepper = peppers.byVersion.get(entry.v);
  const isRotated = pepper !== undefined && !isEqual(key.hash(pepper), entry.hash);
  if (upgrade && !isRotated && entry.v !== peppers.current.version) {
    return {
      kind: "rehash",
      entry: { ...entry, hash: key.hash(peppers.current), v: peppers.current.version },
    };
  }
  return found.kind === "missing" ? { kind: "import", entry } : { kind: "there" };
}

function refuseDead(keyId: string, entry: KeyEntry | undefined, found: FoundRecord): void {
  const isRevoked = found.kind === "trusted" && found.record.revoked_at !== undefined;
  if (!isRevoked && entry?.revoked_at === undefined) return;
  throw new ApiKeysError(
    "key_dead",
    `Key ${keyId} was revoked.`,
    "A revoked key is not brought back: give its holder a new one.",
  );
}

function ofNewerVersion(code: "key_newer" | "record_newer", keyId: string): ApiKeysError {
  return new ApiKeysError(
    code,
    `Key ${keyId} was changed by a newer version of this tool.`,
    "Nothing was changed. Use that version.",
  );
}

function untrusted(keyId: string): ApiKeysError {
  return new ApiKeysError(
    "record_untrusted",
    `The record of key ${keyId} in Redis was altered, or sealed with a pepper that is not held here.`,
    "Run: npm run keys -- reconcile --fix",
  );
}

/** The refusal of a key that acts as another user. */
export function taken(keyId: string): ApiKeysError {
  return new ApiKeysError(
    "key_taken",
    `Key ${keyId} is another user's.`,
    "A key acts as one user: correct user_id, or give each user a key of their own.",
  );
}
