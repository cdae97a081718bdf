import type { Deployment } from "./deployment.ts";
import { ApiKeysError } from "./errors.ts";
import { isIpRange } from "./ip-ranges.ts";
import { deadSinceSeconds, scopesOf, type KeyEntry } from "./key-entry.ts";

/** What a deployment allows. Lifetimes in days of 86,400 seconds. */
export interface Policy {
  /** Living keys a user may have. */
  readonly maxKeysPerUser: number;
  readonly defaultLifetimeDays: number;
  readonly maxLifetimeDays: number;
  readonly allowNoExpiry: boolean;
  /** Whether keys that were made elsewhere may be imported, and are accepted at the exchange. */
  readonly acceptForeignKeys: boolean;
  /** Whether keys that are limited to scopes may have OpenID Connect's: an ID token tells who the user is. Default: false. */
  readonly openid?: boolean;
  /** How long a dead key stays known, so that its holder is told why it ended. */
  readonly retentionDays: number;
}

/** What somebody asks for when making a key. */
export interface NewKeyRequest {
  readonly name: string;
  readonly scope?: string;
  readonly audiences?: readonly string[];
  readonly organizationId?: string;
  readonly ipRanges?: readonly string[];
  readonly clientIds?: readonly string[];
  /** A number of days, `"never"`, or absent for the policy's default. */
  readonly lifetimeDays?: number | "never";
}

/** What a key may do and until when: an entry before the key itself is made. */
export type KeyTerms = Omit<KeyEntry, "id" | "hash" | "v" | "prefix">;

const SECONDS_A_DAY = 86_400;
/** In code points, as people count characters. */
const MAX_NAME_LENGTH = 64;
/** Control characters, halves of surrogate pairs, ends of lines, and what turns the direction of writing. Joiners belong to words and emoji. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/u;
/** Auth0's limit is 10 KB for the profile; this leaves room for the rest of it. */
const MAX_APP_METADATA_BYTES = 8_192;

/** Turns a request into the terms of a key, or throws an {@link ApiKeysError} that names what is wrong with it. */
export function termsOf(
  request: NewKeyRequest,
  entries: readonly KeyEntry[],
  policy: Policy,
  deployment: Pick<Deployment, "apis" | "clients">,
  nowSeconds: number,
): KeyTerms {
  const living = entries.filter((entry) => deadSinceSeconds(entry, nowSeconds) === undefined);
  refuseName(request.name, living);
  if (living.length >= policy.maxKeysPerUser) {
    throw new ApiKeysError(
      "key_limit_reached",
      `The user has ${living.length} living keys, and the policy allows ${policy.maxKeysPerUser}.`,
      "Revoke one that is not needed: npm run keys -- list --user ID, then revoke KEY_ID --user ID.",
    );
  }
  const known = deployment.apis.map((api) => api.identifier);
  refuseUnknown("audience_unknown", "audience", request.audiences ?? [], known);
  refuseUnknown("client_unknown", "client", request.clientIds ?? [], deployment.clients);
  const audiences = request.audiences ?? known;
  const apis = deployment.apis.filter((api) => audiences.includes(api.identifier));
  const scopes = request.scope === undefined ? undefined : scopesOf(request.scope);
  refuseUnknown("scope_unknown", "scope", scopes ?? [], [...new Set(apis.flatMap((api) => api.scopes))]);
  if (request.organizationId !== undefined && !isOrganizationId(request.organizationId)) {
    throw new ApiKeysError(
      "organization_invalid",
      "The organization is not an organization id.",
      "Give the id, as in: --org org_4fJ2kQ9xZb1T3hXy",
    );
  }
  const badRange = request.ipRanges?.find((range) => !isIpRange(range));
  if (badRange !== undefined) {
    throw new ApiKeysError(
      "ip_range_invalid",
      `"${badRange}" is neither an IP address nor a CIDR range.`,
      "Give it as in: --ip 203.0.113.0/24 or --ip 2001:db8::/32",
    );
  }
  const exp = expiryOf(request.lifetimeDays ?? defaultDaysOf(policy), policy, nowSeconds);
  return {
    name: request.name.normalize("NFC"),
    iat: nowSeconds,
    ...(exp !== undefined && { exp }),
    ...(scopes && { scope: scopes.join(" ") }),
    ...(request.audiences?.length && { aud: [...new Set(request.audiences)] }),
    ...(request.organizationId !== undefined && { org_id: request.organizationId }),
    ...(request.ipRanges?.length && { ip: request.ipRanges }),
    ...(request.clientIds?.length && { clients: [...new Set(request.clientIds)] }),
  };
}

/** Whether a text has the form of an organization's id. */
export function isOrganizationId(text: string): boolean {
  return /^org_[0-9A-Za-z]{1,60}$/.test(text);
}

/** Throws `organization_not_found` for an organization that the user is no member of: such a key would never work. */
export function refuseNonMember(
  userId: string,
  organizationId: string,
  organizationIds: ReadonlySet<string>,
): void {
  if (organizationIds.has(organizationId)) return;
  throw new ApiKeysError(
    "organization_not_found",
    `${userId} is no member of the organization ${organizationId}.`,
    "Add the user to it in Auth0 first, or make the key without the organization.",
  );
}

