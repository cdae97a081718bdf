/** A user, with the property names of the Management API. */
export interface User {
  readonly user_id: string;
  readonly [property: string]: unknown;
}

/** A client (application). */
export interface Client {
  readonly client_id: string;
  readonly name: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method: "none" | "client_secret_post" | "client_secret_basic";
  readonly grant_types: readonly string[];
  readonly is_first_party: boolean;
  readonly oidc_conformant: boolean;
  readonly is_token_endpoint_ip_header_trusted: boolean;
  readonly client_metadata: Readonly<Record<string, string>>;
  readonly token_exchange?: { readonly allow_any_profile_of_type: readonly string[] };
  /** What else the Management API was told about it. */
  readonly [property: string]: unknown;
}

/** A resource server (API). */
export interface ResourceServer {
  readonly id?: string;
  readonly identifier: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly scope_descriptions?: Readonly<Record<string, string>>;
  readonly token_dialect: "access_token" | "access_token_authz" | "rfc9068_profile" | "rfc9068_profile_authz";
  readonly token_lifetime: number;
  readonly allow_offline_access: boolean;
  readonly skip_consent_for_verifiable_first_party_clients: boolean;
  /** Whether RBAC is on: a user then gets the scopes of the user's permissions alone. Default: false. */
  readonly enforce_policies?: boolean;
  /** Who gets tokens for it. Default: users of every client; clients with a grant. */
  readonly subject_type_authorization?: {
    readonly user?: { readonly policy: "allow_all" | "deny_all" | "require_client_grant" } | undefined;
    readonly client?: { readonly policy: "deny_all" | "require_client_grant" } | undefined;
  };
}

/** An organization with the users that are its members. */
export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly display_name: string;
  readonly members: ReadonlySet<string>;
  /** Ids of the connections that its members may come from. */
  readonly enabledConnections: ReadonlySet<string>;
}

/** A permission of one client for one API, which the client-credentials grant needs. */
export interface ClientGrant {
  readonly id?: string;
  /** Whether it is for the client itself or for its users. Default: `client`. */
  readonly subject_type?: "client" | "user";
  readonly client_id: string;
  readonly audience: string;
  readonly scope: readonly string[];
}

/** A token exchange profile: which Action answers for a `subject_token_type`. */
export interface TokenExchangeProfile {
  readonly id: string;
  readonly name: string;
  readonly type: "custom_authentication";
  readonly subject_token_type: string;
  readonly action_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** An Action's place in the trigger post-login. */
export interface Binding {
  readonly id: string;
  readonly action_id: string;
  readonly display_name: string;
  readonly created_at: string;
}

/** A scope of an API as a permission of users and roles. */
export interface Permission {
  readonly resource_server_identifier: string;
  readonly permission_name: string;
}

/** A role and its permissions. */
export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly permissions: readonly Permission[];
}

/** A connection with the clients that it is enabled for. */
export interface Connection {
  readonly id: string;
  readonly name: string;
  readonly strategy: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly enabledClients: ReadonlySet<string>;
}

/** How a stage of the suspicious-IP throttling counts: attempts, and milliseconds until one is regained. */
export interface ThrottlingStage {
  readonly max_attempts: number;
  readonly rate: number;
}

/** Suspicious-IP throttling, as the Management API shows it. */
export interface IpThrottling {
  readonly enabled: boolean;
  readonly shields: readonly string[];
  readonly allowlist: readonly string[];
  readonly stage: Readonly<
    Record<"pre-login" | "pre-user-registration" | "pre-custom-token-exchange", ThrottlingStage>
  >;
}

/** A tenant log event of an exchange: a key's (`secte`, `fecte`), or one on behalf of a user. */
export interface TenantLog {
  readonly type:
    | "secte"
    | "fecte"
    | "success_on_behalf_of_token_exchange"
    | "failed_on_behalf_of_token_exchange";
  readonly log_id: string;
  readonly date: string;
  readonly description: string;
  readonly [property: string]: unknown;
}
