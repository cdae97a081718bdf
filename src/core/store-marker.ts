import { DEFAULT_NAME, type Deployment, type DeploymentId } from "./deployment.ts";
import { isObject } from "./key-entry.ts";
import { isEqual, type Peppers } from "./peppers.ts";
import { seal, unseal } from "./sealed-json.ts";

/** The Redis key of the marker that names the deployment whose records the store holds. */
export const STORE_MARKER_KEY = "apikey-store";

/**
 * What a store's marker says: it is this deployment's, or was before deployments had names (`unnamed`), or it is
 * another's (or altered), or there is none.
 */
export type StoreMarker = "ours" | "unnamed" | "foreign" | "missing";

type Marked = DeploymentId & Pick<Deployment, "subjectTokenType">;

/** The sealed marker of a deployment. */
export function sealStoreMarker({ tenant, name, subjectTokenType }: Marked, peppers: Peppers): string {
  // Release 0.1.0 looks for `store`. It knows no names, so that it is to refuse the stores of all others.
  return seal(
    { ...(name === DEFAULT_NAME && { store: subjectTokenType }), tenant, deployment: name },
    peppers,
  );
}

/** The marker of the form before deployments had names. */
export function sealUnnamedMarker(subjectTokenType: string, peppers: Peppers): string {
  return seal({ store: subjectTokenType }, peppers);
}

// The marker that was last found right under each peppers object: it is in every exchange, and nearly always the same.
const seen = new WeakMap<Peppers, { readonly sealed: string; readonly of: Marked }>();

/** Reads a marker. Without one, every key would look unknown and every caller like an attacker: see docs/ARCHITECTURE.md. */
export function readStoreMarker(sealed: string | null, of: Marked, peppers: Peppers): StoreMarker {
  if (sealed === null) return "missing";
  const last = seen.get(peppers);
  // What the seal holds for is the whole text, so the whole text is compared. A marker that is not ours is never kept.
  if (last && isSame(last.of, of) && isEqual(last.sealed, sealed)) return "ours";
  const opened = unseal(sealed, peppers);
  if (opened.kind !== "trusted" || !isObject(opened.json)) return "foreign";
  const { store, tenant, deployment } = opened.json;
  if (tenant === undefined && deployment === undefined) {
    return store === of.subjectTokenType ? "unnamed" : "foreign";
  }
  if (tenant !== of.tenant || deployment !== of.name) return "foreign";
  seen.set(peppers, { sealed, of });
  return "ours";
}

/**
 * Whose a store says that it is, for people: its marker is readable without the pepper that it was sealed with, and is
 * believed by nobody. `undefined` where it says nothing.
 */
export function claimOfMarker(sealed: string | null): string | undefined {
  const [, text = ""] = /^v[0-9]+\.[A-Za-z0-9_-]{43}\.(\{.*\})$/s.exec(sealed ?? "") ?? [];
  try {
    const { tenant, deployment, store } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const [name, where] = [printable(deployment), printable(tenant)];
    if (name !== undefined && where !== undefined) return `deployment ${name} of ${where}`;
    const type = printable(store);
    return type === undefined ? undefined : `the deployment of ${type}`;
  } catch {
    return undefined;
  }
}

function printable(value: unknown): string | undefined {
  return typeof value === "string" && /^[\x21-\x7e]{1,253}$/.test(value) ? value : undefined;
}

function isSame(one: Marked, other: Marked): boolean {
  return one === other || (one.tenant === other.tenant && one.name === other.name);
}
