import type { Change, Effect } from "../change.ts";
import type { Desired, Scope } from "../desired.ts";
import type { ManagementApi } from "../management-api.ts";
import type { ApiState, TenantState } from "../tenant-state.ts";

/** Reads those APIs that exist. Needs `read:resource_servers`. */
export async function readApis(api: ManagementApi, identifiers: readonly string[]): Promise<ApiState[]> {
  const found: ApiState[] = [];
  for (const identifier of identifiers) {
    const state = await readApi(api, identifier);
    if (state) found.push(state);
  }
  return found;
}

/** What an API lacks: itself, scopes, or the consent that exchanges cannot ask for. Scopes of others stay. */
export function planApi(desired: Desired["apis"][number], { apis }: TenantState): Change[] {
  const { identifier, scopes } = desired;
  const what = `API ${identifier}`;
  const current = apis.find((one) => one.identifier === identifier);
  if (!current) {
    const why = [`does not exist; ${scopes.length} scopes`];
    return [{ sign: "+", what, why, effect: { kind: "create_api", identifier, scopes } }];
  }
  const setScopes = scopes.filter(
    ({ value, description }) =>
      !current.scopes.some((one) => one.value === value && one.description === description),
  );
  const why = [
    ...(current.skipsConsent ? [] : ["skip_consent_for_verifiable_first_party_clients is off"]),
    ...(setScopes.length > 0 ? [`scopes ${setScopes.map(({ value }) => value).join(" ")}`] : []),
  ];
  if (why.length === 0) return [];
  const consent = current.skipsConsent ? {} : { skipsConsent: true };
  const effect: Effect = { kind: "update_api", identifier, setScopes, removeScopes: [], ...consent };
  return [{ sign: "~", what, why, effect }];
}

/** Deletes an API that was not there; else takes back its consent, and the scopes that were added or described anew. */
export function restoreApi(api: ApiState, target: TenantState): Change[] {
  const { identifier } = api;
  const what = `API ${identifier}`;
  const before = target.apis.find((one) => one.identifier === identifier);
  if (!before) {
    const outage = "tokens for it are no longer issued to anybody";
    const effect: Effect = { kind: "delete_api", identifier };
    return [{ sign: "-", what, why: ["was not there before"], outage, effect }];
  }
  const removeScopes = api.scopes
    .filter(({ value }) => !before.scopes.some((one) => one.value === value))
    .map(({ value }) => value);
  const setScopes = before.scopes.filter(
    ({ value, description }) =>
      !api.scopes.some((one) => one.value === value && one.description === description),
  );
  const isConsentKept = before.skipsConsent === api.skipsConsent;
  const touched = [...removeScopes, ...setScopes.map(({ value }) => value)];
  const why = [
    ...(isConsentKept ? [] : ["skip_consent_for_verifiable_first_party_clients as before"]),
    ...(touched.length > 0 ? [`scopes ${touched.join(" ")} as before`] : []),
  ];
  if (why.length === 0) return [];
  const consent = isConsentKept ? {} : { skipsConsent: before.skipsConsent };
  const effect: Effect = { kind: "update_api", identifier, setScopes, removeScopes, ...consent };
  return [{ sign: "~", what, why, effect }];
}

/** Makes an API that first-party clients need no consent for. Needs `create:resource_servers`. */
export async function createApi(
  api: ManagementApi,
  { identifier, scopes }: Extract<Effect, { kind: "create_api" }>,
): Promise<void> {
  await api.ask(`create the API ${identifier}`, () =>
    api.client.resourceServers.create({
      identifier,
      name: identifier,
      scopes: scopes.map(wire),
      skip_consent_for_verifiable_first_party_clients: true,
    }),
  );
}

/** Changes an API. The list of scopes is replaced as a whole by Auth0, so it is read again first. */
export async function updateApi(
  api: ManagementApi,
  effect: Extract<Effect, { kind: "update_api" }>,
): Promise<void> {
  const { identifier, setScopes, removeScopes, skipsConsent } = effect;
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
    }),
  );
}

/** Deletes an API. Needs `delete:resource_servers`. */
export async function deleteApi(api: ManagementApi, identifier: string): Promise<void> {
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
  };
}

function wire({ value, description }: Scope): { value: string; description?: string } {
  return description === "" ? { value } : { value, description };
}
