import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { deploySource, newAction } from "../../src/local/management/action-state.ts";
import { newResourceServer } from "../../src/local/management/resource-servers.ts";
import { newClock, type Clock } from "../support/clock.ts";
import {
  startDatabase,
  startOperator,
  type Database,
  type Operator,
  type ProgramRun,
} from "../support/deployment.ts";
import { snapshot, strip } from "../support/deploying.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  GRACE,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  pepperOf,
  stage,
  type Answer,
  type Stage,
} from "../support/stage.ts";

const SCOPES = { "read:things": "Read", "write:things": "Write", "delete:things": "Delete" };
const THINGS = { identifier: AUDIENCE, scopes: SCOPES };
const BILLS = { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" } };
const CONFIG = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [THINGS, BILLS],
  clients: [CLIENT_ID, OTHER_CLIENT_ID],
} satisfies DeployConfigInput;

let clock: Clock;
let s: Stage;
let database: Database;
let operator: Operator;
beforeEach(async () => {
  clock = newClock();
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  database = await startDatabase("gone");
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
const apply = async (...argv: readonly string[]) => ok(operator.deploy(["apply", "--yes", ...argv]));
/** The lines of a plan that have a text in them, a blank between their columns. */
const planned = async (text: string, ...argv: readonly string[]) =>
  (await ok(operator.deploy(["plan", ...argv])))
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, " "))
    .filter((line) => line.includes(text));
const refusal = ({ status, body }: Answer) => [status, body["error"]];
const clientNow = (id: string) => s.local.tenant.clients.get(id)?.token_exchange?.allow_any_profile_of_type;
const setClient = (
  id: string,
  types: readonly ("custom_authentication" | "on_behalf_of_token_exchange")[],
) => {
  const { clients } = s.local.tenant;
  const client = clients.get(id);
  if (!client) throw new Error("no such client");
  clients.set(id, { ...client, token_exchange: { allow_any_profile_of_type: [...types] } });
};

