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
 */
export async function readTenant(api: ManagementApi, desired: Desired): Promise<TenantState> {
  const { actions, mark, neighbours, names } = await readActions(api, desired);
  const known = [...usesOf(desired), ...(mark ? [...mark.uses, ...mark.gave] : [])];
  const named = (isClient: boolean) =>
    known.flatMap((one) =>
      one.kind !== "throttling" && (one.kind === "client") === isClient ? [one.of] : [],
    );
  const apis = await readApis(api, named(false));
  const bindings = await readBindings(api);
  const exchange = actions.find(({ trigger }) => trigger === "custom-token-exchange");
  const profiles = await readProfiles(api, names);
  const profile =
    profiles.find(({ subjectTokenType }) => subjectTokenType === desired.subjectTokenType) ??
    profiles.find(({ actionId }) => actionId === exchange?.id);
  const clients = await readClients(api, named(true));
  const isThrottled = known.some(({ kind }) => kind === "throttling");
  const ipThrottling = isThrottled ? await readIpThrottling(api) : undefined;
  const counts = { actions: names.size, profiles: profiles.length };
  return { apis, actions, bindings, profile, clients, ipThrottling, mark, neighbours, counts };
}
