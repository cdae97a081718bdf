import type { Change, Effect } from "../change.ts";
import type { DesiredApi, Scope } from "../desired.ts";
import { ApiKeysError } from "../../core/errors.ts";
import type { ManagementApi } from "../management-api.ts";
import type { Share } from "../mark.ts";
import { isAmong } from "../shares.ts";
import type { ApiState, TenantState } from "../tenant-state.ts";

/** What Auth0 takes as an API's name. */
const MAX_NAME_LENGTH = 200;
const DEFAULT_LIFETIME_SECONDS = 86_400;

/** Reads those APIs that exist. Needs `read:resource_servers`. */
export async function readApis(api: ManagementApi, identifiers: readonly string[]): Promise<ApiState[]> {
  const found: ApiState[] = [];
  for (const identifier of new Set(identifiers)) {
    const state = await readApi(api, identifier);
    if (state) found.push(state);
  }
  return found;
}

/** What an API lacks: itself, scopes, its tokens' lifetime, or the consent that exchanges cannot ask for. */
export function planApi(desired: DesiredApi, { apis }: TenantState): Change[] {
  const { identifier, scopes, tokenLifetimeSeconds } = desired;
  const what = `API ${identifier}`;
  const current = apis.find((one) => one.identifier === identifier);
  const lifetime = tokenLifetimeSeconds === undefined ? {} : { tokenLifetimeSeconds };
  if (!current) {
    const why = ["does not exist", ...scopes.map(({ value }) => `+${value}`)];
    return [{ sign: "+", what, why, effect: { kind: "create_api", identifier, scopes, ...lifetime } }];
  }
  const setScopes = scopes.filter(
    ({ value, description }) =>
      !current.scopes.some((one) => one.value === value && one.description === description),
  );
  const isNew = ({ value }: Scope) => !current.scopes.some((one) => one.value === value);
  const hasLifetime =
    tokenLifetimeSeconds === undefined || current.tokenLifetimeSeconds === tokenLifetimeSeconds;
  const why = [
    ...(current.skipsConsent ? [] : ["skip_consent_for_verifiable_first_party_clients is off"]),
    ...(hasLifetime ? [] : [`token_lifetime ${current.tokenLifetimeSeconds} → ${tokenLifetimeSeconds} s`]),
    ...setScopes.map((scope) => (isNew(scope) ? `+${scope.value}` : `~${scope.value} (description)`)),
  ];
  if (why.length === 0) return [];
  const consent = current.skipsConsent ? {} : { skipsConsent: true };
  const changed = { setScopes, removeScopes: [], ...consent, ...(hasLifetime ? {} : lifetime) };
  return [{ sign: "~", what, why, effect: { kind: "update_api", identifier, ...changed } }];
}

/** The scopes of an API that are not among gifts: with one of others, the API is not deleted. */
export function othersScopes(
  { identifier: of, scopes }: ApiState,
  gifts: readonly Share[],
): readonly string[] {
  return scopes.map(({ value }) => value).filter((scope) => !isAmong({ kind: "scope", of, scope }, gifts));
}

/** Takes from an API what was given to it: itself, or scopes, its consent, its tokens' lifetime. */
export function takeFromApi(api: ApiState, gifts: readonly Share[]): Change[] {
  const { identifier } = api;
  const what = `API ${identifier}`;
  const own = gifts.filter((gift) => gift.kind !== "throttling" && gift.of === identifier);
  if (own.some(({ kind }) => kind === "api") && othersScopes(api, own).length === 0) {
    const outage = "tokens for it are no longer issued to anybody";
    const why = ["was made by this deployment"];
    const scopes = api.scopes.map(({ value }) => value);
    return [{ sign: "-", what, why, outage, effect: { kind: "delete_api", identifier, scopes } }];
  }
  const removeScopes = own.flatMap((gift) =>
    gift.kind === "scope" && api.scopes.some(({ value }) => value === gift.scope) ? [gift.scope] : [],
  );
  const isConsentTaken = own.some(({ kind }) => kind === "consent") && api.skipsConsent;
  const before = own.find((gift) => gift.kind === "lifetime")?.seconds;
  const isLifetimeTaken = before !== undefined && api.tokenLifetimeSeconds !== before;
  const why = [
    ...removeScopes.map((value) => `-${value}`),
    ...(isConsentTaken ? ["skip_consent_for_verifiable_first_party_clients as before"] : []),
    ...(isLifetimeTaken ? [`token_lifetime ${before} s as before`] : []),
  ];
  if (why.length === 0) return [];
  const effect: Effect = {
    kind: "update_api",
    identifier,
    setScopes: [],
    removeScopes,
    ...(isConsentTaken && { skipsConsent: false }),
    ...(isLifetimeTaken && { tokenLifetimeSeconds: before }),
  };
  return [{ sign: "~", what, why, effect }];
}

/**
 * Gives back to an API what a deployment took from it, described anew or set to something else; `gave` is what it had given
 * before, `set` what it had set.
 */
