import { isObject } from "./key-entry.ts";
import type { Peppers } from "./peppers.ts";
import { seal, unseal } from "./sealed-json.ts";

/** The Redis key of the marker that names the deployment whose records the store holds. */
export const STORE_MARKER_KEY = "apikey-store";

/** What a store's marker says: it is this deployment's, another's (or altered), or there is none. */
export type StoreMarker = "ours" | "foreign" | "missing";

/** The sealed marker of the deployment with this `subject_token_type`. */
export function sealStoreMarker(subjectTokenType: string, peppers: Peppers): string {
  return seal({ store: subjectTokenType }, peppers);
}

/** Reads a marker. Without one, every key would look unknown and every caller like an attacker: see docs/ARCHITECTURE.md. */
export function readStoreMarker(
  sealed: string | null,
  subjectTokenType: string,
  peppers: Peppers,
): StoreMarker {
  if (sealed === null) return "missing";
  const opened = unseal(sealed, peppers);
  const isOurs =
    opened.kind === "trusted" && isObject(opened.json) && opened.json["store"] === subjectTokenType;
  return isOurs ? "ours" : "foreign";
}
