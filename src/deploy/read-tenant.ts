import { usesOf, type Desired } from "./desired.ts";
import type { ManagementApi } from "./management-api.ts";
import { readActions } from "./resources/actions.ts";
import { readApis } from "./resources/apis.ts";
import { readBindings } from "./resources/bindings.ts";
import { readClients } from "./resources/clients.ts";
import { readIpThrottling } from "./resources/ip-throttling.ts";
import { readProfiles } from "./resources/profile.ts";
import type { TenantState } from "./tenant-state.ts";

/**
 * Reads what a deployment is about, and what it once gave, one request after the other: rate limits are per second. Writes
 * nothing.
 *
 * @param target a state to go back to: what it is about is read as well.
 */
export async function readTenant(
  api: ManagementApi,
  desired: Desired,
  target?: TenantState,
): Promise<TenantState> {
  const { actions, mark, neighbours, names } = await readActions(api, desired);
  const known = [...usesOf(desired), ...(mark ? [...mark.uses, ...mark.gave] : [])];
  const named = (isClient: boolean) =>
    known.flatMap((one) =>
      one.kind !== "throttling" && (one.kind === "client") === isClient ? [one.of] : [],
    );
  const apis = await readApis(api, [
    ...named(false),
    ...(target?.apis ?? []).map(({ identifier }) => identifier),
  ]);
  const bindings = await readBindings(api);
  const exchange = actions.find(({ trigger }) => trigger === "custom-token-exchange");
  const profiles = await readProfiles(api, names);
  const profile =
    profiles.find(({ subjectTokenType }) => subjectTokenType === desired.subjectTokenType) ??
    profiles.find(
      ({ actionId, name, subjectTokenType }) =>
        actionId === exchange?.id && (name === desired.name || subjectTokenType === mark?.subjectTokenType),
    );
  const clients = await readClients(api, [
    ...named(true),
    ...(target?.clients ?? []).map(({ clientId }) => clientId),
  ]);
  const isThrottled = known.some(({ kind }) => kind === "throttling") || target?.ipThrottling !== undefined;
  const ipThrottling = isThrottled ? await readIpThrottling(api) : undefined;
  const counts = { actions: names.size, profiles: profiles.length };
  return { apis, actions, bindings, profile, clients, ipThrottling, mark, neighbours, counts };
}
