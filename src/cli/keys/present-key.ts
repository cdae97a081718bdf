import type { Keys } from "../../keys/keys.ts";
import { table } from "../table.ts";
import { isOverlapping, keyStatus, type KeyEntry, type KeyStatus } from "../../core/key-entry.ts";
import { isPrefixAccepted } from "../../core/deployment.ts";
import type { KeyUse } from "../../core/key-use.ts";

/** A key as `--json` shows it: names of the wire, times in ISO 8601, `null` where there is nothing. */
export interface PresentedKey {
  readonly id: string;
  readonly user_id: string;
  readonly name: string;
  /** `refused`: active, and of a prefix that the deployment does not accept any more. */
  readonly status: KeyStatus | "refused";
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
  /** `null` if it was not used in the last 400 days; missing where that is not known. */
  readonly last_used?: { readonly at: string; readonly ip: string | null; readonly count: number } | null;
}

/** A key for people and programs outside: without its hash. `uses` are what is known of last uses, if anything. */
export function presentKey(
  { deployment, nowSeconds: now }: Pick<Keys, "deployment" | "nowSeconds">,
  userId: string,
  entry: KeyEntry,
  uses?: ReadonlyMap<string, KeyUse>,
): PresentedKey {
  const nowSeconds = now();
  const status = keyStatus(entry, nowSeconds);
  const isPreviousAccepted =
    isOverlapping(entry, nowSeconds) && isPrefixAccepted(deployment, entry.previous?.prefix);
  const isRefused = status === "active" && !isPrefixAccepted(deployment, entry.prefix);
  return {
    id: entry.id,
    user_id: userId,
    name: entry.name,
    status: isRefused ? "refused" : status,
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
    // 0 is the end of a secret that was ended at once.
    previous_secret_until: isPreviousAccepted && entry.previous?.exp ? iso(entry.previous.exp) : null,
    ...(uses && { last_used: presentUse(uses.get(entry.id)) }),
  };
}

function presentUse(use: KeyUse | undefined): NonNullable<PresentedKey["last_used"]> | null {
  return use ? { at: iso(use.at) ?? "", ip: use.ip ?? null, count: use.count } : null;
}

/** Keys as a table for people; with their last use if it is known and `nowSeconds` given. */
export function keysTable(keys: readonly PresentedKey[], nowSeconds?: number): string {
  if (keys.length === 0) return "No keys.\n";
  const isUseKnown = nowSeconds !== undefined && keys.some(({ last_used }) => last_used !== undefined);
  const day = (time: string | null) => time?.slice(0, 10) ?? "never";
  return table([
    ["ID", "NAME", "STATUS", "SCOPE", "CREATED", "EXPIRES", ...(isUseKnown ? ["LAST USED"] : [])],
    ...keys.map((key) => [
      key.id,
      key.name,
      key.status,
      key.scope ?? "(all)",
      day(key.created_at),
      day(key.expires_at),
      ...(isUseKnown ? [ago(key.last_used?.at, nowSeconds)] : []),
    ]),
  ]);
}

/** One key as lines of name and value, without what is not set. */
export function keyLines({ last_used, ...key }: PresentedKey, nowSeconds = 0): string {
  const lines = Object.entries(key)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : String(value)]);
  if (last_used !== undefined) lines.push(["last_used", useLine(last_used, nowSeconds)]);
  return table(lines);
}

function useLine(use: NonNullable<PresentedKey["last_used"]> | null, nowSeconds: number): string {
  if (!use) return "never";
  const from = use.ip === null ? "" : ` from ${use.ip}`;
  return `${use.at} (${ago(use.at, nowSeconds)})${from}, ${use.count} ${use.count === 1 ? "time" : "times"} in all`;
}

function ago(time: string | undefined, nowSeconds: number): string {
  if (time === undefined) return "never";
  const seconds = Math.max(0, nowSeconds - Date.parse(time) / 1000);
  for (const [unit, size] of [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
  ] as const) {
    const amount = Math.floor(seconds / size);
    if (amount >= 1) return `${amount} ${unit}${amount === 1 ? "" : "s"} ago`;
  }
  return "just now";
}

function iso(seconds: number | undefined): string | null {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
