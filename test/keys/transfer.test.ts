import { afterEach, beforeEach, expect, it } from "vitest";

import { runKeys } from "../../src/cli/keys/keys-program.ts";
import { keyEntriesOf } from "../support/entries.ts";
import { enableKey } from "../../src/keys/disable.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { transferKeys } from "../../src/keys/transfer.ts";
import { newUser } from "../../src/local/management/users.ts";
import { freshKeys } from "../support/fresh-keys.ts";
import { ADA, claimsOf, GRACE, pepperOf, stage, type Stage } from "../support/stage.ts";
import { openWire } from "../support/wire.ts";

const clock = { nowMs: Date.now() };
let s: Stage;
beforeEach(async () => {
  s = await stage({ nowMs: () => clock.nowMs });
});
afterEach(async () => s.stop());

/** Lets both users be there again, without keys. */
function restoreUsers(): void {
  for (const userId of [ADA, GRACE]) s.local.tenant.users.set(userId, newUser(s.local.tenant, userId, {}));
}

/** Links Grace into Ada, as Auth0 does it: the secondary user and its `app_metadata` are gone. */
function link(): void {
  const { users } = s.local.tenant;
  const [ada, grace] = [users.get(ADA), users.get(GRACE)];
  const identities = [ada, grace].flatMap((user) => user?.["identities"] as object[]);
  users.set(ADA, { ...ada, user_id: ADA, identities });
  users.delete(GRACE);
}
const keys = async (...argv: string[]) => {
  let [out, err] = ["", ""];
  const code = await runKeys(argv, {
    env: {
      AUTH0_DOMAIN: new URL(s.settings.origin).host,
      AUTH0_CLIENT_ID: s.settings.clientId,
      AUTH0_CLIENT_SECRET: s.settings.clientSecret,
      UPSTASH_REDIS_REST_URL: s.settings.redisUrl,
      UPSTASH_REDIS_REST_TOKEN: s.settings.redisToken,
      API_KEY_PEPPER: pepperOf("one"),
    },
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    readStdin: async () => "",
  });
  return { code, out, err };
};

it("two users are linked: reconcile names the command, and after it their keys work as the user that is left", async () => {
  const [own, living, dead] = [await s.create(ADA), await s.create(GRACE), await s.create(GRACE)];
  await revokeKey(s.keys, GRACE, dead.id, "leaked");
  link();
  expect((await s.exchange(living.key)).status).not.toBe(200);

  const reported = await keys("reconcile", "--fix");
  const command = `npm run keys -- transfer --from '${GRACE}' --to '${ADA}'`;
  expect([reported.code, reported.out]).toEqual([1, expect.stringContaining(command)]);

  const { code, out } = await keys("transfer", "--from", GRACE, "--to", ADA, "--json");
  expect([code, (JSON.parse(out) as object[]).length]).toEqual([0, 2]);
  expect((await s.exchange(own.key)).status).toBe(200);
  // Only Redis knew of it, and who can write there can put an older record back.
  expect((await s.exchange(living.key)).body["error_description"]).toMatch(/is disabled/);
  expect(await keys("enable", living.id, "--user", ADA)).toMatchObject({ code: 0 });
  const granted = await s.exchange(living.key);
  expect(claimsOf(granted.body["access_token"])["sub"]).toBe(ADA);
  expect((await s.exchange(dead.key)).body["error_description"]).toMatch(/was revoked/);
  expect(await keys("reconcile")).toMatchObject({ code: 0, err: "" });
  expect(await transferKeys(s.keys, GRACE, ADA)).toEqual([]);
});

it("a transfer that dies after any of its requests is completed by the same call: every living key works, as the user that is left", async () => {
  const wire = openWire(s);
  try {
    for (let [dieAt, isReached] = [0, true]; isReached; dieAt++) {
      restoreUsers();
      await s.local.redis.execute(["FLUSHALL"]);
      await s.keys.records.mark();
      const [own, living, dead] = [await s.create(ADA), await s.create(GRACE), await s.create(GRACE)];
      await revokeKey(s.keys, GRACE, dead.id, "leaked");
      link();
      const transfer = async () => transferKeys(freshKeys(s, clock), GRACE, ADA);
      await wire.kill(dieAt, transfer);
      const label = `request ${dieAt}: ${wire.requests[dieAt]}`;
      isReached = wire.requests.length > dieAt;
      expect((await s.exchange(dead.key)).status, label).toBe(400);
      expect((await s.exchange(own.key)).status, label).toBe(200);
      await transfer();
      await enableKey(freshKeys(s, clock), ADA, living.id);
      const { body } = await s.exchange(living.key);
      expect(claimsOf(body["access_token"])["sub"], label).toBe(ADA);
      expect((await s.exchange(dead.key)).body["error_description"], label).toMatch(/was revoked/);
      const entries = keyEntriesOf(s.local.tenant.users.get(ADA)?.["app_metadata"]);
      expect(entries.map((entry) => entry.id).toSorted(), label).toEqual(
        [own.id, living.id, dead.id].toSorted(),
      );
      expect(isReached || dieAt > 8, label).toBe(true);
    }
  } finally {
    wire.close();
  }
});

it("a record of before a revocation, put back, gives the key no life at the user that is left", async () => {
  restoreUsers();
  const { key, id } = await s.create(GRACE);
  const before = String(await s.local.redis.execute(["GET", `apikey:${id}`]));
  await revokeKey(s.keys, GRACE, id, "leaked");
  await s.local.redis.execute(["SET", `apikey:${id}`, before]);
  link();
  const transferred = await transferKeys(s.keys, GRACE, ADA);
  expect(transferred.find((one) => one.id === id)).toHaveProperty("disabled_at");
  expect((await s.exchange(key)).status).toBe(400);
});

it("keys of a user that is not linked stay that user's", async () => {
  restoreUsers();
  const { key } = await s.create(GRACE);
  await expect(transferKeys(s.keys, GRACE, ADA)).rejects.toMatchObject({ code: "transfer_refused" });
  const { body } = await s.exchange(key);
  expect(claimsOf(body["access_token"])["sub"]).toBe(GRACE);
});
