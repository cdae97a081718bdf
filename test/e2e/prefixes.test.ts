import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { newResourceServer } from "../../src/local/management/resource-servers.ts";
import { createApiKeysHandler, openStores } from "../../src/self-service/index.ts";
import { newClock, type Clock } from "../support/clock.ts";
import {
  startDatabase,
  startOperator,
  type Database,
  type Operator,
  type ProgramRun,
} from "../support/deployment.ts";
import { snapshot, strip } from "../support/deploying.ts";
import { SELF_SERVICE } from "../support/log-in.ts";
import { keyIn, selfServiceStage, type SelfServiceStage } from "../support/self-service.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  exchangeParameters,
  GRACE,
  OTHER_AUDIENCE,
  pepperOf,
  post,
  stage,
  type Answer,
  type Stage,
} from "../support/stage.ts";

const THINGS = { identifier: AUDIENCE, scopes: { "read:things": "Read", "write:things": "Write" } };
const BILLS = { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" } };
const CONFIG = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [THINGS, { ...BILLS, keyPrefix: "bill_live" }],
  clients: [CLIENT_ID],
  policy: { acceptForeignKeys: true },
} satisfies DeployConfigInput;

let clock: Clock;
let s: Stage;
let database: Database;
let operator: Operator;
beforeEach(async () => {
  clock = newClock();
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  database = await startDatabase("prefixes");
  operator = await startOperator(s.local, database, CONFIG, clock);
});
afterEach(async () => {
  await Promise.all([operator.close(), database.close()]);
  await s.stop();
});

async function ok(run: Promise<ProgramRun>): Promise<string> {
  const { code, stdout, stderr } = await run;
  if (code !== 0) throw new Error(`${stdout}${stderr}`);
  return stdout;
}
const things = async (key: string) => operator.exchange(key, { audience: AUDIENCE, scope: "read:things" });
const bills = async (key: string) =>
  operator.exchange(key, { audience: OTHER_AUDIENCE, scope: "read:bills" });
const refusal = ({ status, body }: Answer) => [status, body["error"]];
const prefixOf = (key: string) => key.slice(0, key.lastIndexOf("_"));

/** What keys list says of each key, by its id. */
async function statuses(userId = ADA): Promise<Record<string, string>> {
  const list = JSON.parse(await ok(operator.keys(["list", "--user", userId, "--json"]))) as {
    readonly id: string;
    readonly status: string;
  }[];
  return Object.fromEntries(list.map(({ id, status }) => [id, status]));
}

/** How many requests the database gets while something is done. */
async function redisRequests(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    if (new Request(input, { ...init, signal: null }).url.startsWith(database.url)) count++;
    return original(input, init);
  };
  try {
    await work();
  } finally {
    globalThis.fetch = original;
  }
  return count;
}

