import type { DeployConfig } from "../deploy/config.ts";
import { createPage } from "../page/page.ts";
import { createApiKeysHandler, openStores, type ApiKeysHandlerOptions } from "../self-service/index.ts";
import type { LocalFile } from "./local-file.ts";

/** The application that the local tenant's page is, and the API that it calls. */
export const SELF_SERVICE = {
  clientId: "acmeSelfServicePage0000000000001",
  audience: "https://self-service.acme.example",
} as const;

/** What the page is served with. */
export interface PageOptions extends Pick<ApiKeysHandlerOptions, "rateLimit"> {
  readonly onLog: (line: string) => void;
  readonly nowMs?: () => number;
}

/** The page of a running local tenant, with the self-service API over the tenant's stores. */
export async function selfServicePage(
  deployment: DeployConfig & { readonly pepper: string },
  tenant: Omit<LocalFile, "api_key_pepper"> & {
    readonly api_url: string;
    readonly self_service_url?: string;
  },
  { onLog, nowMs, rateLimit }: PageOptions,
): Promise<(request: Request) => Promise<Response>> {
  const { issuer, api_url, token_endpoint } = tenant;
  const home = new URL(tenant.self_service_url ?? issuer).origin;
  const stores = openStores(
    deployment,
    {
      origin: new URL(issuer).origin,
      managementApi: tenant.management_api,
      clientId: tenant.management_client_id,
      clientSecret: tenant.management_client_secret,
      redisUrl: tenant.redis_rest_url,
      redisToken: tenant.redis_rest_token,
      pepper: deployment.pepper,
    },
    nowMs && { nowMs },
  );
  const selfService = createApiKeysHandler({
    stores,
    basePath: "/self-service",
    issuer,
    audience: SELF_SERVICE.audience,
    token_endpoint,
    errorPages: `${home}/errors/`,
    ...(rateLimit && { rateLimit }),
    onError: (error) => onLog(`self-service: ${error instanceof Error ? error.message : "unknown"}`),
  });
  return createPage({ ...SELF_SERVICE, home, issuer, apiUrl: api_url, selfService });
}
