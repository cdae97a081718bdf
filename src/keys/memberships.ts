import { ApiKeysError } from "../core/errors.ts";
import type { Keys } from "./keys.ts";

/**
 * The ids of a user's organizations; `undefined` where they are not known: where the credentials may not ask, which needs
 * `read:organizations`, or where there are more than Auth0 lists.
 */
export async function organizationIdsOf(
  { rights }: Keys,
  userId: string,
): Promise<ReadonlySet<string> | undefined> {
  try {
    const { organizations, isCut } = await rights.organizationsOf(userId);
    return isCut ? undefined : new Set(organizations.map(({ id }) => id));
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "management_forbidden") return undefined;
    throw error;
  }
}
