/** An API (resource server) for which keys are exchanged, with every scope that it defines. */
export interface Api {
  readonly identifier: string;
  readonly scopes: readonly string[];
}

/** What both Actions know of the deployment: baked into their code, nothing of it secret. */
export interface Deployment {
  /** The `subject_token_type` of the token exchange profile. */
  readonly subjectTokenType: string;
  /** The prefixes that are accepted: the current one first, then retired ones. */
  readonly keyPrefixes: readonly string[];
  readonly apis: readonly Api[];
  /** Whether keys that were made elsewhere and imported are accepted. Default: false. */
  readonly acceptForeignKeys?: boolean;
  /** Whether the Action notes when a key was last used, for which it needs to write to Redis. Default: false. */
  readonly lastUsed?: boolean;
}
