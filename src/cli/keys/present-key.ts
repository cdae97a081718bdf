import { table } from "../table.ts";
import { isOverlapping, keyStatus, type KeyEntry, type KeyStatus } from "../../core/key-entry.ts";

/** A key as `--json` shows it: names of the wire, times in ISO 8601, `null` where there is nothing. */
export interface PresentedKey {
  readonly id: string;
  readonly user_id: string;
  readonly name: string;
  readonly status: KeyStatus;
  readonly scope: string | null;
  readonly audience: readonly string[] | null;
  readonly org_id: string | null;
  readonly ip: readonly string[] | null;
  readonly clients: readonly string[] | null;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly revoked_reason: string | null;
  readonly disabled_at: string | null;
  /** Until when the secret before the last rotation works; `null` if only one does. */
  readonly previous_secret_until: string | null;
}

/** A key for people and programs outside: without its hash. */
export function presentKey(userId: string, entry: KeyEntry, nowSeconds: number): PresentedKey {
  return {
    id: entry.id,
    user_id: userId,
    name: entry.name,
    status: keyStatus(entry, nowSeconds),
    scope: entry.scope ?? null,
    audience: entry.aud ?? null,
    org_id: entry.org_id ?? null,
    ip: entry.ip ?? null,
    clients: entry.clients ?? null,
    created_at: iso(entry.iat) ?? "",
    expires_at: iso(entry.exp),
    revoked_at: iso(entry.revoked_at),
    revoked_reason: entry.revoked_reason ?? null,
    disabled_at: iso(entry.disabled_at),
    previous_secret_until: isOverlapping(entry, nowSeconds) ? iso(entry.previous?.exp) : null,
  };
}

/** Keys as a table for people. */
export function keysTable(keys: readonly PresentedKey[]): string {
  if (keys.length === 0) return "No keys.\n";
  const day = (time: string | null) => time?.slice(0, 10) ?? "never";
  return table([
    ["ID", "NAME", "STATUS", "SCOPE", "CREATED", "EXPIRES"],
    ...keys.map((key) => [
      key.id,
      key.name,
      key.status,
      key.scope ?? "(all)",
      day(key.created_at),
      day(key.expires_at),
    ]),
  ]);
}

/** One key as lines of name and value, without what is not set. */
export function keyLines(key: PresentedKey): string {
  return table(
    Object.entries(key)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : String(value)]),
  );
}

function iso(seconds: number | undefined): string | null {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
