import { actorOf, tagOf, type ActingKey } from "./actor.ts";
import type { DeployedDeployment } from "./deployment.ts";
import { deadSinceSeconds } from "./key-entry.ts";
import { openRecord, type KeyRecord } from "./key-record.ts";
import { isEqual, sealOf, type Peppers } from "./peppers.ts";
import { readPresentedKey, type PresentedKey } from "./presented-key.ts";
import { audienceRefused, refuseEnded, refuseUse, type RefusalCode, type UseRefusal } from "./refuse-use.ts";
import { readStoreMarker } from "./store-marker.ts";

/** What the token request says, beside the key. `undefined` where Auth0 gave nothing. */
export interface ExchangeRequest {
  readonly subjectToken: string;
  readonly clientId: string;
  readonly ip: string | undefined;
  readonly audience: string | undefined;
  readonly organizationId: string | undefined;
  readonly requestedScopes: readonly string[];
  /** Whether the request has an `actor_token` beside the key (RFC 8693 §2.1). */
  readonly hasActorToken?: boolean;
}

/** What the store answered to one look-up: both texts or nulls, or nothing to rely on. */
export type LookUp =
  | { readonly kind: "answered"; readonly record: string | null; readonly marker: string | null }
  | { readonly kind: "unavailable" };

/** Why an exchange ended as it did: for the operator's log, never for the caller. */
export type ExchangeCause =
  | "granted"
  | "granted_previous_secret"
  | "unprepared"
  | "actor_token"
  | "malformed"
  | "store_unavailable"
  | "store_unmarked"
  | "store_foreign"
  | "record_untrusted"
  | "record_newer"
  | "pepper_unknown"
  | "dead_under_retired_pepper"
  | "unknown_key"
  | "wrong_secret"
  | "changed_just_now"
  | UseRefusal["cause"];

/**
 * The answer to an exchange. `deny` is not the caller's guess and does not count against its address; `reject` does.
 * `keyId` is the public id that was presented, absent where the text was no key.
 */
export type ExchangeDecision = { readonly cause: ExchangeCause; readonly keyId?: string } & (
  | {
      readonly kind: "grant";
      readonly userId: string;
      readonly organizationId: string | undefined;
      readonly actor: ActingKey;
    }
  | { readonly kind: "deny"; readonly code: RefusalCode; readonly reason: string }
  | { readonly kind: "reject"; readonly reason: string }
);

const INVALID = "Invalid API key.";
// As long as the JSON of a record without restrictions.
const STAND_IN = "-".repeat(128);
/** For so long a wrong secret of a key that was changed is no guess: its holder may not have heard. */
const JUST_NOW_SECONDS = 60;
const TRY_LATER = "API keys cannot be checked at the moment. Try again later.";

/**
 * Decides an exchange: the checks of docs/ARCHITECTURE.md in their order, the first failure wins. Whoever lacks the
 * secret learns nothing; whoever has it learns what to do. `lookUp` is called at most once, and only for a text that
 * passes offline.
 */
export async function decideExchange(
  request: ExchangeRequest,
  deployment: DeployedDeployment,
  peppers: Peppers,
  lookUp: (keyId: string) => Promise<LookUp>,
  nowSeconds: number,
): Promise<ExchangeDecision> {
  if (request.hasActorToken) {
    return deny("actor_token", "invalid_request", "An API key is exchanged without an actor_token.");
  }
  const key = readPresentedKey(request.subjectToken, deployment);
  if (!key) return deny("malformed", "invalid_request", INVALID);
  // A key that begins like those of one API is for no other: that is known without a look-up.
  const bound = deployment.apis.find(({ keyPrefix }) => keyPrefix !== undefined && keyPrefix === key.prefix);
  if (bound && bound.identifier !== request.audience)
    return { kind: "deny", keyId: key.id, ...audienceRefused() };
  const found = await lookUp(key.id);
  return { keyId: key.id, ...judge(key, found, request, deployment, peppers, nowSeconds) };
}

