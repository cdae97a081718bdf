import { isDeepStrictEqual } from "node:util";

import type { Found, History } from "./journal.ts";
import type { Share } from "./mark.ts";
import { CUSTOM_AUTHENTICATION, ownActions, type TenantState } from "./tenant-state.ts";

/** Whether two shares are of the same thing, whatever it is set to. */
function isSameShare(one: Share, other: Share): boolean {
  return nameOf(one) === nameOf(other);
}

/** Whether a share is among others. */
export function isAmong(share: Share, others: readonly Share[]): boolean {
  return others.some((other) => isSameShare(share, other));
}

/**
 * What the deployment will have given once it is applied: what it gave before, what it gives now, and what it uses of
 * what another deployment gave, since of two that share something, whichever goes last takes it away. An application that
 * was interrupted gave, too, what its Actions do not tell of yet.
 */
export function giftsAfter(
  uses: readonly Share[],
  current: TenantState,
  { beforeAll, interrupted, recorded }: Pick<History, "beforeAll" | "interrupted" | "recorded">,
): readonly Share[] {
  const others = current.neighbours.flatMap(({ mark }) => mark?.gave ?? []);
  // APIs come before the Actions that tell of them.
  const isWritten = (use: Share) =>
    use.kind !== "client" && use.kind !== "throttling" && interrupted?.written.has(use.of);
  const before = (use: Share) => (interrupted && isWritten(use) ? interrupted.before : current);
  // Of a first application that was interrupted before its Actions, what it uses is all that it gave.
  const isFirst = ownActions(current).length === 0 && isDeepStrictEqual(interrupted, beforeAll);
  const noted = (current.mark ?? recorded?.mark)?.gave;
  const all = [
    ...(noted ?? (isFirst ? [] : giftsSince(beforeAll, current))),
    ...others.filter((gift) => isAmong(gift, uses)),
    ...uses.filter((use) => !has(before(use), use)).map((use) => withBefore(use, before(use))),
  ];
  return all
    .filter((gift, at) => all.findIndex((one) => isSameShare(one, gift)) === at)
    .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

/** What a version without marks gave, as its journal tells. What that does not tell of was there before. */
function giftsSince(beforeAll: Found | undefined, current: TenantState): readonly Share[] {
  if (!beforeAll) return [];
  const { before, made } = beforeAll;
  const isKnown = (share: Share) =>
    share.kind === "client"
      ? before.clients.some(({ clientId }) => clientId === share.of)
      : share.kind !== "throttling" && (made.has(share.of) || has(before, { kind: "api", of: share.of }));
  return sharesOf(current)
    .filter((share) => isKnown(share) && !has(before, share))
    .map((share) => withBefore(share, before));
}

/** Whether a tenant has what a deployment uses. */
export function has({ apis, clients, ipThrottling }: TenantState, use: Share): boolean {
  if (use.kind === "throttling") {
    const { maxAttempts, regainMs } = use;
    return isDeepStrictEqual(ipThrottling, { maxAttempts, regainMs });
  }
  if (use.kind === "client") {
    return clients.some(
      ({ clientId, types }) => clientId === use.of && types?.includes(CUSTOM_AUTHENTICATION),
    );
  }
  const api = apis.find(({ identifier }) => identifier === use.of);
  switch (use.kind) {
    case "api":
      return api !== undefined;
    case "scope":
      return api?.scopes.some(({ value }) => value === use.scope) === true;
    case "consent":
      return api?.skipsConsent === true;
    case "lifetime":
      return api?.tokenLifetimeSeconds === use.seconds;
  }
}

/**
 * Whether somebody else has set what the deployment had set: it is left so. Of an application that was interrupted the
 * Actions do not tell what it set, and it counts as the deployment's.
 */
export function isSetByOthers(
  share: Share,
  current: TenantState,
  { interrupted }: Pick<History, "interrupted">,
): boolean {
  if (interrupted || (share.kind !== "lifetime" && share.kind !== "throttling")) return false;
  const set = current.mark?.uses.find((use) => isSameShare(use, share));
  return set !== undefined && !has(current, set);
}

/** Whether a gift was there at another moment: for what is set to something, whether it was set to something else than before. */
export function wasGivenAt(state: TenantState, gift: Share): boolean {
  if (gift.kind === "throttling") return state.ipThrottling !== undefined && !has(state, gift);
  if (gift.kind === "lifetime") return has(state, { kind: "api", of: gift.of }) && !has(state, gift);
  return has(state, gift);
}

function sharesOf({ apis, clients }: TenantState): readonly Share[] {
  return [
    ...apis.flatMap(({ identifier: of, scopes, skipsConsent }): Share[] => [
      { kind: "api", of },
      ...(skipsConsent ? [{ kind: "consent" as const, of }] : []),
      ...scopes.map(({ value }) => ({ kind: "scope" as const, of, scope: value })),
    ]),
    ...clients
      .filter(({ types }) => types?.includes(CUSTOM_AUTHENTICATION))
      .map(({ clientId }) => ({ kind: "client" as const, of: clientId })),
  ];
}

/** A use as a gift: with what is there before it is given. */
function withBefore(use: Share, { apis, clients, ipThrottling }: TenantState): Share {
  switch (use.kind) {
    case "client":
      return { ...use, hadList: clients.some(({ clientId, types }) => clientId === use.of && types) };
    case "lifetime": {
      const api = apis.find(({ identifier }) => identifier === use.of);
      return { ...use, seconds: api?.tokenLifetimeSeconds ?? use.seconds };
    }
    case "throttling":
      return { ...use, ...ipThrottling };
    default:
      return use;
  }
}

function nameOf(share: Share): string {
  if (share.kind === "throttling") return share.kind;
  return [share.kind, share.of, ...(share.kind === "scope" ? [share.scope] : [])].join(" ");
}
