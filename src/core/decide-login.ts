import { actorsIn, isTagOf, type FoundActor } from "./actor.ts";
import { DEFAULT_NAME, entriesFieldOf, type DeployedDeployment } from "./deployment.ts";
import { isObject, readEntries, type KeyEntry, type ReadEntries } from "./key-entry.ts";
import { scopesToRemove } from "./narrow-scopes.ts";
import { refuseEnded, refuseUse } from "./refuse-use.ts";

/** What post-login knows of a login, whatever its kind. `undefined` where Auth0 gave nothing. */
export interface LoginRequest {
  readonly protocol: string | undefined;
  readonly subjectTokenType: string | undefined;
  /** The chain of actors, the outermost first, as Auth0 gave it. */
  readonly actor: unknown;
  readonly clientId: string | undefined;
  readonly ip: string | undefined;
  readonly audience: string | undefined;
  readonly organizationId: string | undefined;
  readonly requestedScopes: readonly string[];
  readonly appMetadata: unknown;
}

/** `pass`: not ours, leave it alone. `narrow`: take these scopes away. `deny`: with a reason for the caller. */
export type LoginDecision =
  | { readonly kind: "pass" }
  | { readonly kind: "narrow"; readonly keyId: string; readonly removeScopes: readonly string[] }
  | { readonly kind: "deny"; readonly keyId: string | undefined; readonly reason: string };

const UNKNOWN = "This API key is not known for this user.";

/**
 * The second look at an exchanged key, at the user's own record, since what Redis says may be older than the truth: at
 * the exchange, and at every hop where an API passes the key's token on. The actor says whose login it is, at any depth:
 * what belongs to this deployment and is not whole is refused, and everything else passes untouched.
 */
export function decideLogin(
  request: LoginRequest,
  deployment: DeployedDeployment,
  nowSeconds: number,
): LoginDecision {
  const isOurType = request.subjectTokenType === deployment.subjectTokenType;
  const actors = ourActors(request.actor, deployment);
  if (actors?.length === 0) {
    // An exchange that says nothing of itself may be ours.
    const isNameless =
      request.protocol === "oauth2-token-exchange" &&
      request.subjectTokenType === undefined &&
      !isObject(request.actor);
    return isOurType || isNameless ? deny(undefined, UNKNOWN) : { kind: "pass" };
  }
  const [actor, ...others] = actors ?? [];
  if (actor && isOfBefore(actor, request, deployment)) return { kind: "pass" };
  const keyId = actor?.keyId;
  if (actor === undefined || keyId === undefined || others.length > 0) return deny(keyId, UNKNOWN);
  const { known, newer } = entriesIn(request.appMetadata, deployment);
  const entry = known.find(({ id }) => id === keyId);
  if (newer.some(({ id }) => id === keyId)) {
    const reason = "This API key was changed by a newer version of its software than the one that checks it.";
    return deny(keyId, reason);
  }
  if (!entry) return deny(keyId, UNKNOWN);

  // At later hops the caller is another API: the key's client and address were judged when the key was presented.
  const isFirst = actor.depth === 0 || isOurType;
  // A hop may have lost the tag, and what was there before deployments had names set none: then the status decides.
  const secret = secretOf(entry, actor.tag, !isFirst || deployment.takesOver === true);
  if (secret === "other") return deny(keyId, "This secret of the API key is not valid any more.");
  const { audience, organizationId, requestedScopes } = request;
  const use = {
    clientId: isFirst ? (request.clientId ?? "") : undefined,
    ip: isFirst ? request.ip : undefined,
    audience,
    organizationId,
    // Later, an API asks for what it needs, and gets what the key has of it. Asking for none of its scopes could give it all.
    requestedScopes: isFirst
      ? requestedScopes
      : namesAny(requestedScopes, audience, deployment)
        ? undefined
        : [],
  };
  const refusal = refuseEnded(entry, secret === "previous", nowSeconds) ?? refuseUse(entry, use, deployment);
  if (refusal) return deny(keyId, refusal.reason);
  const removeScopes = scopesToRemove(entry.scope, audience, requestedScopes, deployment);
  return removeScopes ? { kind: "narrow", keyId, removeScopes } : deny(keyId, UNKNOWN);
}

/** Whether a scope of the API is among those that were asked for. */
function namesAny(
  requested: readonly string[],
  audience: string | undefined,
  { apis }: DeployedDeployment,
): boolean {
  const api = apis.find(({ identifier }) => identifier === audience);
  return requested.some((scope) => api?.scopes.includes(scope));
}

/** The deployment's actors in a chain; before it is taken over, those of the old form too. */
function ourActors(chain: unknown, deployment: DeployedDeployment): readonly FoundActor[] | undefined {
  const own = actorsIn(chain, deployment);
  if (deployment.takesOver !== true || deployment.name === DEFAULT_NAME) return own;
  const old = actorsIn(chain, { name: DEFAULT_NAME });
  return own && old && [...own, ...old];
}

/**
 * Whether another deployment exchanged the key, of before deployments had names: then all had the same actors, which had
 * no tag, and the type tells them apart.
 */
function isOfBefore(
  { depth, tag }: FoundActor,
  { subjectTokenType }: LoginRequest,
  deployment: DeployedDeployment,
): boolean {
  const isFormOfBefore = deployment.name === DEFAULT_NAME || deployment.takesOver === true;
  const isOther = subjectTokenType !== undefined && subjectTokenType !== deployment.subjectTokenType;
  return isFormOfBefore && isOther && depth === 0 && tag === undefined;
}

/** The user's entries of this deployment; before it is taken over, those of the old form too. */
function entriesIn(appMetadata: unknown, deployment: DeployedDeployment): ReadEntries {
  const metadata = isObject(appMetadata) ? appMetadata : {};
  const of = (one: Pick<DeployedDeployment, "name">) => readEntries(metadata[entriesFieldOf(one)]);
  const own = of(deployment);
  if (deployment.takesOver !== true) return own;
  const old = of({ name: DEFAULT_NAME });
  return { known: [...own.known, ...old.known], newer: [...own.newer, ...old.newer] };
}

/** Which of the key's secrets was shown, by the actor's tag. */
function secretOf(
  { hash, previous }: KeyEntry,
  tag: string | undefined,
  mayLackTag: boolean,
): "current" | "previous" | "other" {
  if (tag === undefined) return mayLackTag ? "current" : "other";
  if (isTagOf(tag, hash)) return "current";
  return previous && isTagOf(tag, previous.hash) ? "previous" : "other";
}

function deny(keyId: string | undefined, reason: string): LoginDecision {
  return { kind: "deny", keyId, reason };
}
