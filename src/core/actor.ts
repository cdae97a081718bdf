import { DEFAULT_NAME, type Deployment } from "./deployment.ts";
import { isObject } from "./key-entry.ts";
import { isKeyId } from "./key-format.ts";

/** An actor as the exchange sets it: which key acted, and by which of its secrets. */
export interface ActingKey {
  readonly sub: string;
  readonly tag: string;
}

/** An actor of a deployment, found in a chain of actors (`act`, RFC 8693 §4.1). */
export interface FoundActor {
  /** `undefined` where the actor is the deployment's and names no key. */
  readonly keyId: string | undefined;
  readonly tag: string | undefined;
  /** 0 for the outermost: nobody has passed the token on yet. */
  readonly depth: number;
}

/** Auth0 stops at five levels. What is deeper is not read, and refused. */
const MAX_LEVELS = 6;
/** Auth0 allows a text of an actor 64 characters: so many parts of a length that tells secrets apart fit into it. */
const MAX_PARTS = 7;
const LEAST_PART_LENGTH = 8;

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

/**
 * What tells the secrets of one key apart: of each of these hashes of the secret as much as there is room for, which says
 * nothing of it. A key has a hash under every pepper, and its entry may have another than its record while a pepper
 * changes.
 */
export function tagOf(hashes: readonly string[]): string {
  const all = [...new Set(hashes)].slice(0, MAX_PARTS);
  const length = Math.trunc(65 / all.length) - 1;
  return all.map((hash) => hash.slice(0, length)).join(".");
}

/** Whether a tag is of the secret that has this hash. */
export function isTagOf(tag: string, hash: string): boolean {
  return tag.split(".").some((part) => part.length >= LEAST_PART_LENGTH && hash.startsWith(part));
}

/**
 * The actors of a deployment in a chain, the outermost first. An API that passes a token on becomes an actor around
 * those before it, so a key may stand at any depth. `undefined` if the chain is longer than Auth0's can be.
 */
export function actorsIn(
  chain: unknown,
  deployment: Pick<Deployment, "name">,
): readonly FoundActor[] | undefined {
  const prefix = actorPrefix(deployment);
  const found: FoundActor[] = [];
  let level = chain;
  for (let depth = 0; isObject(level); depth++) {
    if (depth === MAX_LEVELS) return undefined;
    const { sub, tag, act } = level;
    if (typeof sub === "string" && sub.startsWith(prefix)) {
      const keyId = keyIdOfActor(deployment, sub);
      found.push({ keyId, tag: typeof tag === "string" ? tag : undefined, depth });
    }
    level = act;
  }
  return found;
}
