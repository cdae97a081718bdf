import { ApiKeysError, type ApiKeysErrorCode } from "../core/errors.ts";
import { ask } from "./user-key-store.ts";

/** What a request is about, for the error that it may end in. */
export interface Asked {
  /** As in `API https://api.acme.com`. */
  readonly what: string;
  /** The permissions that it needs. */
  readonly needs: readonly string[];
  /** The code for what does not exist, and what to do about it. */
  readonly missing: readonly [code: ApiKeysErrorCode, fix: string];
}

/** Like `ask`; what does not exist or is not permitted is named, and so is the permission that is needed. */
export async function askAbout<T>(
  { what, needs, missing }: Asked,
  request: () => PromiseLike<T>,
): Promise<T> {
  try {
    return await ask(what, request);
  } catch (error) {
    if (!(error instanceof ApiKeysError)) throw error;
    const { code, message, cause } = error;
    if (code === "user_not_found") {
      throw new ApiKeysError(missing[0], `There is no ${what} in this tenant.`, missing[1], cause);
    }
    if (code === "management_forbidden") {
      throw new ApiKeysError(
        code,
        message.replace("Auth0 refused the request.", `Auth0 refused a request about the ${what}.`),
        `Grant the machine-to-machine application on the Auth0 Management API: ${needs.join(" ")}`,
        cause,
      );
    }
    throw error;
  }
}