export function giveBackToApi(
  before: ApiState,
  { apis, mark }: TenantState,
  gave: readonly Share[],
  set: readonly Share[],
): Change[] {
  const { identifier: of, scopes, tokenLifetimeSeconds } = before;
  const what = `API ${of}`;
  const now = apis.find((one) => one.identifier === of);
  if (!now) {
    if (!isAmong({ kind: "api", of }, gave)) return [];
    const effect: Effect = { kind: "create_api", identifier: of, scopes, tokenLifetimeSeconds };
    return [{ sign: "+", what, why: ["was there before"], effect }];
  }
  const setScopes = scopes.filter(({ value: scope, description }) => {
    const is = now.scopes.find(({ value }) => value === scope);
    if (!is) return isAmong({ kind: "scope", of, scope }, gave);
    return is.description !== description && isAmong({ kind: "scope", of, scope }, mark?.uses ?? []);
  });
  const isConsentGiven = before.skipsConsent && !now.skipsConsent && isAmong({ kind: "consent", of }, gave);
  const lifetime = set.find((one) => one.kind === "lifetime" && one.of === of);
  const seconds = lifetime?.kind === "lifetime" ? lifetime.seconds : now.tokenLifetimeSeconds;
  const hasLifetime = seconds === now.tokenLifetimeSeconds;
  if (setScopes.length === 0 && !isConsentGiven && hasLifetime) return [];
  const why = [
    "as before",
    ...(hasLifetime ? [] : [`token_lifetime ${seconds} s`]),
    ...setScopes.map(({ value }) => `~${value}`),
  ];
  const effect: Effect = {
    kind: "update_api",
    identifier: of,
    setScopes,
    removeScopes: [],
    ...(isConsentGiven && { skipsConsent: true }),
    ...(!hasLifetime && { tokenLifetimeSeconds: seconds }),
  };
  return [{ sign: "~", what, why, effect }];
}

/** Makes an API that first-party clients need no consent for. Needs `create:resource_servers`. */
export async function createApi(
  api: ManagementApi,
  { identifier, scopes, tokenLifetimeSeconds }: Extract<Effect, { kind: "create_api" }>,
): Promise<void> {
  await api.ask(`create the API ${identifier}`, () =>
    api.client.resourceServers.create({
      identifier,
      name: identifier.replace(/[<>]/g, "").slice(0, MAX_NAME_LENGTH),
      scopes: scopes.map(wire),
      ...(tokenLifetimeSeconds !== undefined && { token_lifetime: tokenLifetimeSeconds }),
      skip_consent_for_verifiable_first_party_clients: true,
    }),
  );
}

/** Changes an API. The list of scopes is replaced as a whole by Auth0, so it is read again first. */
export async function updateApi(
  api: ManagementApi,
  effect: Extract<Effect, { kind: "update_api" }>,
): Promise<void> {
  const { identifier, setScopes, removeScopes, skipsConsent, tokenLifetimeSeconds } = effect;
  const current = await readApi(api, identifier);
  const isTouched = ({ value }: Scope) =>
    removeScopes.includes(value) || setScopes.some((one) => one.value === value);
  const changed = new Map(setScopes.map((scope) => [scope.value, scope]));
  // Each stays in its place; new ones come last.
  const kept = (current?.scopes ?? []).flatMap((scope) => {
    if (!isTouched(scope)) return [scope];
    const other = changed.get(scope.value);
    changed.delete(scope.value);
    return other ? [other] : [];
  });
  const hasScopes = setScopes.length > 0 || removeScopes.length > 0;
  await api.ask(`change the API ${identifier}`, () =>
    api.client.resourceServers.update(identifier, {
      ...(hasScopes && { scopes: [...kept, ...changed.values()].map(wire) }),
      ...(skipsConsent !== undefined && { skip_consent_for_verifiable_first_party_clients: skipsConsent }),
      ...(tokenLifetimeSeconds !== undefined && { token_lifetime: tokenLifetimeSeconds }),
    }),
  );
}

/** Deletes an API that has no scopes but these. Needs `delete:resource_servers`. Throws `deployment_conflict`. */
export async function deleteApi(
  api: ManagementApi,
  { identifier, scopes }: Extract<Effect, { kind: "delete_api" }>,
): Promise<void> {
  const current = await readApi(api, identifier);
  const added = (current?.scopes ?? []).filter(({ value }) => !scopes.includes(value));
  if (added.length > 0) {
    throw new ApiKeysError(
      "deployment_conflict",
      `Somebody added scopes to the API ${identifier} meanwhile: ${added.map(({ value }) => value).join(" ")}.`,
      "Run the same command again: it keeps the API, and takes its own scopes from it.",
    );
  }
  await api.ask(`delete the API ${identifier}`, () => api.client.resourceServers.delete(identifier));
}

async function readApi(api: ManagementApi, identifier: string): Promise<ApiState | undefined> {
  const found = await api.find(`read the API ${identifier}`, () =>
    api.client.resourceServers.get(identifier),
  );
  if (!found) return undefined;
  return {
    id: found.id ?? "",
    identifier,
    scopes: (found.scopes ?? []).map(({ value, description }) => ({ value, description: description ?? "" })),
    skipsConsent: found.skip_consent_for_verifiable_first_party_clients === true,
    tokenLifetimeSeconds: found.token_lifetime ?? DEFAULT_LIFETIME_SECONDS,
  };
}

function wire({ value, description }: Scope): { value: string; description?: string } {
  return description === "" ? { value } : { value, description };
}
