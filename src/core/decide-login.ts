import { keyIdOfActor } from "./actor.ts";
import { DEFAULT_NAME, entriesFieldOf, type DeployedDeployment } from "./deployment.ts";
import { isObject, keyStatus, readEntries, type ReadEntries } from "./key-entry.ts";
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
  deployment: DeployedDeployment,
  nowSeconds: number,
): LoginDecision {
  const isOurs =
    request.protocol === "oauth2-token-exchange" && request.subjectTokenType === deployment.subjectTokenType;
  if (!isOurs) return { kind: "pass" };
  const { keyId, known, newer } = read(request, deployment);
  const entry = known.find(({ id }) => id === keyId);
  if (keyId !== undefined && newer.some(({ id }) => id === keyId)) {
    const reason = "This API key was changed by a newer version of its software than the one that checks it.";
    return { kind: "deny", keyId, reason };
  }
  if (keyId === undefined || !entry)
    return { kind: "deny", keyId, reason: "This API key is not known for this user." };
  const status = keyStatus(entry, nowSeconds);
  if (status !== "active") return { kind: "deny", keyId, reason: `This API key is ${status}.` };
  const removeScopes = scopesToRemove(entry.scope, request.audience, deployment);
  if (!removeScopes)
    return { kind: "deny", keyId, reason: "This API key may not be used for this audience." };
  return { kind: "narrow", keyId, removeScopes };
}

/** The key that acts, and the user's entries of this deployment; before it is taken over, those of the old form too. */
function read(
  { actorSub, appMetadata }: LoginRequest,
  deployment: DeployedDeployment,
): ReadEntries & { readonly keyId: string | undefined } {
  const metadata = isObject(appMetadata) ? appMetadata : {};
  const of = (one: Pick<DeployedDeployment, "name">) => readEntries(metadata[entriesFieldOf(one)]);
  const keyId = keyIdOfActor(deployment, actorSub);
  const own = of(deployment);
  if (deployment.takesOver !== true) return { keyId, ...own };
  const unnamed = { name: DEFAULT_NAME };
  const old = of(unnamed);
  return {
    keyId: keyId ?? keyIdOfActor(unnamed, actorSub),
    known: [...own.known, ...old.known],
    newer: [...own.newer, ...old.newer],
  };
}
