import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { writeLocalFile } from "../../src/cli/local-file.ts";
import { newClock } from "../support/clock.ts";
import { deployInProcess } from "../support/deploy-in-process.ts";
import { PEPPER, snapshot, strip } from "../support/deploying.ts";
import { ADA, GRACE, stage, type Stage } from "../support/stage.ts";

const clock = newClock();
let s: Stage;
let folder: string;
let journal: string;
let runs = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deploy-"));
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  await writeLocalFile({ LOCAL_TENANT_DIR: folder }, { ...s.local.description, api_key_pepper: PEPPER });
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  strip(s.local.tenant);
  journal = join(folder, `${++runs}.jsonl`);
});

const deploy = async (argv: readonly string[], answer?: boolean | string) =>
  deployInProcess([...argv, "--journal", journal], { LOCAL_TENANT_DIR: folder }, clock, answer);

/** The first line of every command. */
const target = () => `tenant localhost, deployment api-keys, store ${new URL(s.settings.redisUrl).host}\n`;
/** Confirms a destruction where nobody is there to be asked. */
const DESTROY = ["destroy", "--yes", "--tenant", "localhost"];

/** What must never be printed or kept. */
async function expectNoSecretIn(...texts: readonly string[]): Promise<void> {
  const { management_client_secret, redis_rest_token, redis_rest_read_only_token } = s.local.description;
  const all = [...texts, await readFile(journal, "utf8").catch(() => "")].join("\n");
  for (const secret of [
    PEPPER.slice(2),
    management_client_secret,
    redis_rest_token,
    redis_rest_read_only_token,
  ]) {
    expect(all).not.toContain(secret);
  }
  expect(all).not.toMatch(/acme_live_[0-9A-Za-z]{20}/);
}

test("apply, plan, verify, drift, destroy: from nothing to working keys, and back to nothing", async () => {
  const bare = snapshot(s.local.tenant);
  const planned = await deploy(["plan", "--exit-code"]);
  expect([planned.code, planned.stdout]).toEqual([
    3,
    expect.stringContaining("5 to add, 1 to change, 0 to remove"),
  ]);
  expect(snapshot(s.local.tenant)).toBe(bare);

  const applied = await deploy(["apply", "--yes"]);
  expect([applied.code, applied.stderr]).toEqual([0, expect.stringContaining("ok  a key is exchanged")]);
  expect(await deploy(["plan", "--exit-code"])).toMatchObject({
    code: 0,
    stdout: `${target()}No changes.\n`,
  });
  expect(await deploy(["verify"])).toMatchObject({ code: 0, stdout: `${target()}12 checks passed.\n` });
  expect(s.local.tenant.users.get(ADA)).not.toHaveProperty("app_metadata");
  expect(await deploy(["drift"])).toMatchObject({ code: 0, stdout: `${target()}Nothing was changed.\n` });
  const destroyed = await deploy(DESTROY);
  expect(destroyed.code).toBe(0);
  expect(snapshot(s.local.tenant)).toBe(bare);
  await expectNoSecretIn(applied.stdout, applied.stderr, planned.stdout, destroyed.stdout, destroyed.stderr);
});

test("nothing is written without a yes: nobody there is an error, a no is none", async () => {
  const bare = snapshot(s.local.tenant);
  const alone = await deploy(["apply"]);
  expect([alone.code, alone.stderr]).toEqual([1, expect.stringContaining("Nobody is there to confirm")]);
  const declined = await deploy(["apply"], false);
  expect([declined.code, declined.asked]).toEqual([0, ["Apply this?"]]);
  expect(snapshot(s.local.tenant)).toBe(bare);
  expect((await deploy(["apply", "--no-verify"], true)).code).toBe(0);
  expect(snapshot(s.local.tenant)).not.toBe(bare);
  const { stdout } = await deploy(["rollback", "--json"], true);
  expect(JSON.parse(stdout)).toMatchObject({ changes: expect.any(Array) as object, caveats: [] });
  expect(snapshot(s.local.tenant)).toBe(bare);
});