function judge(
  key: PresentedKey,
  found: LookUp,
  request: ExchangeRequest,
  deployment: DeployedDeployment,
  peppers: Peppers,
  nowSeconds: number,
): ExchangeDecision {
  if (found.kind === "unavailable") return ourFault("store_unavailable");
  const marker = readStoreMarker(found.marker, deployment, peppers);
  if (marker === "missing") return ourFault("store_unmarked");
  if (marker === "foreign") return ourFault("store_foreign");
  const opened = openRecord(found.record, key.id, peppers);
  if (opened.kind === "untrusted" || opened.kind === "newer") return ourFault(`record_${opened.kind}`);
  const record = opened.kind === "trusted" ? opened.record : undefined;
  const pepper = record ? peppers.byVersion.get(record.v) : peppers.current;
  if (!pepper) {
    // Peppers are retired while dead keys have them: those cannot be checked any more, and are told nothing.
    const isDead = record !== undefined && deadSinceSeconds(record, nowSeconds) !== undefined;
    return isDead
      ? deny("dead_under_retired_pepper", "invalid_request", INVALID)
      : ourFault("pepper_unknown");
  }

  // Whoever lacks the secret waits for one seal and two hashes, whether the id is unknown, or the secret wrong, or the
  // key was rotated.
  if (!record) sealOf(STAND_IN, pepper);
  const isCurrent = isEqual(key.hash(pepper), record?.hash ?? "");
  const isPrevious = !isCurrent && matchesPrevious(key, record?.previous, peppers);
  if (!record) return { kind: "reject", cause: "unknown_key", reason: INVALID };
  if (!isCurrent && !isPrevious) {
    return wasChangedJustNow(record, nowSeconds)
      ? deny("changed_just_now", "invalid_request", INVALID)
      : { kind: "reject", cause: "wrong_secret", reason: INVALID };
  }

  const { ip = "", organizationId = record.org_id } = request;
  const refusal =
    refuseEnded(record, isPrevious, nowSeconds) ??
    refuseUse(record, { ...request, ip, organizationId }, deployment);
  if (refusal) return { kind: "deny", ...refusal };
  const { hash, v } = isPrevious && record.previous ? record.previous : record;
  const others = [...peppers.byVersion.values()].filter(({ version }) => version !== v);
  const tag = tagOf([hash, ...others.map((one) => key.hash(one))]);
  return {
    kind: "grant",
    cause: isPrevious ? "granted_previous_secret" : "granted",
    userId: record.sub,
    organizationId: record.org_id,
    actor: { sub: actorOf(deployment, key.id), tag },
  };
}

function matchesPrevious(key: PresentedKey, previous: KeyRecord["previous"], peppers: Peppers): boolean {
  const pepper = previous && peppers.byVersion.get(previous.v);
  const isSame = isEqual(key.hash(pepper ?? peppers.current), previous?.hash ?? "");
  return pepper !== undefined && isSame;
}

/** Whether the key was made, or a secret of it ended, so recently that its holder may still have another. */
function wasChangedJustNow({ iat, previous }: KeyRecord, nowSeconds: number): boolean {
  const isWithin = (from: number, at: number) => from <= nowSeconds && nowSeconds < at + JUST_NOW_SECONDS;
  const ended = previous?.exp ?? 0;
  // The clock of who made it may be ahead.
  return isWithin(iat - JUST_NOW_SECONDS, iat) || isWithin(ended, ended);
}

function deny(cause: ExchangeCause, code: RefusalCode, reason: string): ExchangeDecision {
  return { kind: "deny", cause, code, reason };
}

/** The refusal for what the caller cannot help: a retryable `server_error`. */
export function ourFault(cause: ExchangeCause): ExchangeDecision {
  return deny(cause, "server_error", TRY_LATER);
}