/**
 * Until when a key lives after a rotation: what was asked for, if the policy allows it; else as long as before, at least
 * the policy's default from now, and at most its maximum from now. So a rotation shortens a key only where the policy has
 * become stricter since it was made: no new secret lives longer than one of a new key may.
 */
export function rotatedExpiry(
  entry: KeyEntry,
  lifetimeDays: number | "never" | undefined,
  policy: Policy,
  nowSeconds: number,
): number | undefined {
  if (lifetimeDays !== undefined) return expiryOf(lifetimeDays, policy, nowSeconds);
  if (entry.exp === undefined) return expiryOf("never", policy, nowSeconds);
  const daysFromNow = (days: number) => nowSeconds + days * SECONDS_A_DAY;
  return Math.min(
    Math.max(entry.exp, daysFromNow(defaultDaysOf(policy))),
    daysFromNow(policy.maxLifetimeDays),
  );
}

/** Whether an `app_metadata` is over the 8 KB from which on nothing is written to it. */
export function isOversizedProfile(appMetadata: unknown): boolean {
  return Buffer.byteLength(JSON.stringify(appMetadata) ?? "") > MAX_APP_METADATA_BYTES;
}

/**
 * Throws `profile_too_large` if this `app_metadata` would be over 8 KB, and says how much of it the keys in `field` are.
 * One that was over it `before`, and does not grow, is let through.
 */
export function refuseOversizedProfile(
  appMetadata: Readonly<Record<string, unknown>>,
  field: string,
  before?: Readonly<Record<string, unknown>>,
): void {
  const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value) ?? "");
  const bytes = bytesOf(appMetadata);
  if (bytes <= MAX_APP_METADATA_BYTES || (before && bytes <= bytesOf(before))) return;
  throw new ApiKeysError(
    "profile_too_large",
    `The user's app_metadata would have ${bytes} bytes (${bytesOf(appMetadata[field])} of them API keys), and Auth0 profiles are limited: at most ${MAX_APP_METADATA_BYTES} are written.`,
    "Revoke keys that are not needed: revoked ones give way. Or move other data out of the user's app_metadata.",
  );
}

/** A lifetime that nobody asked for is never beyond what the policy allows. */
function defaultDaysOf({ defaultLifetimeDays, maxLifetimeDays }: Policy): number {
  return Math.min(defaultLifetimeDays, maxLifetimeDays);
}

/** Throws `name_invalid`, or `name_taken` by one of the living keys, in whatever form their letters are composed. */
export function refuseName(name: string, living: readonly KeyEntry[]): void {
  const composed = name.normalize("NFC");
  const length = Array.from(composed).length;
  const refuse = (problem: string) =>
    new ApiKeysError(
      "name_invalid",
      `The name ${problem}.`,
      `Give a name of 1 to ${MAX_NAME_LENGTH} printable characters.`,
    );
  const [unprintable] = UNPRINTABLE.exec(name) ?? [];
  if (length === 0) throw refuse("is empty");
  if (unprintable !== undefined) {
    const code = (unprintable.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    throw refuse(`has the character U+${code}, which cannot be seen or changes how others are shown`);
  }
  if (name.trim() !== name) throw refuse("begins or ends with a blank");
  if (length > MAX_NAME_LENGTH) throw refuse(`has ${length} characters`);
  const same = living.find((entry) => entry.name.normalize("NFC") === composed);
  if (same) {
    throw new ApiKeysError(
      "name_taken",
      `The user has a living key "${name}" already: ${same.id}.`,
      `Choose another name, or revoke it: npm run keys -- revoke ${same.id} --user ID`,
    );
  }
}

function refuseUnknown(
  code: "audience_unknown" | "client_unknown" | "scope_unknown",
  noun: string,
  given: readonly string[],
  valid: readonly string[],
): void {
  const unknown = given.filter((one) => !valid.includes(one));
  if (unknown.length === 0) return;
  throw new ApiKeysError(
    code,
    `There is no ${noun} ${unknown.map((one) => `"${one}"`).join(", ")} in deploy.config.ts.`,
    `Valid: ${valid.join(" ") || "none"}`,
  );
}

function expiryOf(lifetimeDays: number | "never", policy: Policy, nowSeconds: number): number | undefined {
  if (lifetimeDays === "never") {
    if (policy.allowNoExpiry) return undefined;
    throw new ApiKeysError(
      "no_expiry_refused",
      "The policy does not allow keys that never expire.",
      `Give --expires-in-days, at most ${policy.maxLifetimeDays}.`,
    );
  }
  if (!(lifetimeDays > 0)) {
    throw new ApiKeysError(
      "expiry_past",
      "The key would be expired already.",
      `Give --expires-in-days from 1 to ${policy.maxLifetimeDays}.`,
    );
  }
  if (lifetimeDays > policy.maxLifetimeDays) {
    throw new ApiKeysError(
      "expiry_over_policy",
      `The key would live ${Math.ceil(lifetimeDays)} days, and the policy allows ${policy.maxLifetimeDays}.`,
      `Give --expires-in-days from 1 to ${policy.maxLifetimeDays}.`,
    );
  }
  return nowSeconds + Math.round(lifetimeDays * SECONDS_A_DAY);
}
