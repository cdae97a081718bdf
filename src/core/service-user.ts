/**
 * The Auth0 user id of the service user that owns an organization's keys: made of the organization's id, so that there is
 * one each, and nothing has to be looked up.
 */
export function serviceUserId(organizationId: string): string {
  return `auth0|api-keys-${organizationId}`;
}
