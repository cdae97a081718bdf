import { keyIdOfActor } from "./actor.ts";
import type { Deployment } from "./deployment.ts";
import { keyEntriesOf, keyStatus } from "./key-entry.ts";
import { scopesToRemove } from "./narrow-scopes.ts";

/** What post-login knows of a login, whatever its kind. */
export interface LoginRequest {
  readonly protocol: string | undefined;
  readonly subjectTokenType: string | undefined;
  readonly actorSub: string | undefined;
  readonly audience: string | undefined;
  readonly appMetadata: unknown;
}

/** `pass`: not ours, leave it alone. `narrow`: take these scopes away. `deny`: with a reason for the caller. */
export type LoginDecision =
  | { readonly kind: "pass" }
  | { readonly kind: "narrow"; readonly keyId: string; readonly removeScopes: readonly string[] }
  | { readonly kind: "deny"; readonly keyId: string | undefined; readonly reason: string };

/**
 * The second look at an exchange, at the user's own record: what Redis says may be older than the truth. Everything
 * that is not an exchange of one of our keys passes untouched.
 */
export function decideLogin(
  request: LoginRequest,
  deployment: Deployment,
  nowSeconds: number,
): LoginDecision {
  const isOurs =
    request.protocol === "oauth2-token-exchange" && request.subjectTokenType === deployment.subjectTokenType;
  if (!isOurs) return { kind: "pass" };
  const keyId = keyIdOfActor(request.actorSub);
  const entry = keyEntriesOf(request.appMetadata).find(({ id }) => id === keyId);
  if (keyId === undefined || !entry)
    return { kind: "deny", keyId, reason: "This API key is not known for this user." };
  const status = keyStatus(entry, nowSeconds);
  if (status !== "active") return { kind: "deny", keyId, reason: `This API key is ${status}.` };
  const removeScopes = scopesToRemove(entry.scope, request.audience, deployment);
  if (!removeScopes)
    return { kind: "deny", keyId, reason: "This API key may not be used for this audience." };
  return { kind: "narrow", keyId, removeScopes };
}