describe("a client that is not configured any more", () => {
  const GONE = `! client ${OTHER_CLIENT_ID} is no longer configured; 2 keys that can be used name it.`;
  let keys: Record<"all" | "others" | "both", string>;
  /** Deploys for both clients, makes keys for each, and takes the other one out of the configuration. */
  async function goneClient(): Promise<void> {
    await apply();
    const make = async (user: string, ...clients: readonly string[]) =>
      operator.make(user, "--scope", "read:things", ...clients.flatMap((id) => ["--client", id]));
    keys = {
      all: (await make(ADA)).key,
      others: (await make(ADA, OTHER_CLIENT_ID)).key,
      both: (await make(GRACE, CLIENT_ID, OTHER_CLIENT_ID)).key,
    };
    const { id } = await make(ADA, OTHER_CLIENT_ID);
    await ok(operator.keys(["revoke", id, "--user", ADA]));
    await operator.configure({ clients: [CLIENT_ID] });
  }
  const by = async (key: string, client_id: string) => refusal(await operator.exchange(key, { client_id }));
  const GRANTED = [200, undefined];

  test("is planned with the number of keys that name it, and can exchange keys until it is pruned", async () => {
    await goneClient();
    expect(await planned("is no longer configured")).toEqual([
      `${GONE} It can still exchange keys, until apply --prune.`,
    ]);
    await apply();
    for (const key of Object.values(keys)) expect(await by(key, OTHER_CLIENT_ID)).toEqual(GRANTED);
    // It is told of until it is done.
    expect(await planned("is no longer configured")).toHaveLength(1);
    expect(clientNow(OTHER_CLIENT_ID)).toEqual(["custom_authentication"]);
  });

  test("may name it in no new key", async () => {
    await goneClient();
    const argv = ["create", "--user", ADA, "--name", "new", "--client", OTHER_CLIENT_ID];
    const { code, stderr } = await operator.keys(argv);
    expect([code, stderr]).toEqual([1, expect.stringContaining(OTHER_CLIENT_ID)]);
  });

  test("loses with --prune what this deployment gave it, and exchanges no key from then on", async () => {
    await goneClient();
    expect(await planned(OTHER_CLIENT_ID, "--prune")).toEqual([
      `~ client ${OTHER_CLIENT_ID} -custom_authentication in token_exchange.allow_any_profile_of_type`,
      `! client ${OTHER_CLIENT_ID}: it can no longer exchange keys`,
    ]);
    await apply("--prune");
    expect(clientNow(OTHER_CLIENT_ID)).toBeUndefined();
    for (const key of Object.values(keys)) {
      expect(await by(key, OTHER_CLIENT_ID)).toEqual([403, "unauthorized_client"]);
    }
    expect(await by(keys.all, CLIENT_ID)).toEqual(GRANTED);
    expect(await by(keys.both, CLIENT_ID)).toEqual(GRANTED);
    expect(await by(keys.others, CLIENT_ID)).toEqual([400, "unauthorized_client"]);
    expect(await ok(operator.deploy(["plan", "--prune"]))).toContain("No changes.");
  });

  test("keeps what it had before, also with --prune, and plan says so", async () => {
    setClient(OTHER_CLIENT_ID, ["on_behalf_of_token_exchange", "custom_authentication"]);
    await goneClient();
    for (const argv of [[], ["--prune"]]) {
      expect(await planned("is no longer configured", ...argv)).toEqual([
        `${GONE} It can still exchange keys, since this deployment did not add it.`,
      ]);
      expect(await planned("~ client", ...argv)).toEqual([]);
    }
    await apply("--prune");
    expect(clientNow(OTHER_CLIENT_ID)).toEqual(["on_behalf_of_token_exchange", "custom_authentication"]);
    expect(await by(keys.others, OTHER_CLIENT_ID)).toEqual(GRANTED);
    // Now it is nothing of this deployment's any more.
    expect(await ok(operator.deploy(["plan", "--prune"]))).toContain("No changes.");
  });

  test("keeps its other types where only ours was given", async () => {
    setClient(OTHER_CLIENT_ID, ["on_behalf_of_token_exchange"]);
    await goneClient();
    await apply("--prune");
    expect(clientNow(OTHER_CLIENT_ID)).toEqual(["on_behalf_of_token_exchange"]);
  });

  test("is left where another deployment uses it, and plan says so", async () => {
    await goneClient();
    const otherDatabase = await startDatabase("other");
    const config = {
      name: "billing",
      subjectTokenType: "urn:billing:api-key",
      keyPrefix: "bill",
      apis: [BILLS],
      clients: [OTHER_CLIENT_ID],
    };
    const other = await startOperator(s.local, otherDatabase, config, clock);
    await ok(other.deploy(["apply", "--yes"]));
    expect(await planned("stays as it is", "--prune")).toEqual([
      `! ${OTHER_CLIENT_ID} stays as it is: another deployment of the tenant uses it.`,
    ]);
    await apply("--prune");
    expect(clientNow(OTHER_CLIENT_ID)).toEqual(["custom_authentication"]);
    await Promise.all([other.close(), otherDatabase.close()]);
  });

  test("may have been deleted: plan and apply --prune go on without it", async () => {
    await goneClient();
    s.local.tenant.clients.delete(OTHER_CLIENT_ID);
    expect(await planned("~ client", "--prune")).toEqual([]);
    await apply("--prune");
    expect(await by(keys.all, CLIENT_ID)).toEqual(GRANTED);
  });
});

