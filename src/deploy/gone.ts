import { isOverlapping, keyStatus, scopesOf, type KeyEntry } from "../core/key-entry.ts";
import { usesOf, type Desired } from "./desired.ts";
import type { Share } from "./mark.ts";
import { isAmong } from "./shares.ts";
import type { TenantState } from "./tenant-state.ts";

/** Something that the deployed Actions use or gave, and that the configuration does not name any more. */
export type Gone =
  | (Extract<Share, { kind: "api" | "scope" | "client" }> & { readonly canBePruned: boolean })
  | { readonly kind: "prefix"; readonly of: string };

/** What the configuration no longer names. What is of an API that is gone goes with it. */
export function goneFrom(desired: Desired, { mark }: TenantState): readonly Gone[] {
  if (!mark) return [];
  const now = usesOf(desired);
  const before = [...mark.uses, ...mark.gave.filter((gift) => !isAmong(gift, mark.uses))];
  const shares = before.flatMap((share): Gone[] => {
    if (isAmong(share, now)) return [];
    const canBePruned = isAmong(share, mark.gave);
    if (share.kind === "client" || share.kind === "api") return [{ ...share, canBePruned }];
    const isOfGoneApi = share.kind !== "scope" || !isAmong({ kind: "api", of: share.of }, now);
    return isOfGoneApi ? [] : [{ ...share, canBePruned }];
  });
  const prefixes = mark.keyPrefixes.filter((prefix) => !desired.keyPrefixes.includes(prefix));
  return [...shares, ...prefixes.map((prefix) => ({ kind: "prefix" as const, of: prefix }))];
}

/** How many keys that can be used each of these things touches, in their order. Asks for no key if there are none. */
export async function countTouched(
  gone: readonly Gone[],
  keys: AsyncIterable<{ readonly entry: KeyEntry }>,
  nowSeconds: number,
): Promise<readonly number[]> {
  const counts = gone.map(() => 0);
  if (gone.length === 0) return counts;
  for await (const { entry } of keys) {
    if (!["active", "disabled"].includes(keyStatus(entry, nowSeconds))) continue;
    for (const [at, one] of gone.entries()) {
      if (isTouched(entry, one, nowSeconds)) counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return counts;
}

function isTouched(entry: KeyEntry, gone: Gone, nowSeconds: number): boolean {
  const { clients, aud, scope, previous } = entry;
  switch (gone.kind) {
    case "client":
      return clients?.includes(gone.of) === true;
    case "api":
      return aud?.includes(gone.of) === true;
    case "scope":
      return scopesOf(scope ?? "").includes(gone.scope) && (aud?.includes(gone.of) ?? true);
    case "prefix":
      // Of a key that was made before its prefix was noted, nobody knows: it counts. So does the secret before the last
      // rotation, as long as it works.
      return [entry, isOverlapping(entry, nowSeconds) ? previous : undefined].some(
        (secret) => secret && (secret.prefix ?? gone.of) === gone.of,
      );
  }
}

/** What is gone, for people, with the number of keys that it touches; `undefined` where they may not be read. */
export function describeGone(gone: Gone, count: number | undefined): string {
  const keys = count ?? "an unknown number of";
  const named = `is no longer configured; ${keys} ${count === 1 ? "key that can be used names" : "keys that can be used name"} it`;
  if (gone.kind === "prefix") {
    const have =
      count === 1
        ? "key that can be used has it, or may have it"
        : "keys that can be used have it, or may have it";
    return `prefix ${gone.of} is no longer configured: ${keys} ${have}, and will be refused. List it in retiredKeyPrefixes to let ${count === 1 ? "it" : "them"} go on working.`;
  }
  const until = gone.canBePruned ? "until apply --prune" : "since this deployment did not add it";
  switch (gone.kind) {
    case "client":
      return `client ${gone.of} ${named}. It can still exchange keys, ${until}.`;
    case "api":
      return `API ${gone.of} ${named}. No key is exchanged for it; it stays on the tenant, ${until}.`;
    case "scope":
      return `scope ${gone.scope} of ${gone.of} ${named}. No key gets it; it stays on the API, ${until}.`;
  }
}
