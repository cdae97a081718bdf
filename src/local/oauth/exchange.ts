import type { Client, Organization, ResourceServer } from "../tenant-objects.ts";
import type { TokenParameters } from "./token-request.ts";

/** What is known of the HTTP request that a token request came in. */
export interface Caller {
  readonly ip: string;
  readonly hostname: string;
  readonly userAgent: string | undefined;
}

/** A token exchange on its way, filled in step by step; what the Actions and the tenant log are told about. */
export interface Exchange {
  readonly client: Client;
  readonly caller: Caller;
  readonly parameters: TokenParameters;
  readonly subjectTokenType: string;
  readonly requestedScopes: readonly string[];
  readonly api: ResourceServer | undefined;
  readonly organization: Organization | undefined;
}
