import type { RandomBytes } from "../core/base62.ts";
import { ApiKeysError } from "../core/errors.ts";
import { Problem } from "./problem.ts";
import { PROBLEMS, type ProblemCode } from "./problems.ts";

const RETRY_AFTER_SECONDS = { least: 2, values: 8 };

/**
 * The refusal that a failure becomes. Texts of the library are for operators and name ids and commands: only the code
 * decides, and the caller reads our own words. When to come back is drawn by lot: those who were refused together must not
 * come back together.
 */
export function explain(error: unknown, randomBytes: RandomBytes): Problem {
  const problem = error instanceof Problem ? error : new Problem(codeOf(error));
  const { code } = problem;
  if (PROBLEMS[code].status !== 503) return problem;
  const { least, values } = RETRY_AFTER_SECONDS;
  const seconds = least + ((randomBytes(1)[0] ?? 0) % values);
  return new Problem(code, { headers: { "retry-after": String(seconds) } });
}

function codeOf(error: unknown): ProblemCode {
  if (!(error instanceof ApiKeysError)) return "internal_error";
  const { code } = error;
  switch (code) {
    case "key_not_found":
      return "not_found";
    case "user_not_found":
      return "not_a_user";
    case "key_limit_reached":
    case "name_invalid":
    case "name_taken":
    case "audience_unknown":
    case "ip_range_invalid":
    case "profile_too_large":
    case "key_dead":
    case "key_shown_already":
    case "rotation_under_way":
    case "no_rotation_under_way":
      return code;
    case "scope_unknown":
      return "scope_not_grantable";
    case "organization_invalid":
      return "organization_not_allowed";
    case "expiry_past":
    case "expiry_over_policy":
    case "no_expiry_refused":
      return "lifetime_not_allowed";
    case "store_unavailable":
    case "pepper_not_deployed":
    case "user_locked":
    case "lease_too_short":
    case "update_lost":
    case "change_incomplete":
    case "management_rate_limited":
    case "management_unavailable":
      return "temporarily_unavailable";
    // What is left is for the operator to mend: no caller can do anything about it.
    default:
      return "internal_error";
  }
}
