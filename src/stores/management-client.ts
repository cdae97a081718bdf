import { ManagementClient } from "auth0";

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
 * Auth0's ManagementClient, one attempt a request: a create that succeeded but answered late must not be repeated
 * behind our back. The SDK always speaks to `https://{domain}`, so other bases are reached through its `fetch`.
 */
export function createManagementClient(settings: ManagementSettings): ManagementClient {
  const { host } = new URL(settings.origin);
  return new ManagementClient({
    domain: host,
    audience: settings.managementAudience,
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    maxRetries: 0,
    timeoutInSeconds: settings.timeoutMs / 1000,
    telemetry: false,
    // The SDK's own bound of a token request is 10 seconds, whatever the timeout: too long for the lease of a lock.
    fetch: (input, init) => {
      const signals = [AbortSignal.timeout(settings.timeoutMs), ...(init?.signal ? [init.signal] : [])];
      return fetch(rebase(input, host, settings), { ...init, signal: AbortSignal.any(signals) });
    },
  });
}

type FetchInput = Parameters<typeof fetch>[0];

function rebase(input: FetchInput, host: string, settings: ManagementSettings): FetchInput {
  if (input instanceof Request) return input;
  return String(input)
    .replace(`https://${host}/api/v2`, settings.managementApi)
    .replace(`https://${host}/`, `${settings.origin}/`);
}