describe("a verification that fails", () => {
  test("says what is wrong, and leaves no key behind", async () => {
    await deploy(["apply", "--yes", "--no-verify"]);
    s.local.tenant.profiles.clear();
    const { code, stderr } = await deploy(["verify"]);
    expect(code).toBe(1);
    expect(stderr).toContain("FAILED  a key is exchanged (status 400, invalid_request");
    expect(stderr).toContain("npm run deploy -- rollback");
    expect(s.local.tenant.users.get(ADA)).not.toHaveProperty("app_metadata");
    await expectNoSecretIn(stderr);
  });

  test("sees that the post-login Action does not run", async () => {
    await deploy(["apply", "--yes", "--no-verify"]);
    s.local.tenant.postLoginBindings.splice(0);
    const { code, stderr } = await deploy(["verify"]);
    expect(code).toBe(1);
    expect(stderr).toContain("FAILED  a key that the user's record does not have is refused (status 200)");
  });
});

describe("destroy and the keys", () => {
  const records = async () => s.local.redis.execute(["EXISTS", ...ids.map((id) => `apikey:${id}`)]);
  const entries = () => [ADA, GRACE].map((id) => s.local.tenant.users.get(id)?.["app_metadata"]);
  let ids: readonly string[];
  beforeEach(async () => {
    await deploy(["apply", "--yes", "--no-verify"]);
    ids = [(await s.create(ADA)).id, (await s.create(GRACE)).id];
  });
  afterEach(async () => {
    for (const userId of [ADA, GRACE]) await s.keys.users.write(userId, []);
    await s.local.redis.execute(["FLUSHALL"]);
    await s.keys.records.mark();
  });

  test("stay without --keys: applied again, they work", async () => {
    const before = entries();
    expect((await deploy(DESTROY)).code).toBe(0);
    expect([entries(), await records()]).toEqual([before, 2]);
  });

  test("go with it, once that is confirmed; what is left of a run that ended early goes with the next", async () => {
    const client = s.local.description.management_client_id;
    const before = entries();
    const declined = await deploy(["destroy", "--keys"], "n");
    expect([declined.asked, declined.stdout]).toEqual([
      ["Type localhost to remove this: "],
      expect.stringContaining("Every API key is dropped for good: 2 records in Redis, and all entries"),
    ]);
    expect([entries(), await records(), s.local.tenant.profiles.size]).toEqual([before, 2, 1]);
    const grants = s.local.tenant.clientGrants.map((grant) =>
      grant.client_id === client
        ? { ...grant, scope: grant.scope.filter((scope) => scope !== "update:users") }
        : grant,
    );
    const allowed = s.local.tenant.clientGrants.splice(0, Infinity, ...grants);
    expect((await deploy([...DESTROY, "--keys"])).stderr).toContain("update:users");
    expect([entries(), s.local.tenant.profiles.size]).toEqual([before, 0]);
    s.local.tenant.clientGrants.splice(0, Infinity, ...allowed);
    const { code, stdout, stderr } = await deploy([...DESTROY, "--keys", "--json"]);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      {
        target: {
          tenant: "localhost",
          deployment: "api-keys",
          environment: null,
          store: new URL(s.settings.redisUrl).host,
        },
        // The Actions go last: they say what there was.
        changes: ["post-login", "custom-token-exchange"].map((trigger) => ({
          sign: "-",
          what: `Action api-keys-${trigger}`,
          why: ["was not there before"],
          outage: null,
        })),
        caveats: [expect.stringContaining("1 records in Redis") as string],
        keys: { users: 2, entries: 2, orphans: 0, foreign_records: 0 },
      },
    ]);
    expect(stderr).toContain(`"operation":"drop","user_id":"${GRACE}","key_id":null,"changes":["${ids[1]}"]`);
    expect([entries(), await records()]).toEqual([[undefined, undefined], 0]);
    await expectNoSecretIn(stdout, stderr);
    expect(await readFile(journal, "utf8")).not.toContain(ids[0]);
  });

  test("of another deployment's store are refused before anything is removed", async () => {
    await s.local.redis.execute(["SET", "apikey-store", "another's"]);
    const before = snapshot(s.local.tenant);
    const { code, stderr } = await deploy([...DESTROY, "--keys"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("marked as that of another deployment")]);
    expect([snapshot(s.local.tenant), await records()]).toEqual([before, 2]);
  });
});