describe("an API's own prefix", () => {
  beforeEach(async () => {
    await ok(operator.deploy(["apply", "--yes"]));
  });

  test("is that of keys for this API alone, when they are made and when they are rotated", async () => {
    const made = {
      bills: await operator.make(ADA, "--audience", OTHER_AUDIENCE),
      things: await operator.make(ADA, "--audience", AUDIENCE),
      both: await operator.make(ADA, "--audience", AUDIENCE, "--audience", OTHER_AUDIENCE),
      all: await operator.make(ADA),
    };
    const prefixes = Object.fromEntries(Object.entries(made).map(([name, { key }]) => [name, prefixOf(key)]));
    expect(prefixes).toEqual({
      bills: "bill_live",
      things: "acme_live",
      both: "acme_live",
      all: "acme_live",
    });
    for (const { key, id } of Object.values(made)) {
      const rotated = (await ok(operator.keys(["rotate", id, "--user", ADA]))).trim();
      expect([prefixOf(rotated), rotated.includes(id)]).toEqual([prefixOf(key), true]);
      // Both secrets work during the overlap.
      const exchange = key === made.things.key ? things : bills;
      expect([(await exchange(key)).status, (await exchange(rotated)).status]).toEqual([200, 200]);
    }
  });

  test("of another audience is refused as a target, without asking Redis", async () => {
    const { key } = await operator.make(ADA, "--audience", OTHER_AUDIENCE);
    let answer = {} as Answer;
    const count = async (work: () => Promise<Answer>) =>
      redisRequests(async () => {
        answer = await work();
      });
    expect(await count(async () => bills(key))).toBe(1);
    expect(answer.status).toBe(200);
    expect(await count(async () => things(key))).toBe(0);
    expect(refusal(answer)).toEqual([400, "invalid_target"]);
    expect(await count(async () => operator.exchange(key, { audience: undefined, scope: undefined }))).toBe(
      0,
    );
    expect(refusal(answer)).toEqual([400, "invalid_target"]);
    // A key of the deployment's prefix may be for any of its APIs: that is looked up.
    const { key: other } = await operator.make(ADA, "--audience", AUDIENCE);
    expect(await count(async () => bills(other))).toBe(1);
    expect(refusal(answer)).toEqual([400, "invalid_target"]);
  });

  test("is known to keys pattern, keys inspect, and the search of leaks", async () => {
    const { key, id } = await operator.make(ADA, "--audience", OTHER_AUDIENCE);
    const { key: other } = await operator.make(GRACE);
    const pattern = new RegExp((await ok(operator.keys(["pattern"]))).trim(), "g");
    const text = `one: "${key}", another ${other}; of nobody: elsewhere_${key.slice(-50)}`;
    expect(text.match(pattern)).toEqual([key, other]);
    const inspected = async (one: string) =>
      JSON.parse(await ok(operator.keys(["inspect", "--json"], one))) as object;
    expect(await inspected(key)).toEqual({ prefix: "bill_live", id, checksum_ok: true, prefix_known: true });
    expect(await inspected(key.replace("bill_live", "bill_test"))).toMatchObject({
      prefix: "bill_test",
      prefix_known: false,
    });
    expect(JSON.parse(await ok(operator.keys(["revoke", "--stdin", "--json"], text)))).toEqual([
      { hint: `bill_live_${id}…`, outcome: "revoked", user_id: ADA },
      { hint: expect.stringMatching(/^acme_live_/), outcome: "revoked", user_id: GRACE },
    ]);
    expect(refusal(await bills(key))).toEqual([400, "invalid_request"]);
  });

  test("is no foreign key's: none that begins so is imported, and one that does not works for the API", async () => {
    const foreign = "legacy-4f6b1f0c9a7d4e2f8b3c5d6e7f80";
    const mistyped = `bill_live_${"x".repeat(40)}`;
    const file = join(operator.folder, "import.jsonl");
    const line = (name: string, key: string) =>
      `${JSON.stringify({ user_id: ADA, name, key, audience: [OTHER_AUDIENCE] })}\n`;
    await writeFile(file, line("foreign", foreign) + line("mistyped", mistyped));
    const run = await operator.keys(["import", file, "--write", "--json"]);
    const outcomes = run.stdout
      .trim()
      .split("\n")
      .map((one) => JSON.parse(one) as { outcome: string; error?: string });
    expect([run.code, outcomes]).toEqual([
      1,
      [
        expect.objectContaining({ outcome: "imported" }),
        expect.objectContaining({ outcome: "refused", error: "import_line_invalid" }),
      ],
    ]);
    expect((await bills(foreign)).status).toBe(200);
    expect(refusal(await things(foreign))).toEqual([400, "invalid_target"]);
    // Rotated, it is a key of ours, for this API alone.
    const [id = ""] = Object.keys(await statuses());
    expect(await ok(operator.keys(["rotate", id, "--user", ADA]))).toMatch(/^bill_live_/);
  });
});