describe("scopes that are not configured any more", () => {
  const THEIRS = { value: "admin:things", description: "Theirs" };
  /** It has a scope of the same name, which stays. */
  const OTHER = { ...BILLS, scopes: { ...BILLS.scopes, "delete:things": "Delete" } };
  let keys: Record<"unscoped" | "both" | "write" | "read", string>;
  /** An API that has two scopes already, one of which the deployment names too; then two of its three are taken out. */
  async function goneScopes(): Promise<void> {
    const { tenant } = s.local;
    const scopes = [THEIRS, { value: "write:things", description: "Write" }];
    tenant.resourceServers.set(AUDIENCE, newResourceServer(tenant, AUDIENCE, { scopes }));
    await operator.configure({ apis: [THINGS, OTHER] });
    await apply();
    keys = {
      unscoped: (await operator.make(ADA)).key,
      both: (await operator.make(ADA, "--scope", "read:things delete:things")).key,
      write: (await operator.make(GRACE, "--scope", "write:things delete:things")).key,
      read: (await operator.make(ADA, "--scope", "read:things")).key,
    };
    await operator.make(ADA, "--scope", "delete:things", "--audience", OTHER_AUDIENCE);
    await operator.configure({ apis: [{ ...THINGS, scopes: { "read:things": "Read" } }, OTHER] });
  }
  const scopesNow = () => s.local.tenant.resourceServers.get(AUDIENCE)?.scopes;
  const asked = async (key: string, scope: string | undefined) => operator.exchange(key, { scope });
  const granted = async (key: string, scope: string | undefined) => {
    const { status, body } = await asked(key, scope);
    return status === 200 ? (claimsOf(body["access_token"])["scope"] ?? "") : body["error"];
  };

  /** An Action of somebody else's, which runs before ours and grants every scope of the API, asked for or not. */
  function grantAll(): void {
    const { tenant } = s.local;
    const all = ["read:things", "write:things", "delete:things", "admin:things"];
    const code = `exports.onExecutePostLogin = async (_, api) => { for (const scope of ${JSON.stringify(all)}) api.accessToken.addScope(scope); };`;
    const draft = { code, dependencies: [], runtime: "node22", secrets: [] };
    const action = newAction(tenant, { name: "generous", trigger: "post-login", draft });
    deploySource(tenant, action, draft, true);
    const created_at = tenant.nowIso();
    tenant.postLoginBindings.push({
      id: "generous",
      action_id: action.id,
      display_name: "generous",
      created_at,
    });
  }

  test("are planned with the number of keys that name each, and whether they can be pruned", async () => {
    await goneScopes();
    expect(await planned("is no longer configured")).toEqual([
      `! scope write:things of ${AUDIENCE} is no longer configured; 1 key that can be used names it. No key gets it; it stays on the API, since this deployment did not add it.`,
      `! scope delete:things of ${AUDIENCE} is no longer configured; 2 keys that can be used name it. No key gets it; it stays on the API, until apply --prune.`,
    ]);
  });

  test("are refused to every key, and take nothing from a key that has others", async () => {
    await goneScopes();
    expect(await granted(keys.unscoped, "write:things delete:things")).toBe("write:things delete:things");
    expect(await granted(keys.both, "delete:things")).toBe("delete:things");
    await apply();
    for (const scope of ["delete:things", "write:things", "admin:things"]) {
      for (const key of Object.values(keys)) {
        expect(refusal(await asked(key, scope))).toEqual([400, "invalid_scope"]);
        expect(refusal(await asked(key, `read:things ${scope}`))).toEqual([400, "invalid_scope"]);
      }
    }
    for (const key of [keys.unscoped, keys.both, keys.read]) {
      expect(await granted(key, "read:things")).toBe("read:things");
    }
    expect(await granted(keys.write, "read:things")).toBe("invalid_scope");
  });

  test("are in no token, whatever the tenant grants without being asked: not of an unscoped key either", async () => {
    grantAll();
    await goneScopes();
    // As long as they are named, an unscoped key has all of the deployment's scopes, and never the tenant's others.
    const all = String(await granted(keys.unscoped, undefined));
    expect(new Set(all.split(" "))).toEqual(new Set(["read:things", "write:things", "delete:things"]));
    expect(await granted(keys.both, "read:things")).toBe("read:things delete:things");
    await apply();
    expect(await granted(keys.unscoped, undefined)).toBe("read:things");
    expect(await granted(keys.unscoped, "read:things")).toBe("read:things");
    expect(await granted(keys.both, "read:things")).toBe("read:things");
    expect(await granted(keys.read, "read:things")).toBe("read:things");
    // A key with scopes names some, and one whose scopes are gone has none to name.
    for (const key of [keys.both, keys.read, keys.write]) {
      expect(await granted(key, undefined)).toBe("invalid_scope");
    }
    expect(await granted(keys.write, "write:things")).toBe("invalid_scope");
  });

  test("that others add to the API are in no token after the next apply", async () => {
    grantAll();
    await apply();
    const unscoped = (await operator.make(ADA)).key;
    const api = s.local.tenant.resourceServers.get(AUDIENCE);
    if (!api) throw new Error("no such API");
    s.local.tenant.resourceServers.set(AUDIENCE, { ...api, scopes: [...api.scopes, "admin:things"] });
    expect(await planned("~ Action")).toEqual([
      "~ Action api-keys-post-login code",
      "~ Action api-keys-custom-token-exchange code",
    ]);
    await apply();
    const all = String(await granted(unscoped, undefined));
    expect(new Set(all.split(" "))).toEqual(new Set(["read:things", "write:things", "delete:things"]));
  });

  test("go with --prune where this deployment added them, and stay where they were before", async () => {
    await goneScopes();
    expect(scopesNow()).toEqual(["admin:things", "write:things", "read:things", "delete:things"]);
    expect(await planned("~ API")).toEqual([]);
    expect(await planned("~ API", "--prune")).toEqual([`~ API ${AUDIENCE} -delete:things`]);
    await apply();
    expect(scopesNow()).toContain("delete:things");
    await apply("--prune");
    expect(scopesNow()).toEqual(["admin:things", "write:things", "read:things"]);
    expect(await granted(keys.both, "read:things")).toBe("read:things");
    // What is not ours is told of, and left.
    expect(await planned("", "--prune")).toEqual([
      expect.stringMatching(/^tenant /),
      `! ${AUDIENCE} has scopes that this deployment does not name, and no key gets: admin:things write:things`,
      "0 to add, 0 to change, 0 to remove.",
      "",
    ]);
  });

  test("work again once they are back, and are planned with a +", async () => {
    await goneScopes();
    await apply("--prune");
    const scopes = { ...SCOPES, "list:things": "List" };
    await operator.configure({ apis: [{ ...THINGS, scopes }, OTHER] });
    expect(await planned("~ API")).toEqual([`~ API ${AUDIENCE} +delete:things; +list:things`]);
    await apply();
    expect(await granted(keys.both, "delete:things")).toBe("delete:things");
    expect(await granted(keys.unscoped, "list:things")).toBe("list:things");
  });

  test("and a description are told apart in a plan", async () => {
    await goneScopes();
    await operator.configure({
      apis: [{ ...THINGS, scopes: { "read:things": "See things", "list:things": "List" } }, OTHER],
    });
    expect(await planned("~ API", "--prune")).toEqual([
      `~ API ${AUDIENCE} -delete:things`,
      `~ API ${AUDIENCE} ~read:things (description); +list:things`,
    ]);
  });
});

