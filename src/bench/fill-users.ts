import { randomBytes } from "node:crypto";

import { ApiKey } from "../core/api-key.ts";
import { entriesFieldOf } from "../core/deployment.ts";
import type { KeyEntry } from "../core/key-entry.ts";
import { hashKey } from "../core/peppers.ts";
import { newUser } from "../local/management/users.ts";
import type { BenchTenant } from "./bench-tenant.ts";

export const KEYS_A_USER = 3;
const DAY_SECONDS = 86_400;

/** Gives users their keys in `app_metadata` alone: what is left after Redis was lost. Gives the last of them. */
export function fillUsers({ local: { tenant }, config, settings }: BenchTenant, keyCount: number): ApiKey {
  const pepper = settings.peppers.current;
  const iat = tenant.nowSeconds();
  let key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
  for (let made = 0; made < keyCount; made += KEYS_A_USER) {
    const entries: KeyEntry[] = [];
    for (let at = made; at < Math.min(made + KEYS_A_USER, keyCount); at++) {
      key = ApiKey.generate(config.keyPrefixes[0] ?? "", randomBytes);
      const hash = hashKey(key.reveal(), pepper);
      entries.push({ id: key.id, name: `key ${at}`, hash, v: pepper.version, iat, exp: iat + DAY_SECONDS });
    }
    const userId = `auth0|filled${made}`;
    tenant.users.set(
      userId,
      newUser(tenant, userId, { app_metadata: { [entriesFieldOf(config)]: entries } }),
    );
  }
  return key;
}
