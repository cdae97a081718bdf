import { ApiKeysError } from "../core/errors.ts";
import type { Keys } from "./keys.ts";

/** The ids of a user's organizations; `undefined` where the credentials may not ask, which needs `read:organizations`. */
export async function organizationIdsOf(
  { rights }: Keys,
  userId: string,
): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await rights.organizationsOf(userId)).map(({ id }) => id));
  } catch (error) {
    if (error instanceof ApiKeysError && error.code === "management_forbidden") return undefined;
    throw error;
  }
}
