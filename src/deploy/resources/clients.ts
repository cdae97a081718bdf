import { ApiKeysError } from "../../core/errors.ts";
import type { Change } from "../change.ts";
import type { ManagementApi } from "../management-api.ts";
import type { Share } from "../mark.ts";
import { isAmong } from "../shares.ts";
import { CUSTOM_AUTHENTICATION, type ClientState, type TenantState } from "../tenant-state.ts";

// Named, so that no answer holds a client_secret.
const FIELDS = "client_id,token_exchange";

/** Reads those of the deployment's clients that exist. Needs `read:clients`. */
export async function readClients(api: ManagementApi, clientIds: readonly string[]): Promise<ClientState[]> {
  const found: ClientState[] = [];
  for (const clientId of new Set(clientIds)) {
    const client = await readClient(api, clientId);
    if (client) found.push(client);
  }
  return found;
}

/** Whether a client may use profiles of our type. Throws `client_missing`. */
export function planClient(clientId: string, { clients }: TenantState): Change[] {
  const client = clients.find((one) => one.clientId === clientId);
  if (!client) throw missing(clientId);
  if (client.types?.includes(CUSTOM_AUTHENTICATION)) return [];
  const kept = client.types?.length ? `; ${client.types.join(" ")} stays` : "";
  const why = [`token_exchange.allow_any_profile_of_type lacks ${CUSTOM_AUTHENTICATION}${kept}`];
  return [{ sign: "~", what: `client ${clientId}`, why, effect: { kind: "enable_client", clientId } }];
}

/** Takes our type from a client that it was given to. */
export function takeFromClient({ clientId, types }: ClientState, gifts: readonly Share[]): Change[] {
  const gift = gifts.find((one) => one.kind === "client" && one.of === clientId);
  if (gift?.kind !== "client" || !types?.includes(CUSTOM_AUTHENTICATION)) return [];
  const keepsList = gift.hadList === true;
  const what = `client ${clientId}`;
  const outage = "it can no longer exchange keys";
  const why = [`-${CUSTOM_AUTHENTICATION} in token_exchange.allow_any_profile_of_type`];
  return [{ sign: "~", what, why, outage, effect: { kind: "disable_client", clientId, keepsList } }];
}

/** Gives our type back to a client that had it from us. */
export function giveBackToClient(
  { clientId, types }: ClientState,
  target: TenantState,
  gave: readonly Share[],
): Change[] {
  const before = target.clients.find((one) => one.clientId === clientId);
  const had = before?.types?.includes(CUSTOM_AUTHENTICATION) === true;
  const isGiven = isAmong({ kind: "client", of: clientId }, gave);
  if (!had || types?.includes(CUSTOM_AUTHENTICATION) || !isGiven) return [];
  const what = `client ${clientId}`;
  return [{ sign: "~", what, why: ["had it before"], effect: { kind: "enable_client", clientId } }];
}

/** Adds our type to what a client may use, and leaves the rest. Needs `update:clients`. */
export async function enableClient(api: ManagementApi, clientId: string): Promise<void> {
  const types = (await readTypes(api, clientId)) ?? [];
  if (types.includes(CUSTOM_AUTHENTICATION)) return;
  await writeTypes(api, clientId, [...types, CUSTOM_AUTHENTICATION]);
}

/** Takes our type out again. A list that was not there before goes with its last type. */
export async function disableClient(api: ManagementApi, clientId: string, keepsList: boolean): Promise<void> {
  const types = await readTypes(api, clientId);
  if (!types?.includes(CUSTOM_AUTHENTICATION)) return;
  const others = types.filter((type) => type !== CUSTOM_AUTHENTICATION);
  await writeTypes(api, clientId, others.length > 0 || keepsList ? others : null);
}

async function readTypes(api: ManagementApi, clientId: string): Promise<readonly string[] | undefined> {
  const client = await readClient(api, clientId);
  if (!client) throw missing(clientId);
  return client.types;
}

async function readClient(api: ManagementApi, clientId: string): Promise<ClientState | undefined> {
  const client = await api.find(`read the client ${clientId}`, () =>
    api.client.clients.get(clientId, { fields: FIELDS, include_fields: true }),
  );
  return client && { clientId, types: client.token_exchange?.allow_any_profile_of_type };
}

function missing(clientId: string): ApiKeysError {
  return new ApiKeysError(
    "client_missing",
    `There is no client ${clientId} in this tenant.`,
    "Create the application in the Auth0 dashboard, and put its client id into deploy.config.ts.",
  );
}

async function writeTypes(
  api: ManagementApi,
  clientId: string,
  types: readonly string[] | null,
): Promise<void> {
  const token_exchange = types && {
    allow_any_profile_of_type: types as "custom_authentication"[],
  };
  await api.ask(`change the client ${clientId}`, () =>
    api.client.clients.update(clientId, { token_exchange }),
  );
}
