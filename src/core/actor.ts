import { DEFAULT_NAME, type Deployment } from "./deployment.ts";
import { isKeyId } from "./key-format.ts";

/** What `act.sub` begins with: `api-key|` for the deployment named `api-keys`, `api-key:NAME|` for any other. */
function actorPrefix({ name }: Pick<Deployment, "name">): string {
  return name === DEFAULT_NAME ? "api-key|" : `api-key:${name}|`;
}

/** The `act.sub` of tokens that a key was exchanged for: it says which key acted, and is read back after the login. */
export function actorOf(deployment: Pick<Deployment, "name">, keyId: string): string {
  return actorPrefix(deployment) + keyId;
}

/** The key id that an actor names, or `undefined` where the actor is no API key of this deployment. */
export function keyIdOfActor(
  deployment: Pick<Deployment, "name">,
  actorSub: string | undefined,
): string | undefined {
  const prefix = actorPrefix(deployment);
  if (!actorSub?.startsWith(prefix)) return undefined;
  const keyId = actorSub.slice(prefix.length);
  return isKeyId(keyId) ? keyId : undefined;
}
