import { isPrefixAccepted, type Deployment } from "../core/deployment.ts";
import { isOverlapping, keyStatus, scopesOf, type KeyEntry } from "../core/key-entry.ts";
import type { KeyUse } from "../core/key-use.ts";

/** A key as `ApiKey` of the OpenAPI document has it: nothing that could stand in for the key itself, no hash. */
export function presentKey(
  entry: KeyEntry,
  deployment: Deployment,
  nowSeconds: number,
  use: KeyUse | undefined,
): object {
  const status = keyStatus(entry, nowSeconds);
  return {
    id: entry.id,
    name: entry.name,
    // What an imported key begins with is not known: any other text would lead astray whoever looks for the key.
    hint: entry.prefix === undefined ? null : `${entry.prefix}_${entry.id}…`,
    status: status === "active" && !isPrefixAccepted(deployment, entry.prefix) ? "refused" : status,
    created_at: iso(entry.iat),
    expires_at: iso(entry.exp),
    scopes: entry.scope === undefined ? null : scopesOf(entry.scope),
    audiences: entry.aud ?? null,
    organization_id: entry.org_id ?? null,
    ip_ranges: entry.ip ?? null,
    client_ids: entry.clients ?? null,
    disabled_at: iso(entry.disabled_at),
    revoked_at: iso(entry.revoked_at),
    revoked_reason: entry.revoked_reason ?? null,
    rotation: isOverlapping(entry, nowSeconds) ? { previous_expires_at: iso(entry.previous?.exp) } : null,
    last_used: use ? { at: iso(use.at), ip: use.ip ?? null, count: use.count } : null,
  };
}

function iso(seconds: number | undefined): string | null {
  // Outside of what a Date can hold there is nothing to show: such an entry was not made by us.
  if (seconds === undefined || seconds > 8.64e12) return null;
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
