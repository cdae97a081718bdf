import { decideLogin } from "../src/core/decide-login.ts";

/** Looks at an exchanged key once more, in the user's own record, and narrows the access token to the key's scopes. */
export async function onExecutePostLogin(event: PostLoginEvent, api: PostLoginApi): Promise<void> {
  const decision = decideLogin(
    {
      protocol: event.transaction?.protocol,
      subjectTokenType: event.transaction?.subject_token_type,
      actorSub: event.transaction?.actor?.sub,
      audience: event.resource_server?.identifier,
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
