import { afterAll, beforeAll, expect, test } from "vitest";

import { KillSwitch } from "../../src/client/kill-switch.ts";
import { upstashRedis } from "../../src/client/redis-port.ts";
import { foreignKey, sha256Of } from "../../src/core/presented-key.ts";
import { importKeys } from "../../src/keys/import.ts";
import { readImportLine } from "../../src/keys/import-line.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { ADA, claimsOf, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage({ config: { policy: { allowNoExpiry: true, acceptForeignKeys: true } } });
});
afterAll(async () => s.stop());

const redis = async (...command: string[]) => s.local.redis.execute(command);
const killSwitch = () => {
  const { redisUrl: url, redisToken: token } = s.settings;
  return new KillSwitch({ redis: upstashRedis({ url, token }) });
};

test("who can write to Redis lets a revoked key's outstanding tokens pass the kill switch again, and gets no new one", async () => {
  const { key, id } = await s.create(ADA, { scope: "read:things" });
  const name = `apikey:${id}`;
  const before = String(await redis("GET", name));
  const claims = claimsOf((await s.exchange(key)).body["access_token"]);
  await revokeKey(s.keys, ADA, id, "leaked");
  const revoked = String(await redis("GET", name));
  expect((await killSwitch().refuse(claims))?.status).toBe(401);
  // An older record; and the tombstone with its end cut out, whose seal does not hold.
  const {
    revoked_at: _,
    revoked_reason: __,
    ...alive
  } = JSON.parse(revoked.replace(/^v1\.[\w-]+\./, "")) as Record<string, unknown>;
  for (const text of [before, `v1.${"A".repeat(43)}.${JSON.stringify(alive)}`]) {
    await redis("SET", name, text);
    expect(await killSwitch().refuse(claims)).toBeUndefined();
    expect((await s.exchange(key)).status).not.toBe(200);
  }
});

test("a copy of the stores leads to an imported key that is one of a series, and not to a key of ours", async () => {
  const series = (at: number) => `customer-key-${String(at).padStart(16, "0")}`;
  const text = JSON.stringify({ user_id: ADA, name: "of a series", key: series(4_711) });
  const line = readImportLine(text, s.config.keyPrefixes, s.keys.nowSeconds());
  const [outcome] = await importKeys(s.keys, ADA, [line], { write: true, upgrade: false });
  expect(outcome?.kind).toBe("imported");
  const { key } = await s.create(ADA, { name: "ours" });
  const [, names] = (await redis("SCAN", "0", "MATCH", "apikey:*", "COUNT", "1000")) as [string, string[]];
  const ids = new Set(names.map((one) => one.slice("apikey:".length)));
  const found = Array.from({ length: 5_000 }, (_, at) => series(at)).filter((text) =>
    ids.has(foreignKey(sha256Of(text)).id),
  );
  expect(found).toEqual([series(4_711)]);
  expect((await s.exchange(found[0] ?? "")).status).toBe(200);
  // Of a key of ours, what is kept is neither the secret nor a hash that could be made without the pepper.
  const texts = await Promise.all(names.map(async (name) => String(await redis("GET", name))));
  const copy = JSON.stringify([texts, s.local.tenant.users.get(ADA)]);
  const digest = Buffer.from(sha256Of(key));
  for (const trace of [key.slice(-38, -6), digest.toString("base64url"), digest.toString("hex")]) {
    expect(copy).not.toContain(trace);
  }
});
