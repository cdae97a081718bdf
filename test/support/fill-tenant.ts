import { ApiKey } from "../../src/core/api-key.ts";
import type { KeyEntry } from "../../src/core/key-entry.ts";
import { hashKey } from "../../src/core/peppers.ts";
import { newUser } from "../../src/local/management/users.ts";
import type { Stage } from "./stage.ts";

/** One key of a filled tenant, and whether it may work. */
export interface FilledKey {
  readonly key: string;
  readonly userId: string;
  readonly isLiving: boolean;
}

const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

/**
 * Gives a tenant `count` users with a living, a revoked and an expired key each, in `app_metadata` alone: what is left
 * after Redis was lost. Gives the keys of every `sampleEvery`th user.
 */
export function fillTenant(s: Stage, count: number, sampleEvery = 1): readonly FilledKey[] {
  const { tenant } = s.local;
  const pepper = s.settings.peppers.current;
  const sample: FilledKey[] = [];
  const now = s.keys.nowSeconds();
  for (let at = 0; at < count; at++) {
    const userId = `auth0|filled${at}`;
    const entries = ["living", "revoked", "expired"].map((name): KeyEntry => {
      const apiKey = ApiKey.generate("acme_live", random);
      if (at % sampleEvery === 0) sample.push({ key: apiKey.reveal(), userId, isLiving: name === "living" });
      return {
        id: apiKey.id,
        name,
        hash: hashKey(apiKey.reveal(), pepper),
        v: pepper.version,
        iat: now - 1_000,
        exp: name === "expired" ? now - 10 : now + 86_400,
        ...(name === "revoked" && { revoked_at: now - 20, revoked_reason: "test" }),
      };
    });
    const user = newUser(tenant, userId, {
      email: `filled${at}@acme.example`,
      app_metadata: { api_keys: entries },
    });
    // Before its keys.
    tenant.users.set(userId, { ...user, created_at: new Date((now - 2_000) * 1000).toISOString() });
  }
  return sample;
}
