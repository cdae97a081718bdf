import { readEntries, type KeyEntry } from "../../src/core/key-entry.ts";

/** The well-formed entries in a field of an `app_metadata`, by default that of the deployment named `api-keys`. */
export function keyEntriesOf(appMetadata: unknown, field = "api_keys"): readonly KeyEntry[] {
  return readEntries((appMetadata as Readonly<Record<string, unknown>> | undefined)?.[field]).known;
}
