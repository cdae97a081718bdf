/**
 * Behaviour of Auth0 that is inferred, not documented: each with the value that the local tenant assumes. Sources and
 * reasons stand in docs/FIDELITY.md, a row a switch.
 */
export const INFERRED = {
  /** `error` of a 401 for an unknown client or a wrong secret. */
  client_authentication_error: "access_denied" as "access_denied" | "invalid_client",
  /** Whether a client must list the token-exchange grant in `grant_types`. */
  grant_type_required: false,
  /** Whether `/oauth/token` accepts JSON bodies. */
  json_token_requests: true,
  /** Status for an Action that throws, times out, or has a wrong signature. */
  failed_action_status: 500,
  /** Status where an Action sets no user, or one that is unknown or blocked. */
  refused_user_status: 400,
  /** Status of a denial in post-login. */
  post_login_deny_status: 403,
  /** Whether a recorded denial wins over a user that was set as well. */
  denial_wins: true,
  /** Status for an API that needs consent. */
  consent_required_status: 400,
  /** Whether an ID token is issued although post-login removed the scope `openid` from the access token. */
  id_token_despite_removed_openid: true,
  /** What an exchange without `scope` is granted: all scopes of the audience that the user may have, or none. */
  no_scope_grants: "all" as "all" | "none",
  /** Whether post-login is told the caller's address in an exchange. */
  post_login_request_ip: true,
  /** A token with so many levels of `act` is not passed on any more. */
  max_delegation_depth: 4,
  /** Whether profiles over 10 KB are refused. Documented is that they may start to fail. */
  oversized_profiles_refused: true,
  /** Whether an Action that a token exchange profile names can be deleted. */
  action_of_profile_deletable: false,
  /** After so many milliseconds a search finds a user as it is. */
  search_lag_ms: 1_000,
  /** Status of a deployment of an Action. Documented is 202, recorded 200. */
  deploy_status: 200,
};

/** The inferred behaviours and what is assumed of each. */
export type Fidelity = typeof INFERRED;

/** Reads switches written as `name=value`; throws `TypeError` for an unknown name or a value of another type. */
export function parseFidelity(switches: readonly string[]): Partial<Fidelity> {
  return Object.fromEntries(
    switches.map((text) => {
      const [name = "", value = ""] = text.split("=");
      const assumed: unknown = INFERRED[name as keyof Fidelity];
      if (assumed === undefined) {
        throw new TypeError(`There is no switch "${name}". There are: ${Object.keys(INFERRED).join(", ")}`);
      }
      const read = typeof assumed === "string" ? value : (JSON.parse(value) as unknown);
      if (typeof read !== typeof assumed) throw new TypeError(`"${name}" must be a ${typeof assumed}`);
      return [name, read];
    }),
  );
}
