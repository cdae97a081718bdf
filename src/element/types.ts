/** A key as the self-service API shows it; its OpenAPI document says what each field means. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly hint: string | null;
  readonly status: "active" | "refused" | "disabled" | "expired" | "revoked";
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly scopes: readonly string[] | null;
  readonly audiences: readonly string[] | null;
  readonly organization_id: string | null;
  readonly rotation: { readonly previous_expires_at: string } | null;
  readonly last_used: { readonly at: string; readonly count: number | null } | null;
}

/** A key with the text that is shown this once. */
export interface ShownKey {
  readonly api_key: ApiKey;
  readonly key: string;
}

/** What the user may give to a key, and what the policy allows. */
export interface Grantable {
  readonly scopes: readonly {
    readonly value: string;
    readonly description: string | null;
    readonly audience: string;
  }[];
  readonly organizations: readonly { readonly id: string; readonly name: string | null }[];
  readonly organization_id: string | null;
  readonly policy: {
    readonly default_lifetime_days: number;
    readonly max_lifetime_days: number;
    readonly allow_no_expiry: boolean;
    readonly max_keys: number;
    readonly default_overlap_seconds: number;
  };
  readonly exchange: {
    readonly token_endpoint: string;
    readonly subject_token_type: string;
    readonly client_ids: readonly string[];
  };
}

/** A request for a new key. */
export interface NewKey {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expires_in_days: number | null;
  readonly organization_id?: string;
}
