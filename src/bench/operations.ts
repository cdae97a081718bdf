import { entriesFieldOf } from "../core/deployment.ts";
import { isObject, readEntries, type KeyEntry } from "../core/key-entry.ts";
import { recordKey } from "../core/key-record.ts";
import { createKey } from "../keys/create.ts";
import type { Keys } from "../keys/keys.ts";
import { openKeys } from "../keys/open-keys.ts";
import { revokeKey } from "../keys/revoke.ts";
import { rotateKey } from "../keys/rotate.ts";
import type { BenchTenant } from "./bench-tenant.ts";
import { countRequests, type WireCount } from "./wire-count.ts";

/** The requests of one operation in a process that has no access token yet. */
type OperationRequests = Pick<WireCount, "token" | "management" | "redis">;

/** What one key takes, in bytes. */
export interface KeyBytes {
  /** Its entry in `app_metadata`, as JSON. */
  readonly app_metadata_bytes: number;
  readonly redis_name_bytes: number;
  readonly redis_value_bytes: number;
  /** What Redis itself says that both take, with its own overhead; `null` without a `redis-server`. */
  readonly redis_memory_bytes: number | null;
}

/** What the operations on keys cost. */
export interface Operations {
  readonly requests: Readonly<Record<"create" | "rotate" | "revoke", OperationRequests>>;
  readonly bytes: {
    /** A key as `keys create` makes one with a name alone. */
    readonly plain: KeyBytes;
    /** One with scopes, audience, organization, address ranges, client, expiry, and its previous secret. */
    readonly everything: KeyBytes;
  };
}

/** Makes, rotates and revokes keys over both stores, counts at the wire, and looks at what is stored. */
export async function benchOperations(bench: BenchTenant): Promise<Operations> {
  const { config, settings, local } = bench;
  const userId = local.description.users[0]?.user_id ?? "";
  // Each operation opens the stores by itself, as a process of its own does.
  const once = async <T>(work: (keys: Keys) => Promise<T>) => {
    const { result, requests } = await countRequests(local, async () => work(openKeys(config, settings)));
    const { token, management, redis } = requests;
    return { result, requests: { token, management, redis } };
  };
  const created = await once(async (keys) => createKey(keys, userId, { name: "plain" }));
  const { id } = created.result.apiKey;
  const plain = await bytesOf(bench, userId, id);
  const rotation = { overlapSeconds: 86_400 };
  const rotated = await once(async (keys) => rotateKey(keys, userId, id, rotation));
  const revoked = await once(async (keys) => revokeKey(keys, userId, id, "bench"));

  const keys = openKeys(config, settings);
  const [api] = config.apis;
  const full = await createKey(keys, userId, {
    name: "with everything",
    ...(api && { scope: api.scopes.join(" "), audiences: [api.identifier] }),
    organizationId: "org_4fJ2kQ9xZb1T3hXy",
    ipRanges: ["203.0.113.0/24", "2001:db8::/32"],
    clientIds: config.clients.slice(0, 1),
  });
  await rotateKey(keys, userId, full.apiKey.id, rotation);
  return {
    requests: { create: created.requests, rotate: rotated.requests, revoke: revoked.requests },
    bytes: { plain, everything: await bytesOf(bench, userId, full.apiKey.id) },
  };
}

async function bytesOf({ local: { redis, tenant }, config }: BenchTenant, userId: string, keyId: string) {
  const name = recordKey(keyId);
  const value = await redis.execute(["GET", name]);
  const metadata = tenant.users.get(userId)?.["app_metadata"];
  const entries = isObject(metadata) ? metadata[entriesFieldOf(config)] : [];
  const entry: KeyEntry | undefined = readEntries(entries).known.find(({ id }) => id === keyId);
  if (typeof value !== "string" || !entry) throw new Error("A key is not in both stores.");
  const hasMemory = redis.name.startsWith("redis-server");
  return {
    app_metadata_bytes: Buffer.byteLength(JSON.stringify(entry)),
    redis_name_bytes: Buffer.byteLength(name),
    redis_value_bytes: Buffer.byteLength(value),
    redis_memory_bytes: hasMemory ? Number(await redis.execute(["MEMORY", "USAGE", name])) : null,
  };
}
