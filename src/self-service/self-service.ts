import { ApiKeysError } from "../core/errors.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { isKeyId } from "../core/key-format.ts";
import { readableOf } from "../core/key-record.ts";
import { serviceUserId } from "../core/service-user.ts";
import type { Keys } from "../keys/keys.ts";
import { lastUses } from "../keys/last-uses.ts";
import { listKeys } from "../keys/list.ts";
import type { Caller } from "./authenticate.ts";
import type { GrantReader } from "./grants.ts";
import type { Moments } from "../core/moments.ts";
import type { SelfServiceStores } from "./open-stores.ts";
import { presentKey } from "./present.ts";
import { Problem } from "./problem.ts";

/** What the routes work with. */
export interface SelfService extends SelfServiceStores {
  readonly grants: GrantReader;
  /** The keys of users as they were seen a moment ago. */
  readonly seenKeys: Moments<readonly KeyEntry[]>;
  readonly maxLoginAgeSeconds: number | undefined;
  readonly token_endpoint: string;
}

/** What a route knows of its request: who sent it, and the operations on keys in that user's name. */
export interface Variables {
  Variables: { caller: Caller; keys: Keys };
}

/** The keys that exist for a caller: the user's own, and with a token of an organization those of it alone. */
async function visibleKeys(keys: Keys, caller: Caller): Promise<readonly KeyEntry[]> {
  const all = await listKeys(keys, caller.userId).catch((error: unknown) => {
    // An organization has its service user from its first key on.
    if (isOfOrganization(caller) && error instanceof ApiKeysError && error.code === "user_not_found")
      return [];
    throw error;
  });
  return all.filter((entry) => isVisible(caller, entry));
}

function isVisible({ organizationId }: Caller, { org_id }: Pick<KeyEntry, "org_id">): boolean {
  return organizationId === null || org_id === organizationId;
}

/** Whether the keys are those that an organization owns, and the caller manages for it. */
export function isOfOrganization(caller: Caller): boolean {
  return caller.userId !== caller.personId;
}

/**
 * The caller as one who manages the keys of the token's organization. Throws `organization_admin_required` unless the
 * token is of an organization and RBAC gave its user the permission: a scope can be asked for by everybody.
 */
export function asOrganization(caller: Caller, permission: string | undefined, keys: Keys): Caller {
  const { organizationId, permissions } = caller;
  const isAdmin = permission !== undefined && permissions.has(permission);
  if (organizationId === null || !isAdmin || !keys.serviceUsers) {
    throw new Problem("organization_admin_required");
  }
  return { ...caller, userId: serviceUserId(organizationId) };
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

/** The keys of a caller as they are now, which is remembered for {@link keyToChange}. */
export async function freshKeys(
  { seenKeys }: SelfService,
  keys: Keys,
  caller: Caller,
): Promise<readonly KeyEntry[]> {
  return seenKeys.put(seenBy(caller), visibleKeys(keys, caller));
}

/**
 * A key that is about to be changed: one that exists for the caller. It may be as it was a moment ago, which saves a
 * request: whose it is and what it is for does not change, and the rest is looked at under the lock.
 */
export async function keyToChange(
  service: SelfService,
  keys: Keys,
  caller: Caller,
  keyId: string,
): Promise<KeyEntry> {
  const isIt = ({ id }: KeyEntry) => id === keyId;
  const seen = await service.seenKeys.get(seenBy(caller), async () => visibleKeys(keys, caller));
  const entry = seen.find(isIt) ?? (await freshKeys(service, keys, caller)).find(isIt);
  if (entry) return entry;
  throw new Problem("not_found");
}

/**
 * Ends a key that exists for the caller. Its record tells whose it is, and is ended, before Auth0 is asked for anything:
 * neither a rate limit that is used up nor an entry that is gone keeps a key working. Throws `not_found`, or
 * `ending_incomplete` if only the record could be written.
 */
export async function endKey<T>(
  service: SelfService,
  { keys, caller }: Variables["Variables"],
  keyId: string,
  work: () => Promise<T>,
): Promise<T> {
  // Nothing is taken in advance: the record comes first, and the rest takes its requests one by one.
  return service.budget.run("ending", 0, async () => {
    const [held] = isKeyId(keyId) ? await keys.records.readMany([keyId]) : [];
    const record = readableOf(held);
    const isCallers = record?.sub === caller.userId && isVisible(caller, record);
    if (!isCallers) await keyToChange(service, keys, caller, keyId);
    try {
      return await work();
    } catch (error) {
      const isIncomplete = error instanceof ApiKeysError && error.code === "change_incomplete";
      throw isIncomplete ? new Problem("ending_incomplete", { cause: error }) : error;
    }
  });
}

function seenBy({ userId, organizationId }: Caller): string {
  return JSON.stringify([userId, organizationId]);
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
