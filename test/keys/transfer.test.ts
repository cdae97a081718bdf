import { afterEach, beforeEach, expect, it } from "vitest";

import { runKeys } from "../../src/cli/keys/keys-program.ts";
import { keyEntriesOf } from "../../src/core/key-entry.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { transferKeys } from "../../src/keys/transfer.ts";
import { ADA, claimsOf, GRACE, pepperOf, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeEach(async () => {
  s = await stage();
});
afterEach(async () => s.stop());

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
  const granted = await s.exchange(living.key);
  expect(claimsOf(granted.body["access_token"])["sub"]).toBe(ADA);
  expect((await s.exchange(dead.key)).body["error_description"]).toMatch(/was revoked/);
  expect(await keys("reconcile")).toMatchObject({ code: 0, err: "" });
  expect(await transferKeys(s.keys, GRACE, ADA)).toEqual([]);
});

it("a transfer that was broken off after the entries is completed by the same call", async () => {
  const { key, id } = await s.create(GRACE);
  link();
  const write = () => Promise.reject(new Error("crashed"));
  const broken = { ...s.keys, records: { ...s.keys.records, write } };
  await expect(transferKeys(broken, GRACE, ADA)).rejects.toThrow("crashed");
  expect((await s.exchange(key)).status).not.toBe(200);
  expect((await transferKeys(s.keys, GRACE, ADA)).map((entry) => entry.id)).toEqual([id]);
  expect((await s.exchange(key)).status).toBe(200);
  const entries = keyEntriesOf(s.local.tenant.users.get(ADA)?.["app_metadata"]);
  expect(entries.map((entry) => entry.id)).toEqual([id]);
});

it("keys of a user that is not linked stay that user's", async () => {
  const { key } = await s.create(GRACE);
  await expect(transferKeys(s.keys, GRACE, ADA)).rejects.toMatchObject({ code: "transfer_refused" });
  const { body } = await s.exchange(key);
  expect(claimsOf(body["access_token"])["sub"]).toBe(GRACE);
});
