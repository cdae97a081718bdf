/** An API (resource server) for which keys are exchanged, with every scope that the deployment names. */
export interface Api {
  readonly identifier: string;
  readonly scopes: readonly string[];
  /** What new keys begin with that are bound to this API alone. Default: the deployment's prefix. */
  readonly keyPrefix?: string;
  /** Scopes that the tenant's API has and the deployment does not name: no key gets them. Known when it is applied. */
  readonly otherScopes?: readonly string[];
  /** What each scope is, for people. */
  readonly scopeDescriptions?: Readonly<Record<string, string>>;
}

/** Which deployment: a name on a tenant. Everything that belongs to a deployment carries both. */
export interface DeploymentId {
  /** The tenant's own domain, as in `acme.eu.auth0.com`; `localhost` for a local tenant, whatever its port. */
  readonly tenant: string;
  /** Unique on its tenant. Default: `api-keys`. */
  readonly name: string;
}

/** A deployment: what exchanges, keys and the deploy tool go by. Nothing of it is secret. */
export interface Deployment extends DeploymentId {
  /** The `subject_token_type` of the token exchange profile. */
  readonly subjectTokenType: string;
  /** The prefixes of keys that are not bound to one API's own: the current one first, then retired ones. */
  readonly keyPrefixes: readonly string[];
  readonly apis: readonly Api[];
  /** Ids of the clients that may exchange keys. */
  readonly clients: readonly string[];
  /** Whether keys that were made elsewhere and imported are accepted. Default: false. */
  readonly acceptForeignKeys?: boolean;
  /** Whether keys that are limited to scopes may have those of OpenID Connect, and with them an ID token. Default: false. */
  readonly openid?: boolean;
  /** Whether the Action notes when a key was last used, for which it needs to write to Redis. Default: false. */
  readonly lastUsed?: boolean;
}

/** What both Actions know of their deployment: baked into their code. */
export interface DeployedDeployment extends Omit<Deployment, "clients"> {
  /**
   * Whether what is there may be of before deployments had names: entries and actors of that form count as well, and an
   * actor needs no tag, until they are taken over.
   */
  readonly takesOver?: boolean;
}

/** What a deployment knows its tenant by: a local one has another port at each start, and is the same tenant. */
export function tenantOf(host: string): string {
  return /^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host) ? "localhost" : host;
}

/** The name of a deployment that was given none. What is named after it is named as it was before there were names. */
export const DEFAULT_NAME = "api-keys";
/** What a deployment may be called. */
export const DEPLOYMENT_NAME = /^[a-z][a-z0-9-]{2,39}$/;

/** The root field of `app_metadata` that holds a deployment's entries: static, as Auth0's search index wants it. */
export function entriesFieldOf({ name }: Pick<Deployment, "name">): string {
  return name === DEFAULT_NAME ? "api_keys" : `api_keys_${name}`;
}

/** Every prefix that a deployment accepts, each once. */
export function acceptedPrefixes({ keyPrefixes, apis }: Pick<Deployment, "keyPrefixes" | "apis">): string[] {
  return [...new Set([...keyPrefixes, ...apis.flatMap(({ keyPrefix = [] }) => keyPrefix)])];
}

/** Whether a deployment accepts keys that begin so; `undefined` is of a key that was made before prefixes were noted. */
export function isPrefixAccepted(
  deployment: Pick<Deployment, "keyPrefixes" | "apis">,
  prefix: string | undefined,
): boolean {
  return prefix === undefined || acceptedPrefixes(deployment).includes(prefix);
}

/** What a new key or secret for these audiences begins with: an API's own prefix if it is for that API alone. */
export function prefixFor(
  { keyPrefixes, apis }: Pick<Deployment, "keyPrefixes" | "apis">,
  audiences: readonly string[] | undefined,
): string {
  const only =
    audiences?.length === 1 ? apis.find(({ identifier }) => identifier === audiences[0]) : undefined;
  return only?.keyPrefix ?? keyPrefixes[0] ?? "";
}

/**
 * Whether an audience is one of Auth0's own, which are never for API keys: a web session, the user's profile, and the
 * Management, My Account and My Organization APIs.
 */
export function isReservedAudience(audience: string): boolean {
  return /(:session_transfer|\/userinfo|\/api\/v2\/|\/me\/|\/my-org\/)$/i.test(audience);
}