describe("an API that is not configured any more", () => {
  let keys: Record<"bound" | "both" | "all", string>;
  async function goneApi(): Promise<void> {
    await apply();
    keys = {
      bound: (await operator.make(ADA, "--audience", OTHER_AUDIENCE)).key,
      both: (await operator.make(GRACE, "--audience", OTHER_AUDIENCE, "--audience", AUDIENCE)).key,
      all: (await operator.make(ADA)).key,
    };
    await operator.configure({ apis: [THINGS] });
  }
  const bills = async (key: string) =>
    operator.exchange(key, { audience: OTHER_AUDIENCE, scope: "read:bills" });
  const GONE = `! API ${OTHER_AUDIENCE} is no longer configured; 2 keys that can be used name it. No key is exchanged for it;`;

  test("is planned as one line with the number of its keys; no key is exchanged for it, and it stays until --prune", async () => {
    await goneApi();
    for (const key of Object.values(keys)) expect((await bills(key)).status).toBe(200);
    expect(await planned("is no longer configured")).toEqual([
      `${GONE} it stays on the tenant, until apply --prune.`,
    ]);
    await apply();
    for (const key of Object.values(keys)) expect(refusal(await bills(key))).toEqual([400, "invalid_target"]);
    expect(s.local.tenant.resourceServers.has(OTHER_AUDIENCE)).toBe(true);
    // The keys work for what is left.
    expect((await operator.exchange(keys.all)).status).toBe(200);
    expect((await operator.exchange(keys.both)).status).toBe(200);
    expect(refusal(await operator.exchange(keys.bound))).toEqual([400, "invalid_target"]);
  });

  test("goes with --prune where this deployment made it", async () => {
    await goneApi();
    expect(await planned(`API ${OTHER_AUDIENCE}`, "--prune")).toEqual([
      `- API ${OTHER_AUDIENCE} was made by this deployment`,
      `! API ${OTHER_AUDIENCE}: tokens for it are no longer issued to anybody`,
    ]);
    await apply("--prune");
    expect([...s.local.tenant.resourceServers.keys()]).toEqual([AUDIENCE]);
    expect((await bills(keys.bound)).status).toBe(403);
    expect((await operator.exchange(keys.all)).status).toBe(200);
    expect(await ok(operator.deploy(["plan", "--prune"]))).toContain("No changes.");
  });

  test("that was there before stays as it was before: without our scopes, and with its consent", async () => {
    const { tenant } = s.local;
    const scopes = [{ value: "list:bills", description: "List" }];
    tenant.resourceServers.set(OTHER_AUDIENCE, newResourceServer(tenant, OTHER_AUDIENCE, { scopes }));
    const before = structuredClone(tenant.resourceServers.get(OTHER_AUDIENCE));
    await goneApi();
    expect(await planned("is no longer configured")).toEqual([
      `${GONE} it stays on the tenant, since this deployment did not add it.`,
    ]);
    await apply("--prune");
    expect(tenant.resourceServers.get(OTHER_AUDIENCE)).toEqual(before);
  });
});

