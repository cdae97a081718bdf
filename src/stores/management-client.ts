import { ManagementClient } from "auth0";

import type { ManagementBudget } from "./management-budget.ts";

/** Where the Management API is and who asks. */
export interface ManagementSettings {
  /** Where `/oauth/token` is: `https://acme.eu.auth0.com`. */
  readonly origin: string;
  /** The base of the Management API: `https://acme.eu.auth0.com/api/v2`, or a proxy before it. */
  readonly managementApi: string;
  /** The audience of its tokens: `https://acme.eu.auth0.com/api/v2/`, of the tenant's own domain. */
  readonly managementAudience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly timeoutMs: number;
}

/**
 * The SDK's own bound of a request, which is not listened to: it would count the time in which a request waits for its turn,
 * and its timer goes on after a failure, so that a program which has ended would not exit before.
 */
const NO_BOUND_SECONDS = 0.001;

/**
 * Auth0's ManagementClient, one attempt a request: a create that succeeded but answered late must not be repeated
 * behind our back. Only what the rate limit refused is sent again, where a budget is given. The SDK always speaks to
 * `https://{domain}`, so other bases are reached through its `fetch`.
 */
export function createManagementClient(
  settings: ManagementSettings,
  budget?: ManagementBudget,
): ManagementClient {
  const { host } = new URL(settings.origin);
  return new ManagementClient({
    domain: host,
    audience: settings.managementAudience,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    maxRetries: 0,
    timeoutInSeconds: NO_BOUND_SECONDS,
    telemetry: false,
    // The SDK's own bound of a token request is 10 seconds, whatever the timeout: too long for the lease of a lock.
    fetch: async (input, init) => {
      const url = rebase(input, host, settings);
      // What is sent has the client's secret, or a token: it is for no other host.
      const send = async () =>
        fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(settings.timeoutMs) });
      const kind = kindOf(url, settings);
      return budget && kind !== undefined ? budget.send(kind, send) : send();
    },
  });
}

type FetchInput = Parameters<typeof fetch>[0];

/** What a request to the Management API is about: the first part of its path, as Auth0 counts them. */
function kindOf(input: FetchInput, { managementApi }: ManagementSettings): string | undefined {
  const url = input instanceof Request ? input.url : String(input);
  if (!url.startsWith(`${managementApi}/`)) return undefined;
  return /^[a-z-]+/.exec(url.slice(managementApi.length + 1))?.[0];
}

function rebase(input: FetchInput, host: string, settings: ManagementSettings): FetchInput {
  if (input instanceof Request) return input;
  return String(input)
    .replace(`https://${host}/api/v2`, settings.managementApi)
    .replace(`https://${host}/`, `${settings.origin}/`);
}
