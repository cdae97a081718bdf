import { ApiKeysError } from "../core/errors.ts";
import type { Deploying } from "./apply.ts";
import { TRIGGERS } from "./bundle.ts";
import { historyOf } from "./journal.ts";
import { readTenant } from "./read-tenant.ts";
import { withoutNeighbours } from "./resources/bindings.ts";
import { changedSecrets } from "./resources/actions.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

/** Something that is no longer as the last deployment left it. */
export interface Drift {
  readonly what: string;
  readonly how: string;
}

/** What others changed since the last deployment. Throws `journal_missing` where that is not known. */
export async function findDrift({ api, desired, journal }: Deploying): Promise<readonly Drift[]> {
  const { recorded } = historyOf(await journal.read());
  if (recorded) return compare(recorded, await readTenant(api, desired));
  throw new ApiKeysError(
    "journal_missing",
    "It is not known how the last deployment left the tenant: there is no journal, or it was interrupted.",
    "Name its journal with --journal, or compare with the configuration: npm run deploy -- plan",
  );
}

/** How a tenant differs from the state in which it was left. Pure. */
function compare(recorded: TenantState, current: TenantState): readonly Drift[] {
  return [
    ...TRIGGERS.flatMap((trigger) => compareActions(trigger, recorded, current)),
    ...compareBindings(recorded, current),
    ...compareProfiles(recorded, current),
    ...recorded.apis.flatMap((before) => {
      const now = current.apis.find(({ identifier }) => identifier === before.identifier);
      const what = `API ${before.identifier}`;
      if (!now) return [{ what, how: "was deleted" }];
      return [
        ...(now.skipsConsent === before.skipsConsent ? [] : [{ what, how: "its consent flag was changed" }]),
        ...(same(now.scopes, before.scopes) ? [] : [{ what, how: "its scopes were changed" }]),
        // Journals of older versions do not tell of it.
        ...(now.tokenLifetimeSeconds === (before.tokenLifetimeSeconds ?? now.tokenLifetimeSeconds)
          ? []
          : [{ what, how: `its tokens live ${now.tokenLifetimeSeconds} seconds now` }]),
      ];
    }),
    ...recorded.clients.flatMap((before) => {
      const now = current.clients.find(({ clientId }) => clientId === before.clientId);
      if (!now) return [{ what: `client ${before.clientId}`, how: "was deleted" }];
      if (same(now.types, before.types)) return [];
      return [
        { what: `client ${before.clientId}`, how: `may use ${now.types?.join(" ") ?? "no profile"} now` },
      ];
    }),
    ...(recorded.ipThrottling && !same(recorded.ipThrottling, current.ipThrottling)
      ? [{ what: "IP throttling of exchanges", how: "was changed" }]
      : []),
  ];
}

function compareActions(
  trigger: (typeof TRIGGERS)[number],
  recorded: TenantState,
  current: TenantState,
): readonly Drift[] {
  const [before, now] = [actionFor(recorded, trigger), actionFor(current, trigger)];
  if (!before) return [];
  const what = `Action ${before.name}`;
  if (now?.id !== before.id)
    return [{ what, how: now ? "was deleted and made anew" : "was deleted or renamed" }];
  const [was, is] = [before.deployed, now.deployed];
  const isDeployedAnew = was?.versionId !== is?.versionId;
  const names = (all: TenantState["actions"][number]["secrets"]) => all.map(({ name }) => name);
  return [
    ...(isDeployedAnew
      ? [{ what, how: `version ${is?.number ?? "none"} runs, not ${was?.number ?? "none"}` }]
      : []),
    ...(was?.codeHash === is?.codeHash ? [] : [{ what, how: "the code that runs was changed" }]),
    ...(same(names(before.secrets), names(now.secrets))
      ? []
      : [{ what, how: `has other secrets: ${names(now.secrets).join(" ") || "none"}` }]),
    ...changedSecrets(now.secrets, before.secrets).map((name) => ({
      what,
      how: `secret ${name} was set anew`,
    })),
    ...(now.draftHash === before.draftHash ? [] : [{ what, how: "the draft was changed" }]),
  ];
}

function compareBindings(recorded: TenantState, current: TenantState): readonly Drift[] {
  const what = "bindings of post-login";
  const [before, now] = [recorded, current].map((state) =>
    withoutNeighbours(withoutNeighbours(state.bindings, recorded), current),
  ) as [TenantState["bindings"], TenantState["bindings"]];
  const isIn = (all: TenantState["bindings"], id: string) => all.some(({ actionId }) => actionId === id);
  const gone = before.filter(({ actionId }) => !isIn(now, actionId));
  const added = now.filter(({ actionId }) => !isIn(before, actionId));
  const kept = (all: TenantState["bindings"], other: TenantState["bindings"]) =>
    all.filter(({ actionId }) => isIn(other, actionId)).map(({ actionId }) => actionId);
  return [
    ...gone.map(({ displayName }) => ({ what, how: `${displayName} was unbound` })),
    ...added.map(({ displayName }) => ({ what, how: `${displayName} was bound` })),
    ...(same(kept(before, now), kept(now, before)) ? [] : [{ what, how: "their order was changed" }]),
  ];
}

function compareProfiles({ profile: before }: TenantState, { profile: now }: TenantState): readonly Drift[] {
  if (!before) return [];
  const what = `token exchange profile ${before.subjectTokenType}`;
  if (!now) return [{ what, how: "was deleted" }];
  if (now.id !== before.id) return [{ what, how: "was deleted and made anew" }];
  const compared = ({ name, subjectTokenType, actionId }: typeof now) => [name, subjectTokenType, actionId];
  if (same(compared(now), compared(before))) return [];
  return [{ what, how: `is ${now.name}, ${now.subjectTokenType} now` }];
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
