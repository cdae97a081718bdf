import { afterAll, beforeAll, expect, test } from "vitest";

import { PREVIOUS_CONFIG, previousActions, runPreviousKeys } from "../support/previous-release.ts";
import { ADA, claimsOf, environmentOf, setMetadata, stage, type Stage } from "../support/stage.ts";

const config = { ...PREVIOUS_CONFIG, lastUsed: true };
let s: Stage;
beforeAll(async () => {
  s = await stage({ config: { lastUsed: true }, actions: previousActions(config) });
  // The present code has marked the database: the previous release is to do that itself.
  await s.local.redis.execute(["FLUSHALL"]);
});
afterAll(async () => s.stop());

/** Runs the previous release's CLI for what it prints as JSON. */
async function keys<T = { readonly key: string; readonly id: string; readonly status: string }>(
  argv: readonly string[],
  stdin?: string,
): Promise<T> {
  const run = await runPreviousKeys([...argv, "--json"], environmentOf(s), stdin, config);
  expect(run).toMatchObject({ code: 0 });
  return JSON.parse(run.out) as T;
}

test("the previous release runs by itself: a key's whole life through its CLI and its Actions", async () => {
  expect(await keys(["init"])).toEqual({ marked: true });
  const ada = ["--user", ADA];
  const { key, id } = await keys(["create", ...ada, "--name", "laptop", "--scope", "read:things"]);
  expect(await keys(["inspect"], key)).toMatchObject({ id, checksum_ok: true, prefix_known: true });

  const granted = await s.exchange(key, { scope: "openid read:things" });
  expect(granted.status).toBe(200);
  const claims = { sub: ADA, scope: "read:things", act: { sub: `api-key|${id}` } };
  expect(claimsOf(granted.body["access_token"])).toMatchObject(claims);
  const listed = { id, name: "laptop", status: "active", last_used: { count: 1 } };
  expect(await keys(["list", ...ada])).toMatchObject([listed]);

  const { key: rotated } = await keys(["rotate", id, ...ada]);
  const answers = async () => Promise.all([key, rotated].map(async (one) => (await s.exchange(one)).status));
  expect(await answers()).toEqual([200, 200]);
  expect(await keys(["disable", id, ...ada])).toMatchObject({ status: "disabled" });
  expect(await answers()).toEqual([400, 400]);
  expect(await keys(["enable", id, ...ada])).toMatchObject({ status: "active" });
  expect(await answers()).toEqual([200, 200]);
  expect(await keys(["revoke", id, ...ada])).toMatchObject({ status: "revoked" });
  expect((await s.exchange(rotated)).body["error_description"]).toMatch(/^This API key was revoked at /);
});

test("its post-login Action looks at the user's entry, and its Action notes no use where that is off", async () => {
  const off = await stage({ actions: previousActions() });
  try {
    const run = async (...argv: string[]) => runPreviousKeys(argv, environmentOf(off));
    await off.local.redis.execute(["FLUSHALL"]);
    await run("init");
    const { code, out } = await run("create", "--user", ADA, "--name", "ci", "--json");
    expect(code).toBe(0);
    const { key, id } = JSON.parse(out) as { key: string; id: string };
    expect((await off.exchange(key)).status).toBe(200);
    expect(await off.local.redis.execute(["EXISTS", `apikey-use:${id}`])).toBe(0);
    setMetadata(off, ADA, {});
    expect((await off.exchange(key)).body["error"]).toBe("access_denied");
  } finally {
    await off.stop();
  }
});