test("a plan, with --prune or without, writes nothing, and apply without it takes nothing away", async () => {
  await apply();
  await operator.configure({
    apis: [{ ...THINGS, scopes: { "read:things": "Read" } }],
    clients: [CLIENT_ID],
  });
  const before = [snapshot(s.local.tenant), await database.dump()];
  await ok(operator.deploy(["plan"]));
  await ok(operator.deploy(["plan", "--prune", "--json"]));
  expect([snapshot(s.local.tenant), await database.dump()]).toEqual(before);
  const given = () => [[...s.local.tenant.resourceServers.values()], [...s.local.tenant.clients.values()]];
  const had = structuredClone(given());
  await apply();
  expect(given()).toEqual(had);
});

describe("a secret that changed", () => {
  /** Somebody with other variables for the same deployment. */
  async function plannedWith(changes: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const other = await startOperator(s.local, database, CONFIG, clock, changes);
    const plan = await ok(other.deploy(["plan"]));
    await other.close();
    return plan
      .split("\n")
      .filter((line) => line.startsWith("~"))
      .map((line) => line.replace(/ {2,}/g, " "));
  }
  const ACTION = "~ Action api-keys-custom-token-exchange";
  const OLD = pepperOf(CONFIG.subjectTokenType);

  test.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ["none", {}, []],
    [
      "the Action's Redis token",
      { UPSTASH_REDIS_REST_READ_ONLY_TOKEN: "another" },
      [`${ACTION} secret UPSTASH_REDIS_REST_TOKEN changed`],
    ],
    ["the token that stays here, which is no secret of it", { UPSTASH_REDIS_REST_TOKEN: "another" }, []],
    [
      "a pepper that is not the current one",
      { API_KEY_PEPPER: `1:${OLD},2:${pepperOf("older")}` },
      [`${ACTION} secret API_KEY_PEPPER changed`],
    ],
    [
      "the current pepper",
      { API_KEY_PEPPER: `2:${pepperOf("newer")},1:${OLD}` },
      [`${ACTION} another current pepper`],
    ],
  ])("is named in the plan: %s", async (_, changes, expected) => {
    await apply();
    expect(await plannedWith(changes)).toEqual(expected);
  });

  test("by somebody else, on the tenant, is named as well", async () => {
    await apply();
    const states = s.local.tenant.actionStates;
    for (const [id, state] of states) {
      const { deployed } = state;
      if (!deployed || state.trigger !== "custom-token-exchange") continue;
      const secrets = deployed.version.secrets.map((secret) =>
        secret.name === "UPSTASH_REDIS_REST_URL"
          ? { ...secret, updated_at: "2030-01-01T00:00:00.000Z" }
          : secret,
      );
      states.set(id, { ...state, deployed: { ...deployed, version: { ...deployed.version, secrets } } });
    }
    expect(await planned("~")).toEqual([`${ACTION} secret UPSTASH_REDIS_REST_URL was set by somebody else`]);
  });
});
