import { isKeyId } from "./key-format.ts";

const ACTOR_PREFIX = "api-key|";

/** The `act.sub` of tokens that a key was exchanged for: it says which key acted, and is read back after the login. */
export function actorOf(keyId: string): string {
  return ACTOR_PREFIX + keyId;
}

/** The key id that an actor names, or `undefined` where the actor is no API key. */
export function keyIdOfActor(actorSub: string | undefined): string | undefined {
  if (!actorSub?.startsWith(ACTOR_PREFIX)) return undefined;
  const keyId = actorSub.slice(ACTOR_PREFIX.length);
  return isKeyId(keyId) ? keyId : undefined;
}
