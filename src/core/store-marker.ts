import { isObject } from "./key-entry.ts";
import { isEqual, type Peppers } from "./peppers.ts";
import { seal, unseal } from "./sealed-json.ts";

/** The Redis key of the marker that names the deployment whose records the store holds. */
export const STORE_MARKER_KEY = "apikey-store";

/** What a store's marker says: it is this deployment's, another's (or altered), or there is none. */
export type StoreMarker = "ours" | "foreign" | "missing";

/** The sealed marker of the deployment with this `subject_token_type`. */
export function sealStoreMarker(subjectTokenType: string, peppers: Peppers): string {
  return seal({ store: subjectTokenType }, peppers);
}

// The marker that was last found right under each peppers object: it is in every exchange, and nearly always the same.
const seen = new WeakMap<Peppers, { readonly sealed: string; readonly subjectTokenType: string }>();

/** Reads a marker. Without one, every key would look unknown and every caller like an attacker: see docs/ARCHITECTURE.md. */
export function readStoreMarker(
  sealed: string | null,
  subjectTokenType: string,
  peppers: Peppers,
): StoreMarker {
  if (sealed === null) return "missing";
  const last = seen.get(peppers);
  // What the seal holds for is the whole text, so the whole text is compared. A marker that is not ours is never kept.
  if (last && last.subjectTokenType === subjectTokenType && isEqual(last.sealed, sealed)) return "ours";
  const opened = unseal(sealed, peppers);
  if (opened.kind === "untrusted" || !isObject(opened.json)) return "foreign";
  if (opened.json["store"] !== subjectTokenType) return "foreign";
  seen.set(peppers, { sealed, subjectTokenType });
  return "ours";
}