describe("another prefix for an API", () => {
  const changeTo = async (keyPrefix: string, change: Partial<DeployConfigInput> = {}) =>
    operator.configure({ apis: [THINGS, { ...BILLS, keyPrefix }], ...change });
  let old: { readonly key: string; readonly id: string };
  beforeEach(async () => {
    await ok(operator.deploy(["apply", "--yes"]));
    old = await operator.make(ADA, "--audience", OTHER_AUDIENCE);
  });

  test("with the old one retired: old keys work for their API as before, new and rotated ones get the new", async () => {
    await changeTo("bill_new", { retiredKeyPrefixes: ["bill_live"] });
    expect(await ok(operator.deploy(["plan"]))).not.toContain("prefix");
    await ok(operator.deploy(["apply", "--yes"]));
    expect((await bills(old.key)).status).toBe(200);
    expect(refusal(await things(old.key))).toEqual([400, "invalid_target"]);
    expect(await statuses()).toEqual({ [old.id]: "active" });
    expect(prefixOf((await operator.make(ADA, "--audience", OTHER_AUDIENCE)).key)).toBe("bill_new");
    const rotated = (await ok(operator.keys(["rotate", old.id, "--user", ADA]))).trim();
    expect(prefixOf(rotated)).toBe("bill_new");
    expect([(await bills(rotated)).status, (await bills(old.key)).status]).toEqual([200, 200]);
  });

  test("without retiring the old one is told, confirmed, and ends those keys", async () => {
    await operator.make(ADA);
    await changeTo("bill_new");
    const plan = await ok(operator.deploy(["plan"]));
    expect(plan.split("\n").filter((line) => line.includes("prefix"))).toEqual([
      "! prefix bill_live is no longer configured: 1 key that can be used has it, or may have it, and will be refused. List it in retiredKeyPrefixes to let it go on working.",
    ]);
    expect((await operator.deploy(["apply", "--yes"])).code).toBe(1);
    expect((await bills(old.key)).status).toBe(200);
    await ok(operator.deploy(["apply", "--yes", "--drop-prefix", "bill_live"]));
    expect(refusal(await bills(old.key))).toEqual([400, "invalid_request"]);
    expect((await statuses())[old.id]).toBe("refused");
    // Its rotation gives a key that works, and says of the old secret what is so.
    const rotated = await operator.keys(["rotate", old.id, "--user", ADA, "--json"]);
    const shown = JSON.parse(rotated.stdout) as { readonly key: string };
    expect(shown).toMatchObject({ status: "active", previous_secret_until: null });
    expect([(await bills(shown.key)).status, refusal(await bills(old.key))]).toEqual([
      200,
      [400, "invalid_request"],
    ]);
  });

  test("that moves to another API: keys of the first are refused for it, by what they were made for", async () => {
    await operator.configure({ apis: [{ ...THINGS, keyPrefix: "bill_live" }, BILLS] });
    await ok(operator.deploy(["apply", "--yes"]));
    expect(refusal(await bills(old.key))).toEqual([400, "invalid_target"]);
    expect(refusal(await things(old.key))).toEqual([400, "invalid_target"]);
  });
});

