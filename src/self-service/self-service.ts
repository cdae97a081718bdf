import type { KeyEntry } from "../core/key-entry.ts";
import type { Keys } from "../keys/keys.ts";
import { lastUses } from "../keys/last-uses.ts";
import { listKeys } from "../keys/list.ts";
import type { Caller } from "./authenticate.ts";
import type { GrantReader } from "./grants.ts";
import type { SelfServiceStores } from "./open-stores.ts";
import { presentKey } from "./present.ts";
import { Problem } from "./problem.ts";

/** What the routes work with. */
export interface SelfService extends SelfServiceStores {
  readonly grants: GrantReader;
  readonly maxLoginAgeSeconds: number | undefined;
  readonly token_endpoint: string;
}

/** What a route knows of its request: who sent it, and the operations on keys in that user's name. */
export interface Variables {
  Variables: { caller: Caller; keys: Keys };
}

/** The keys that exist for a caller: the user's own, and with a token of an organization those of it alone. */
export async function visibleKeys(keys: Keys, caller: Caller): Promise<readonly KeyEntry[]> {
  const all = await listKeys(keys, caller.userId);
  const { organizationId } = caller;
  return organizationId === null ? all : all.filter(({ org_id }) => org_id === organizationId);
}

/**
 * One of the keys that exist for a caller. Another user's and one that nobody has are looked for in the same place, and
 * are missing there in the same way.
 */
export async function visibleKey(keys: Keys, caller: Caller, keyId: string): Promise<KeyEntry> {
  const entry = (await visibleKeys(keys, caller)).find(({ id }) => id === keyId);
  if (entry) return entry;
  throw new Problem("not_found");
}

/** Keys for the caller, with their last use where it is known. */
export async function present(keys: Keys, entries: readonly KeyEntry[]): Promise<readonly object[]> {
  const ids = entries.map(({ id }) => id);
  const uses = await lastUses(keys, ids);
  const nowSeconds = keys.nowSeconds();
  return entries.map((entry) => presentKey(entry, keys.deployment, nowSeconds, uses?.get(entry.id)));
}

/** One key for the caller. */
export async function presentOne(keys: Keys, entry: KeyEntry): Promise<object> {
  const [one] = await present(keys, [entry]);
  return one ?? {};
}
