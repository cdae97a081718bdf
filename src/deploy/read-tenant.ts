import type { Desired } from "./desired.ts";
import type { ManagementApi } from "./management-api.ts";
import { readActions } from "./resources/actions.ts";
import { readApis } from "./resources/apis.ts";
import { readBindings } from "./resources/bindings.ts";
import { readClients } from "./resources/clients.ts";
import { readIpThrottling } from "./resources/ip-throttling.ts";
import { readProfile } from "./resources/profile.ts";
import type { TenantState } from "./tenant-state.ts";

/** Reads what a deployment is about, one request after the other: rate limits are per second. Writes nothing. */
export async function readTenant(api: ManagementApi, desired: Desired): Promise<TenantState> {
  const apis = await readApis(
    api,
    desired.apis.map(({ identifier }) => identifier),
  );
  const actions = await readActions(api, {
    "custom-token-exchange": desired.actions["custom-token-exchange"].name,
    "post-login": desired.actions["post-login"].name,
  });
  const bindings = await readBindings(api);
  const exchange = actions.find(({ trigger }) => trigger === "custom-token-exchange");
  const profile = await readProfile(api, desired.subjectTokenType, exchange?.id);
  const clients = await readClients(api, desired.clients);
  const ipThrottling = desired.ipThrottling ? await readIpThrottling(api) : undefined;
  return { apis, actions, bindings, profile, clients, ipThrottling };
}