describe("another keyPrefix without retiring the old one", () => {
  let keys: Record<
    "active" | "disabled" | "revoked" | "bills" | "graces",
    { readonly key: string; readonly id: string }
  >;
  beforeEach(async () => {
    await ok(operator.deploy(["apply", "--yes"]));
    keys = {
      active: await operator.make(ADA),
      disabled: await operator.make(ADA),
      revoked: await operator.make(ADA),
      bills: await operator.make(ADA, "--audience", OTHER_AUDIENCE),
      graces: await operator.make(GRACE),
    };
    await ok(operator.keys(["disable", keys.disabled.id, "--user", ADA]));
    await ok(operator.keys(["revoke", keys.revoked.id, "--user", ADA]));
    await operator.configure({ keyPrefix: "acme_new" });
  });
  /** All that an apply could change. */
  const world = async () => snapshot(s.local.tenant) + (await database.dump());

  test("is planned with the prefix that dies, and how many keys that can be used have it", async () => {
    const plan = await ok(operator.deploy(["plan"]));
    expect(plan.split("\n").filter((line) => line.includes("prefix"))).toEqual([
      "! prefix acme_live is no longer configured: 3 keys that can be used have it, or may have it, and will be refused. List it in retiredKeyPrefixes to let them go on working.",
    ]);
    const json = JSON.parse(await ok(operator.deploy(["plan", "--json"]))) as { caveats: readonly string[] };
    expect(json.caveats).toEqual([expect.stringMatching(/^prefix acme_live .* 3 keys/)]);
  });

  test("counts a key whose new secret has another prefix while its old one still works", async () => {
    await operator.configure({ keyPrefix: "acme_new", retiredKeyPrefixes: ["acme_live"] });
    await ok(operator.deploy(["apply", "--yes"]));
    await ok(operator.keys(["rotate", keys.active.id, "--user", ADA, "--overlap", "1h"]));
    await ok(operator.keys(["rotate", keys.graces.id, "--user", GRACE, "--overlap", "0"]));
    await operator.configure({ keyPrefix: "acme_new", retiredKeyPrefixes: [] });
    // The disabled one, and the one that was rotated: its old secret is out there for an hour.
    expect(await ok(operator.deploy(["plan"]))).toContain("prefix acme_live is no longer configured: 2 keys");
  });

  test.each<[string, readonly string[], string | undefined]>([
    ["nobody confirms it", ["--yes"], undefined],
    ["another prefix is confirmed", ["--yes", "--drop-prefix", "acme_new"], undefined],
    ["something else is typed", ["--yes"], "acme"],
    ["nothing is typed", ["--yes"], ""],
    ["yes is typed", [], "yes"],
  ])("is refused before the first write where %s", async (_, argv, typed) => {
    const before = await world();
    const run = await operator.deploy(["apply", ...argv], typed);
    expect([run.code, run.stderr]).toEqual([
      1,
      'error: Keys with the prefix acme_live would be refused, and nobody confirmed it.\nfix:   Nothing was changed. Let them go on working with retiredKeyPrefixes: ["acme_live"], or add: --drop-prefix acme_live\n',
    ]);
    expect(await world()).toBe(before);
    expect((await things(keys.active.key)).status).toBe(200);
  });

  test.each<[string, readonly string[], string | undefined]>([
    ["typed", ["--yes"], "acme_live"],
    ["given", ["--yes", "--drop-prefix", "acme_live"], undefined],
    ["given beside others", ["--yes", "--drop-prefix", "bill_live", "--drop-prefix", "acme_live"], undefined],
  ])(
    "is applied once the prefix is %s: its keys are refused, and shown as refused; all others work",
    async (_, argv, typed) => {
      await ok(operator.deploy(["apply", ...argv], typed));
      for (const key of [keys.active.key, keys.graces.key]) {
        expect(refusal(await things(key))).toEqual([400, "invalid_request"]);
      }
      expect((await bills(keys.bills.key)).status).toBe(200);
      expect(await statuses()).toEqual({
        [keys.active.id]: "refused",
        [keys.disabled.id]: "disabled",
        [keys.revoked.id]: "revoked",
        [keys.bills.id]: "active",
      });
      expect(await ok(operator.keys(["show", keys.active.id, "--user", ADA]))).toMatch(/^status +refused$/m);
      // A new secret has the new prefix, and the key works again.
      const rotated = (await ok(operator.keys(["rotate", keys.active.id, "--user", ADA]))).trim();
      expect(prefixOf(rotated)).toBe("acme_new");
      expect((await things(rotated)).status).toBe(200);
      expect(refusal(await things(keys.active.key))).toEqual([400, "invalid_request"]);
      expect((await statuses())[keys.active.id]).toBe("active");
      // It was confirmed once: the next time there is nothing to ask.
      expect(await ok(operator.deploy(["plan"]))).toContain("No changes.");
    },
  );

  test("back in retiredKeyPrefixes, the keys work again", async () => {
    await ok(operator.deploy(["apply", "--yes", "--drop-prefix", "acme_live"]));
    await operator.configure({ retiredKeyPrefixes: ["acme_live"] });
    await ok(operator.deploy(["apply", "--yes"]));
    expect((await things(keys.active.key)).status).toBe(200);
    expect((await statuses())[keys.active.id]).toBe("active");
  });

  test("each of two that die at once has to be confirmed", async () => {
    await operator.configure({ apis: [THINGS, BILLS] });
    const plan = await ok(operator.deploy(["plan"]));
    expect(plan).toMatch(/prefix acme_live is no longer configured: 3 keys/);
    expect(plan).toMatch(/prefix bill_live is no longer configured: 1 /);
    const before = await world();
    for (const given of ["acme_live", "bill_live"]) {
      const run = await operator.deploy(["apply", "--yes", "--drop-prefix", given]);
      const other = given === "acme_live" ? "bill_live" : "acme_live";
      expect([run.code, run.stderr]).toEqual([
        1,
        expect.stringContaining(`Keys with the prefix ${other} would`),
      ]);
    }
    expect(await world()).toBe(before);
    await ok(operator.deploy(["apply", "--yes", "--drop-prefix", "acme_live", "--drop-prefix", "bill_live"]));
    expect(refusal(await bills(keys.bills.key))).toEqual([400, "invalid_request"]);
  });

  test("with the old one retired, plan does not mention it, apply does not ask, and keys work", async () => {
    await operator.configure({ retiredKeyPrefixes: ["acme_live"] });
    const plan = await ok(operator.deploy(["plan"]));
    expect(plan).not.toContain("acme_live");
    expect(plan).not.toContain("prefix");
    await ok(operator.deploy(["apply", "--yes"]));
    expect((await things(keys.active.key)).status).toBe(200);
    expect((await statuses())[keys.active.id]).toBe("active");
    expect(prefixOf((await operator.make(ADA)).key)).toBe("acme_new");
  });
});