describe("what cannot be brought back is removed only where the tenant's domain is named", () => {
  beforeEach(async () => deploy(["apply", "--yes", "--no-verify"]));

  test.each<[string, readonly string[], string | undefined, number, string]>([
    ["nobody is there, and --yes alone", ["--yes"], undefined, 1, "the tenant was not named"],
    ["another's", ["--yes", "--tenant", "acme.auth0.com"], undefined, 1, "and acme.auth0.com was named"],
    ["nobody is there, and no --yes", ["--tenant", "localhost"], undefined, 1, "Nobody is there to confirm"],
    ["somebody types another's", [], "acme.auth0.com", 1, "localhost was not typed"],
    ["somebody types y", [], "y", 1, "localhost was not typed"],
  ])("not where it is %s", async (_, argv, answer, exits, said) => {
    const before = snapshot(s.local.tenant);
    const { code, stderr } = await deploy(["destroy", ...argv], answer);
    expect([code, stderr]).toEqual([exits, expect.stringContaining(said)]);
    expect(snapshot(s.local.tenant)).toBe(before);
  });

  test.each<[string, readonly string[], string | undefined]>([
    ["typed", [], "localhost"],
    ["given, in capitals", ["--yes", "--tenant", "LOCALHOST"], undefined],
  ])("but where it is %s", async (_, argv, answer) => {
    expect((await deploy(["destroy", ...argv], answer)).code).toBe(0);
    expect(s.local.tenant.actionStates.size).toBe(0);
  });
});

test("a deployment that was never made is not destroyed, and those that are there are named", async () => {
  await deploy(["apply", "--yes", "--no-verify"]);
  const config = join(folder, "other.config.ts");
  const module = JSON.stringify(resolve("deploy.config.ts"));
  await writeFile(config, `import config from ${module};\nexport default { ...config, name: "billing" };\n`);
  journal = join(folder, "billing.jsonl");
  const before = snapshot(s.local.tenant);
  const { code, stderr } = await deploy([...DESTROY, "--config", config]);
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining('There is no deployment "billing" on localhost: nothing was removed.'),
  ]);
  expect(stderr).toContain('There is: "api-keys".');
  expect(snapshot(s.local.tenant)).toBe(before);
});

test("with --json, standard output holds one value, which says what it is about, and nothing else", async () => {
  const host = new URL(s.settings.redisUrl).host;
  const about = { tenant: "localhost", deployment: "api-keys", environment: null, store: host };
  for (const argv of [
    ["plan"],
    ["apply", "--yes"],
    ["verify"],
    ["drift"],
    ["doctor"],
    ["rollback", "--yes"],
    DESTROY,
  ]) {
    // A rollback takes everything back: there is something to destroy again.
    if (argv === DESTROY) await deploy(["apply", "--yes", "--no-verify"]);
    const { code, stdout, stderr } = await deploy([...argv, "--json"]);
    expect([argv, code, JSON.parse(stdout)]).toMatchObject([argv, 0, { target: about }]);
    expect(stderr.startsWith(target())).toBe(true);
  }
});

test("an unknown command or option is wrong usage", async () => {
  expect((await deploy(["applyy"])).code).toBe(2);
  expect((await deploy(["plan", "--secret", "x"])).code).toBe(2);
});
