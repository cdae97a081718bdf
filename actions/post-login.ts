import { decideLogin } from "../src/core/decide-login.ts";

/** Looks at a key once more, in the user's own record, wherever its token goes, and narrows that to the key's scopes. */
export async function onExecutePostLogin(event: PostLoginEvent, api: PostLoginApi): Promise<void> {
  const decision = decideLogin(
    {
      protocol: event.transaction?.protocol,
      subjectTokenType: event.transaction?.subject_token_type,
      actor: event.transaction?.actor,
      clientId: event.client?.client_id,
      ip: event.request?.ip,
      audience: event.resource_server?.identifier,
      organizationId: event.organization?.id,
      requestedScopes: event.transaction?.requested_scopes ?? [],
      appMetadata: event.user.app_metadata,
    },
    DEPLOYMENT,
    Math.floor(Date.now() / 1000),
  );
  switch (decision.kind) {
    case "pass":
      return;
    case "deny":
      return api.access.deny(decision.reason);
    case "narrow":
      for (const scope of decision.removeScopes) api.accessToken.removeScope(scope);
  }
}
