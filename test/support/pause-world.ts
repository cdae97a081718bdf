import { entriesFieldOf } from "../../src/core/deployment.ts";
import { openRecord, recordKey, recordOf, sealRecord } from "../../src/core/key-record.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { sealUnnamedMarker, STORE_MARKER_KEY } from "../../src/core/store-marker.ts";
import { createKey } from "../../src/keys/create.ts";
import { disableKey } from "../../src/keys/disable.ts";
import { showKey } from "../../src/keys/list.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { freshKeys, type TestClock } from "./fresh-keys.ts";
import type { KeyState } from "./key-model.ts";
import { dropRecord, putRecord } from "./records.ts";
import { ADA, GRACE, pepperOf, setMetadata, type Stage } from "./stage.ts";

const DAY = 86_400;
/** An organization, and the user that its keys are of. */
export const ORGANIZATION = "org_4fJ2kQ9xZb1T3hXy";
const SERVICE_USER = `auth0|api-keys-${ORGANIZATION}`;
/** The connection of service users. */
export const CONNECTION = "api-key-service-users";
/** Two peppers: keys are hashed with the second, and records may still be sealed with the first. */
export const PEPPERS = `2:${pepperOf("two")},1:${pepperOf("one")}`;
export const OLDER_PEPPER = 1;

/** What there is before two processes meet, and how it is brought back. */
export interface PauseWorld {
  readonly id: string;
  /** The secrets of the key that the verbs are about, the oldest first. */
  readonly secrets: readonly string[];
  readonly state: KeyState;
  /** Keys that only verbs about all keys touch: one that works, one without its record, one whose record is stale. */
  readonly others: readonly string[];
  /** Keys that are never granted: one ended long ago, one whose entry does not say so yet, one whose entry is lost. */
  readonly never: readonly string[];
  /** A key of Grace, who was linked into Ada. */
  readonly graces: string;
  restore(form: WorldForm): Promise<void>;
}

/** In which form a world is brought back. */
export interface WorldForm {
  /** Of before deployments had names. */
  readonly isUnnamed: boolean;
  /** Every record is sealed with the older pepper. */
  readonly isOldSeal: boolean;
}

/** Makes a world: the key that the verbs are about may be in its overlap, or disabled. */
export async function pauseWorld(
  s: Stage,
  clock: TestClock,
  { isRotated, isDisabled }: { readonly isRotated: boolean; readonly isDisabled: boolean },
): Promise<PauseWorld> {
  await s.local.redis.execute(["FLUSHALL"]);
  await s.keys.records.mark();
  const { users } = s.local.tenant;
  setMetadata(s, ADA, {});
  users.set(GRACE, { ...users.get(ADA), user_id: GRACE, app_metadata: {} });
  const keys = freshKeys(s, clock);
  const create = async (user: string, name: string) => {
    const { apiKey } = await createKey(keys, user, { name, lifetimeDays: "never" });
    return { key: apiKey.reveal(), id: apiKey.id };
  };
  const [old, orphan] = [await create(ADA, "old"), await create(ADA, "orphan")];
  await revokeKey(keys, ADA, old.id, "long ago");
  clock.nowMs += 40 * DAY * 1_000;
  const [first, works, lost, stale, tomb] = [
    await create(ADA, "first"),
    await create(ADA, "works"),
    await create(ADA, "lost"),
    await create(ADA, "stale"),
    await create(ADA, "tomb"),
  ];
  const graces = await create(GRACE, "of grace");
  const secrets = [first.key];
  if (isRotated) {
    const { apiKey } = await rotateKey(keys, ADA, first.id, { overlapSeconds: DAY });
    secrets.push(apiKey.reveal());
  }
  if (isDisabled) await disableKey(keys, ADA, first.id);
  await dropRecord(keys, lost.id);
  const [entryOfStale, entryOfTomb] = [await showKey(keys, ADA, stale.id), await showKey(keys, ADA, tomb.id)];
  await putRecord(keys, { ...recordOf(ADA, entryOfStale), scope: "" });
  await putRecord(keys, { ...recordOf(ADA, entryOfTomb), revoked_at: keys.nowSeconds() });
  const { entries } = await keys.users.read(ADA);
  await keys.users.write(
    ADA,
    entries.filter((one) => (one as { id: string }).id !== orphan.id),
  );

  // Linked, as Auth0 does it: the secondary user and its app_metadata are gone.
  const identities = [ADA, GRACE].map((userId) => {
    const [provider, user_id] = userId.split("|");
    return { provider, user_id, connection: "Username-Password-Authentication", isSocial: false };
  });
  return {
    id: first.id,
    secrets,
    others: [works.key, lost.key, stale.key],
    never: [old.key, tomb.key, orphan.key],
    graces: graces.key,
    restore: await restoreOf(s, clock, { ...users.get(ADA), identities }),
    state: {
      owner: ADA,
      expSeconds: undefined,
      isRevoked: false,
      isDisabled,
      current: secrets.at(-1),
      previous: isRotated ? { secret: secrets[0], untilSeconds: Number.MAX_SAFE_INTEGER } : undefined,
    },
  };
}

async function restoreOf(s: Stage, clock: TestClock, now: object): Promise<PauseWorld["restore"]> {
  const { redis, tenant } = s.local;
  const startMs = clock.nowMs;
  const ada = structuredClone(now) as Record<string, unknown>;
  const [, names] = (await redis.execute(["SCAN", "0"])) as [string, string[]];
  const texts = await Promise.all(
    names
      .filter((name) => !name.startsWith("apikey-lock:"))
      .map(async (name) => {
        const leftMs = Number(await redis.execute(["PTTL", name]));
        return [name, String(await redis.execute(["GET", name])), leftMs] as const;
      }),
  );
  const { byVersion } = s.keys.peppers;
  const older = parsePeppers(`${OLDER_PEPPER}:${pepperOf("one")}`);
  const keyPrefix = recordKey("");
  const sealedAnew = (name: string, text: string) => {
    const found = openRecord(text, name.slice(keyPrefix.length), s.keys.peppers);
    return found.kind === "trusted" ? sealRecord(found.record, older) : text;
  };
  if (!byVersion.has(OLDER_PEPPER)) throw new Error("the stage does not hold the older pepper");
  const connections = [...tenant.connections];
  return async ({ isUnnamed, isOldSeal }) => {
    clock.nowMs = startMs;
    await redis.execute(["FLUSHALL"]);
    for (const [name, text, leftMs] of texts) {
      let kept = text;
      if (isOldSeal && name.startsWith(keyPrefix)) kept = sealedAnew(name, text);
      if (isUnnamed && name === STORE_MARKER_KEY)
        kept = sealUnnamedMarker(s.config.subjectTokenType, s.keys.peppers);
      await redis.execute(["SET", name, kept, ...(leftMs < 0 ? [] : ["PX", String(leftMs)])]);
    }
    const user = structuredClone(ada);
    const metadata = user["app_metadata"] as Record<string, unknown>;
    const field = entriesFieldOf(s.config);
    if (isUnnamed) {
      metadata["api_keys"] = metadata[field];
      delete metadata[field];
    }
    tenant.users.delete(GRACE);
    tenant.users.delete(SERVICE_USER);
    tenant.users.set(ADA, { ...user, user_id: ADA });
    tenant.connections.clear();
    for (const [id, connection] of connections) tenant.connections.set(id, connection);
    tenant.organizations.set(ORGANIZATION, {
      id: ORGANIZATION,
      name: "acme",
      display_name: "Acme",
      members: new Set([ADA]),
      enabledConnections: new Set(tenant.connections.keys()),
    });
  };
}
