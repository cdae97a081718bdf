/** Every code an {@link ApiKeysError} can carry. Programs decide on the code, people read the message. */
export type ApiKeysErrorCode =
  | "configuration_invalid"
  | "pepper_invalid"
  | "pepper_not_deployed"
  | "pepper_not_held"
  | "pepper_in_use"
  | "user_not_found"
  | "key_not_found"
  | "key_limit_reached"
  | "name_invalid"
  | "name_taken"
  | "scope_unknown"
  | "audience_unknown"
  | "client_unknown"
  | "organization_invalid"
  | "organization_not_found"
  | "service_users_off"
  | "ip_range_invalid"
  | "expiry_past"
  | "expiry_over_policy"
  | "no_expiry_refused"
  | "reason_invalid"
  | "foreign_keys_refused"
  | "import_line_invalid"
  | "key_taken"
  | "lines_refused"
  | "profile_too_large"
  | "profile_malformed"
  | "store_unmarked"
  | "store_not_taken_over"
  | "store_foreign"
  | "store_not_empty"
  | "store_unavailable"
  | "record_untrusted"
  | "record_newer"
  | "key_newer"
  | "user_locked"
  | "lease_too_short"
  | "update_lost"
  | "change_incomplete"
  | "key_dead"
  | "key_shown_already"
  | "rotation_under_way"
  | "no_rotation_under_way"
  | "overlap_invalid"
  | "export_failed"
  | "differences_remain"
  | "restore_unconfirmed"
  | "transfer_refused"
  | "management_unauthorized"
  | "management_forbidden"
  | "management_rate_limited"
  | "management_unavailable"
  | "management_refused"
  | "bundle_invalid"
  | "action_foreign"
  | "deployment_conflict"
  | "deployment_unknown"
  | "limit_exceeded"
  | "prefix_unconfirmed"
  | "store_unreadable"
  | "action_build_failed"
  | "action_not_deployed"
  | "client_missing"
  | "bindings_conflict"
  | "deployment_unsettled"
  | "journal_missing"
  | "journal_foreign"
  | "rollback_refused"
  | "verification_failed"
  | "confirmation_missing"
  | "problems_found"
  | "no_key_found"
  | "key_not_shown"
  | "keys_remain";

/**
 * The one error class of this library: what happened (`message`), which case it is (`code`), what mends it
 * (`fix`, one sentence or command) and what caused it (`cause`). None of them ever holds a key, a secret or a hash.
 */
export class ApiKeysError extends Error {
  override readonly name = "ApiKeysError";
  readonly code: ApiKeysErrorCode;
  readonly fix: string;

  constructor(code: ApiKeysErrorCode, message: string, fix: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fix = fix;
  }
}