describe("self-service", () => {
  let self: SelfServiceStage;
  let token: string;
  beforeAll(async () => {
    self = await selfServiceStage({ config: { ...CONFIG, policy: { maxKeysPerUser: 50 } } });
    token = await self.tokenOf(ADA);
  });
  afterAll(async () => self.stop());
  let number = 0;
  const create = async (audiences: readonly string[] | undefined, idempotencyKey: string) =>
    self.call("POST", "/api-keys", {
      token,
      body: { name: `key ${idempotencyKey}`, scopes: ["read:bills"], ...(audiences && { audiences }) },
      headers: { "idempotency-key": idempotencyKey },
    });
  const exchange = async (key: unknown, audience: string) => {
    const parameters = exchangeParameters(String(key), { audience, scope: "read:bills" });
    return post(self.s.local.description.token_endpoint, parameters);
  };

  test("gives keys of one API its prefix: made and rotated, also where the request is sent twice", async () => {
    const made = await create([OTHER_AUDIENCE], `bills-${++number}`);
    const again = await create([OTHER_AUDIENCE], `bills-${number}`);
    expect([made.status, again.body["key"]]).toEqual([201, made.body["key"]]);
    const { id, hint } = keyIn(made);
    expect([hint, prefixOf(String(made.body["key"]))]).toEqual([`bill_live_${id}…`, "bill_live"]);
    expect((await exchange(made.body["key"], OTHER_AUDIENCE)).status).toBe(200);
    expect(refusal(await exchange(made.body["key"], AUDIENCE))).toEqual([400, "invalid_target"]);
    const rotate = async () =>
      self.call("POST", `/api-keys/${id}/rotate`, { token, headers: { "idempotency-key": "rotation" } });
    const [rotated, twice] = [await rotate(), await rotate()];
    expect([rotated.status, twice.body["key"]]).toEqual([200, rotated.body["key"]]);
    expect([keyIn(rotated).hint, prefixOf(String(rotated.body["key"]))]).toEqual([hint, "bill_live"]);
    expect((await exchange(rotated.body["key"], OTHER_AUDIENCE)).status).toBe(200);
  });

  test("gives keys of several APIs, and of all, the deployment's prefix", async () => {
    for (const audiences of [[AUDIENCE, OTHER_AUDIENCE], undefined]) {
      const made = await create(audiences, `several-${++number}`);
      expect(prefixOf(String(made.body["key"]))).toBe("acme_live");
      expect((await exchange(made.body["key"], OTHER_AUDIENCE)).status).toBe(200);
    }
  });

  test("shows an active key of a prefix that is not accepted any more as refused, and no other", async () => {
    const ids: Record<string, string> = {};
    for (const name of ["active", "disabled", "revoked"])
      ids[name] = keyIn(await create(undefined, `${name}-1`)).id;
    const bill = keyIn(await create([OTHER_AUDIENCE], `bills-${++number}`)).id;
    await self.call("PATCH", `/api-keys/${ids["disabled"]}`, { token, body: { disabled: true } });
    await self.call("DELETE", `/api-keys/${ids["revoked"]}`, { token });
    const { origin, managementApi, clientId, clientSecret, redisUrl, redisToken } = self.s.settings;
    const settings = { origin, managementApi, clientId, clientSecret, redisUrl, redisToken };
    const handler = createApiKeysHandler({
      stores: openStores(
        { ...self.s.config, keyPrefixes: ["acme_new"] },
        { ...settings, pepper: `1:${pepperOf("one")}` },
      ),
      issuer: self.s.local.description.issuer,
      audience: SELF_SERVICE.audience,
    });
    const headers = { authorization: `Bearer ${token}` };
    const statusOf = async (id: string | undefined) => {
      const response = await handler(new Request(`http://self-service.example/api-keys/${id}`, { headers }));
      return ((await response.json()) as { api_key: { status: string } }).api_key.status;
    };
    const shown = [ids["active"], ids["disabled"], ids["revoked"], bill];
    expect(await Promise.all(shown.map(statusOf))).toEqual(["refused", "disabled", "revoked", "active"]);
  });
});

