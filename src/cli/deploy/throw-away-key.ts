import { ApiKey } from "../../core/api-key.ts";
import { ApiKeysError } from "../../core/errors.ts";
import type { Deploying } from "../../deploy/apply.ts";
import type { DeployConfig } from "../../deploy/config.ts";
import type { Verifying } from "../../deploy/verify.ts";
import { createKey } from "../../keys/create.ts";
import type { Keys } from "../../keys/keys.ts";
import { revokeKey } from "../../keys/revoke.ts";
import { changeRecords, underLock } from "../../keys/under-lock.ts";
import { requireEntries } from "../../keys/write-entries.ts";
import type { DeploySettings } from "./deploy-settings.ts";

/** Joins keys and configuration to a verification. Throws `configuration_invalid` where no user is configured for it. */
export function verifyingOf(
  config: DeployConfig,
  settings: DeploySettings,
  keys: Keys,
  { api: { clock }, onProgress }: Pick<Deploying, "api" | "onProgress">,
): Verifying {
  const { nowMs, sleep } = clock;
  const clientId = config.verify?.clientId ?? config.clients[0];
  const api = config.apis.find((one) => one.identifier === config.verify?.audience) ?? config.apis[0];
  const scope = config.verify?.scope ?? api?.scopes[0];
  const userId = config.verify?.userId;
  if (userId === undefined || clientId === undefined || !api || scope === undefined) {
    throw new ApiKeysError(
      "configuration_invalid",
      "deploy.config.ts does not say who verifies: it needs a user, a client, and an API with a scope.",
      'Make a user for it in the Auth0 dashboard, and add: verify: { userId: "auth0|…" }',
    );
  }
  return {
    origin: settings.origin,
    tenant: settings.tenant,
    deployment: config.name,
    subjectTokenType: config.subjectTokenType,
    userId,
    clientId,
    clientSecret: settings.verifyClientSecret,
    audience: api.identifier,
    scope,
    nowMs,
    sleep,
    onWait: onProgress,
    async createKey() {
      const name = `verification ${new Date(nowMs()).toISOString()}`;
      return (await createKey(keys, userId, { name, scope, lifetimeDays: 1 })).apiKey;
    },
    unknownKey: () => ApiKey.generate(config.keyPrefixes[0] ?? "", keys.randomBytes).reveal(),
    async withoutEntry(keyId, work) {
      const entry = await replaceEntry(keys, userId, keyId, undefined);
      try {
        return await work();
      } finally {
        await replaceEntry(keys, userId, keyId, entry);
      }
    },
    async revokeKey(keyId) {
      await revokeKey(keys, userId, keyId, "verification of a deployment");
    },
    forgetKey: async (keyId) => forget(keys, userId, keyId),
  };
}

/** Removes entry and record of a key that nobody ever held; the tombstone of any other must stay. */
async function forget(keys: Keys, userId: string, keyId: string): Promise<void> {
  await underLock(keys, userId, async (lease) => {
    const held = await keys.records.readMany([keyId]);
    const removals = held.map((one) => ({ held: one }));
    await changeRecords(keys, removals, lease);
  });
  await replaceEntry(keys, userId, keyId, undefined);
  await keys.records.forgetUses([keyId]);
}

/** Puts another entry, or none, in the place of a key's, and gives the one that was there. */
async function replaceEntry(keys: Keys, userId: string, keyId: string, entry: unknown): Promise<unknown> {
  return underLock(keys, userId, async (lease) => {
    const { entries } = await keys.users.read(userId);
    const isOther = (one: unknown) => (one as { readonly id?: unknown } | null)?.id !== keyId;
    const after = [...entries.filter(isOther), ...(entry === undefined ? [] : [entry])];
    await requireEntries(keys, lease, userId, after);
    return entries.find((one) => !isOther(one));
  });
}
