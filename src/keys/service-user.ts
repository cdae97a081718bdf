import { ApiKeysError } from "../core/errors.ts";
import type { NewKeyRequest } from "../core/policy.ts";
import { createKey, type CreatedKey } from "./create.ts";
import type { Keys } from "./keys.ts";
import type { Minting } from "./minting.ts";

/**
 * Makes a key that an organization owns: of its service user, which is made if there is none yet, and bound to it. It
 * survives the person who made it. Throws `service_users_off`, `organization_not_found`, or what making a key throws.
 */
export async function createOrganizationKey(
  keys: Keys,
  organizationId: string,
  request: Omit<NewKeyRequest, "organizationId">,
  minting?: Minting,
): Promise<CreatedKey & { readonly userId: string }> {
  if (!keys.serviceUsers) {
    throw new ApiKeysError(
      "service_users_off",
      "There is no connection for service users in deploy.config.ts.",
      'Set serviceUsers: { connection: "api-key-service-users" } there: docs/ORGANIZATIONS.md',
    );
  }
  const userId = await keys.serviceUsers.ensure(organizationId);
  return { userId, ...(await createKey(keys, userId, { ...request, organizationId }, minting)) };
}