describe("tokenLifetimeSeconds", () => {
  const withLifetime = (seconds: number | undefined) => ({
    apis: [{ ...THINGS, ...(seconds !== undefined && { tokenLifetimeSeconds: seconds }) }],
  });
  const lifetime = () => s.local.tenant.resourceServers.get(AUDIENCE)?.token_lifetime;
  const setLifetime = (token_lifetime: number) => {
    const { tenant } = s.local;
    const before = tenant.resourceServers.get(AUDIENCE) ?? newResourceServer(tenant, AUDIENCE, {});
    tenant.resourceServers.set(AUDIENCE, { ...before, token_lifetime });
  };
  const lines = (text: string) => text.split("\n").filter((line) => line.includes(AUDIENCE));

  describe("of an API that was there before", () => {
    beforeEach(async () => {
      setLifetime(7_200);
      await operator.configure(withLifetime(600));
    });

    test("is planned, applied, and what tokens live for", async () => {
      expect(lines(await ok(operator.deploy(["plan"])))).toEqual([
        expect.stringMatching(/^~ +API \S+ +.*token_lifetime 7200 → 600 s/),
      ]);
      await ok(operator.deploy(["apply", "--yes"]));
      expect(lifetime()).toBe(600);
      const { body } = await things((await operator.make(ADA)).key);
      const { iat, exp } = claimsOf(body["access_token"]) as { iat: number; exp: number };
      expect([body["expires_in"], exp - iat]).toEqual([600, 600]);
      expect(await ok(operator.deploy(["plan"]))).toContain("No changes.");
    });

    test("that others changed since is planned to be put back, named by drift, and reported by doctor", async () => {
      await ok(operator.deploy(["apply", "--yes"]));
      const note = `Tokens of the API ${AUDIENCE} live 600 seconds: those of a revoked key too, unless a kill switch ends them.`;
      const before = await operator.deploy(["doctor"]);
      expect(before.stdout).toContain(`note: ${note}`);
      expect(before.stdout).not.toContain("the configuration says");
      setLifetime(86_400);
      expect(lines(await ok(operator.deploy(["plan"])))).toEqual([
        expect.stringContaining("token_lifetime 86400 → 600 s"),
      ]);
      expect(lines(await ok(operator.deploy(["drift"])))).toEqual([
        `API ${AUDIENCE}  its tokens live 86400 seconds now`,
      ]);
      const after = await operator.deploy(["doctor"]);
      expect(after.stdout).toContain(`note: ${note.replace("600", "86400")}`);
      expect(after.stdout).toContain(
        `error, until apply: Tokens of the API ${AUDIENCE} live 86400 seconds, and the configuration says 600.`,
      );
      // An application mends it.
      expect([after.code, (await operator.deploy(["doctor", "--before-apply"])).code]).toEqual([1, 0]);
      await ok(operator.deploy(["apply", "--yes"]));
      expect(lifetime()).toBe(600);
    });

    test("is put back by destroy, whatever it was configured to meanwhile", async () => {
      await ok(operator.deploy(["apply", "--yes"]));
      await operator.configure(withLifetime(900));
      await ok(operator.deploy(["apply", "--yes"]));
      expect(lifetime()).toBe(900);
      const destroy = await ok(operator.deploy(["destroy", "--yes", "--tenant", "localhost"]));
      expect(lines(destroy)).toEqual([expect.stringContaining("token_lifetime 7200 s as before")]);
      expect(lifetime()).toBe(7_200);
    });

    test("is put back to what it was before the last apply by rollback", async () => {
      await ok(operator.deploy(["apply", "--yes"]));
      await operator.configure(withLifetime(900));
      await ok(operator.deploy(["apply", "--yes"]));
      await ok(operator.deploy(["rollback", "--yes"]));
      expect(lifetime()).toBe(600);
      await ok(operator.deploy(["rollback", "--yes"]));
      expect(lifetime()).toBe(7_200);
    });

    test("that is no longer configured stays, until apply --prune", async () => {
      await ok(operator.deploy(["apply", "--yes"]));
      await operator.configure(withLifetime(undefined));
      await ok(operator.deploy(["apply", "--yes"]));
      expect(lifetime()).toBe(600);
      await ok(operator.deploy(["apply", "--yes", "--prune"]));
      expect(lifetime()).toBe(7_200);
    });

    test("is left alone where none is configured: by apply, doctor, and destroy", async () => {
      await operator.configure(withLifetime(undefined));
      await ok(operator.deploy(["apply", "--yes"]));
      setLifetime(1_800);
      expect(await ok(operator.deploy(["plan"]))).not.toContain("token_lifetime");
      expect((await operator.deploy(["doctor"])).stdout).not.toContain("the configuration says");
      await ok(operator.deploy(["destroy", "--yes", "--tenant", "localhost"]));
      expect(lifetime()).toBe(1_800);
    });
  });

  test("is given to an API that is made, which goes again as a whole", async () => {
    await operator.configure(withLifetime(600));
    await ok(operator.deploy(["apply", "--yes"]));
    expect(lifetime()).toBe(600);
    await ok(operator.deploy(["destroy", "--yes", "--tenant", "localhost"]));
    expect(s.local.tenant.resourceServers.has(AUDIENCE)).toBe(false);
  });

  describe("of two deployments for one API", () => {
    let other: Operator;
    let otherDatabase: Database;
    beforeEach(async () => {
      setLifetime(7_200);
      otherDatabase = await startDatabase("other");
      await operator.configure(withLifetime(600));
      const config = {
        name: "billing",
        subjectTokenType: "urn:billing:api-key",
        keyPrefix: "bill",
        clients: [CLIENT_ID],
      };
      other = await startOperator(s.local, otherDatabase, { ...config, ...withLifetime(900) }, clock);
      await ok(operator.deploy(["apply", "--yes"]));
    });
    afterEach(async () => {
      await Promise.all([other.close(), otherDatabase.close()]);
    });

    test("is refused where they differ, by name, before anything is written", async () => {
      const before = snapshot(s.local.tenant);
      for (const command of [["plan"], ["apply", "--yes"]]) {
        const run = await other.deploy(command);
        expect([run.code, run.stderr]).toEqual([
          1,
          expect.stringContaining(`another tokenLifetimeSeconds for ${AUDIENCE}`),
        ]);
        expect(run.stderr).toContain('"api-keys"');
      }
      const doctor = await other.deploy(["doctor"]);
      expect(doctor.stdout).toContain(`another tokenLifetimeSeconds for ${AUDIENCE}`);
      expect([snapshot(s.local.tenant), await otherDatabase.dump()]).toEqual([before, "[]"]);
    });

    test.each<[string, number | undefined]>([
      ["is the same", 600],
      ["is configured in one", undefined],
    ])("is taken where it %s", async (_, seconds) => {
      await other.configure(withLifetime(seconds));
      await ok(other.deploy(["apply", "--yes"]));
      expect(lifetime()).toBe(600);
    });

    test("is put back with the last of them", async () => {
      await other.configure(withLifetime(600));
      await ok(other.deploy(["apply", "--yes"]));
      await ok(operator.deploy(["destroy", "--yes", "--tenant", "localhost"]));
      expect(lifetime()).toBe(600);
      await ok(other.deploy(["destroy", "--yes", "--tenant", "localhost"]));
      expect(lifetime()).toBe(7_200);
    });
  });
});
