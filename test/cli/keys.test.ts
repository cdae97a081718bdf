import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from "vitest";

import { keyPattern } from "../../src/core/key-format.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import { mistype, unknownKey } from "../support/guesses.ts";
import { ADA, AUDIENCE, environmentOf, GRACE, pepperOf, stage, type Stage } from "../support/stage.ts";

const server = setupServer();
let s: Stage;
let env: Record<string, string>;
beforeAll(async () => {
  s = await stage();
  env = environmentOf(s);
  server.listen({ onUnhandledRequest: "bypass" });
});
afterEach(() => server.resetHandlers());
afterAll(async () => {
  server.close();
  await s.stop();
});

const keys = async (
  argv: readonly string[],
  changes: { readonly stdin?: string; readonly env?: Record<string, string> } = {},
) => runKeysCli(argv, changes.env ?? env, changes.stdin);
const json = (run: Run) => JSON.parse(run.out) as Record<string, unknown>;
const create = async (user: string, ...more: string[]) =>
  keys(["create", "--user", user, "--name", `n${Math.random()}`, ...more]);
/** Leaves a user without keys. */
async function clear(user: string): Promise<void> {
  await s.keys.users.write(user, []);
}

describe("create", () => {
  it("prints the key alone on stdout, and all else on stderr", async () => {
    const run = await create(ADA, "--scope", "read:things");
    expect(run.code).toBe(0);
    expect(run.out).toMatch(new RegExp(`^${keyPattern(["acme_live"]).replaceAll("\\b", "")}\n$`));
    expect(run.err).toContain("This is the only time that the key is shown.");
    expect(run.err).not.toContain(run.out.trim().slice(-38));
    expect((await s.exchange(run.out.trim())).status).toBe(200);
  });

  it("--json prints one object with times in ISO 8601", async () => {
    const run = await keys([
      "create",
      "--user",
      ADA,
      "--name",
      "ci",
      "--scope",
      "read:things write:things",
      "--audience",
      AUDIENCE,
      "--ip",
      "127.0.0.0/8",
      "--expires-in-days",
      "7",
      "--json",
    ]);
    expect(run.out.split("\n")).toHaveLength(2);
    const made = json(run);
    expect(made).toMatchObject({
      user_id: ADA,
      name: "ci",
      status: "active",
      scope: "read:things write:things",
      audience: [AUDIENCE],
      org_id: null,
      ip: ["127.0.0.0/8"],
      clients: null,
      revoked_at: null,
    });
    expect(Date.parse(String(made["expires_at"])) - Date.parse(String(made["created_at"]))).toBe(
      7 * 86_400_000,
    );
    expect(made["created_at"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect((await s.exchange(String(made["key"]))).status).toBe(200);
  });

  it("--no-expiry makes a key that lives until it is revoked, only where the policy allows it", async () => {
    const refused = await create(ADA, "--no-expiry");
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("never expire")]);
    const made = await create(ADA, "--no-expiry", "--json", "--config", "test/support/no-expiry.config.ts");
    expect(json(made)["expires_at"]).toBeNull();
  });

  it("keeps the restrictions that were given more than once", async () => {
    const made = json(await create(ADA, "--ip", "10.0.0.0/8", "--ip", "::1", "--json"));
    expect(made["ip"]).toEqual(["10.0.0.0/8", "::1"]);
  });

  it.each<[string, string[], string, string]>([
    ["an unknown user", ["--user", "auth0|nobody", "--name", "n"], "There is no user auth0|nobody", "--user"],
    [
      "an unknown scope, listing the valid ones",
      ["--user", ADA, "--name", "n", "--scope", "fly"],
      'There is no scope "fly"',
      "read:things write:things delete:things",
    ],
    [
      "an unknown audience",
      ["--user", ADA, "--name", "n", "--audience", "https://x"],
      'There is no audience "https://x"',
      AUDIENCE,
    ],
    [
      "an expiry in the past",
      ["--user", ADA, "--name", "n", "--expires-in-days", "-1"],
      "expired already",
      "1 to 366",
    ],
    [
      "a lifetime over the policy",
      ["--user", ADA, "--name", "n", "--expires-in-days", "367"],
      "the policy allows 366",
      "1 to 366",
    ],
    ["a range that is none", ["--user", ADA, "--name", "n", "--ip", "home"], '"home" is neither', "--ip"],
    ["a name too long", ["--user", ADA, "--name", "n".repeat(65)], "The name has 65 characters", "64"],
    ["an organization's name", ["--user", ADA, "--name", "n", "--org", "acme"], "organization id", "--org"],
  ])("refuses %s with one message, and writes nothing", async (_, argv, message, fix) => {
    const [records, entries] = [
      await s.local.redis.execute(["DBSIZE"]),
      (await s.keys.users.read(ADA)).entries.length,
    ];
    const run = await keys(["create", ...argv]);
    expect([run.code, run.out]).toEqual([1, ""]);
    expect(run.err).toContain(`error: `);
    expect(run.err).toContain(message);
    expect(run.err.split("fix:")[1]).toContain(fix);
    expect(await s.local.redis.execute(["DBSIZE"])).toBe(records);
    expect((await s.keys.users.read(ADA)).entries).toHaveLength(entries);
  });

  it("refuses the 21st living key, and makes it once another is revoked", async () => {
    await clear(GRACE);
    for (let at = 0; at < 20; at++) await s.create(GRACE, { name: `key ${at}` });
    const refused = await create(GRACE);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("20 living keys")]);
    const [first] = JSON.parse((await keys(["list", "--user", GRACE, "--json"])).out) as [{ id: string }];
    await keys(["revoke", first.id, "--user", GRACE]);
    expect((await create(GRACE)).code).toBe(0);
    await clear(GRACE);
  });

  it("refuses a name that a living key has", async () => {
    expect((await keys(["create", "--user", GRACE, "--name", "twice"])).code).toBe(0);
    const run = await keys(["create", "--user", GRACE, "--name", "twice"]);
    expect([run.code, run.err]).toEqual([
      1,
      expect.stringMatching(/living key "twice" already: [0-9A-Za-z]{12}/),
    ]);
  });

  it("refuses to bring app_metadata over 8 KB, and leaves the rest of it alone", async () => {
    const user = s.local.tenant.users.get(GRACE);
    if (user) s.local.tenant.users.set(GRACE, { ...user, app_metadata: { notes: "x".repeat(8_100) } });
    const run = await create(GRACE);
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("at most 8192")]);
    expect(s.local.tenant.users.get(GRACE)?.["app_metadata"]).toEqual({ notes: "x".repeat(8_100) });
    if (user) s.local.tenant.users.set(GRACE, user);
  });
});

describe("list, show and revoke", () => {
  it("show a key's life, in lines that fit under each other", async () => {
    await clear(GRACE);
    const { id } = await s.create(GRACE, { name: "laptop", scope: "read:things" });
    const table = (await keys(["list", "--user", GRACE])).out.split("\n");
    expect(table[0]).toMatch(/^ID +NAME +STATUS +SCOPE +CREATED +EXPIRES$/);
    expect(table[1]?.indexOf("active")).toBe(table[0]?.indexOf("STATUS"));
    const revoked = await keys(["revoke", id, "--user", GRACE, "--reason", "lost laptop", "--json"]);
    expect(json(revoked)).toMatchObject({ id, status: "revoked", revoked_reason: "lost laptop" });
    const again = await keys(["revoke", id, "--user", GRACE, "--reason", "again"]);
    expect([again.code, again.out]).toEqual([0, expect.stringContaining("already")]);
    expect(json(await keys(["show", id, "--user", GRACE, "--json"]))).toMatchObject({
      id,
      revoked_reason: "lost laptop",
    });
    expect((await keys(["show", id, "--user", GRACE])).out).toMatch(/^name +laptop$/m);
    expect(JSON.stringify(s.local.tenant.users.get(GRACE))).not.toContain("again");
  });

  it.each(["show", "revoke"])("%s says so if there is no such key", async (verb) => {
    const run = await keys([verb, "4fJ2kQ9xZb1T", "--user", GRACE]);
    expect([run.code, run.err]).toEqual([1, expect.stringContaining('no key "4fJ2kQ9xZb1T"')]);
  });

  it("never print a hash", async () => {
    const { id } = await s.create(GRACE);
    const [entry] = (await s.keys.users.read(GRACE)).entries.slice(-1) as [{ hash: string }];
    for (const argv of [["list"], ["show", id], ["revoke", id]]) {
      const run = await keys([...argv, "--user", GRACE, "--json"]);
      expect(run.out + run.err).not.toContain(entry.hash);
    }
  });
});

describe("inspect and pattern", () => {
  const key = unknownKey();
  it.each<[string, string, object]>([
    ["a key", key, { prefix: "acme_live", id: key.slice(10, 22), checksum_ok: true, prefix_known: true }],
    [
      "a mistyped key",
      mistype(key),
      { prefix: "acme_live", id: key.slice(10, 22), checksum_ok: false, prefix_known: true },
    ],
    [
      "a key of another deployment",
      unknownKey("other"),
      { prefix: "other", checksum_ok: true, prefix_known: false },
    ],
    ["anything else", "hello", { prefix: null, id: null, checksum_ok: false }],
  ])("say what %s is, offline, and never print it", async (_, stdin, expected) => {
    const run = await keys(["inspect", "--json"], { stdin: `${stdin}\n`, env: {} });
    expect(json(run)).toMatchObject(expected);
    const spoken = await keys(["inspect"], { stdin, env: {} });
    expect(run.out + run.err + spoken.out + spoken.err).not.toContain(stdin.slice(-38));
  });

  it("print the expression for scanners", async () => {
    const { out } = await keys(["pattern"]);
    expect(`token: "${key}"`).toMatch(new RegExp(out.trim()));
  });
});

describe("wrong usage ends with 2 and a hint", () => {
  it.each([
    [["create"]],
    [["create", "--user", ADA, "--name", "n", "--colour", "blue"]],
    [["create", "--user", ADA, "--name", "n", "--expires-in-days", "soon"]],
    [["fly"]],
    [["revoke", "--user", ADA]],
    [[]],
  ])("%j", async (argv) => {
    const run = await keys(argv);
    expect([run.code, run.out]).toEqual([2, ""]);
    expect(run.err).not.toBe("");
  });

  it("and a call for help with 0", async () => {
    const run = await keys(["create", "--help"]);
    expect([run.code, run.out]).toEqual([0, expect.stringContaining("--expires-in-days")]);
  });

  it("a key on the command line is not repeated", async () => {
    const key = unknownKey();
    const runs = await Promise.all([keys([key]), keys(["show", key, "--user", ADA]), keys(["inspect", key])]);
    for (const run of runs) {
      expect(run.code).not.toBe(0);
      expect(run.out + run.err).not.toContain(key.slice(-38));
    }
  });
});

describe("settings", () => {
  it("says at once everything that is missing", async () => {
    const run = await keys(["list", "--user", ADA], {
      env: { AUTH0_DOMAIN: "x.auth0.com", LOCAL_TENANT_DIR: "/nowhere" },
    });
    expect(run.code).toBe(1);
    expect(run.err).toContain(
      "AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN, API_KEY_PEPPER",
    );
  });

  it.each<[string, Record<string, string>, string]>([
    ["a domain that is none", { AUTH0_DOMAIN: "https://x/y" }, "AUTH0_DOMAIN"],
    ["a short pepper", { API_KEY_PEPPER: "aHVudGVyMg" }, "shorter than 32 bytes"],
    ["a Redis address that is none", { UPSTASH_REDIS_REST_URL: "redis" }, "UPSTASH_REDIS_REST_URL"],
    [
      "a Redis address without TLS",
      { UPSTASH_REDIS_REST_URL: "http://redis.acme.example" },
      "no https address",
    ],
    [
      "a Management API without TLS",
      { AUTH0_MANAGEMENT_API: "http://acme.example/api/v2" },
      "AUTH0_MANAGEMENT_API",
    ],
    ["another pepper", { API_KEY_PEPPER: pepperOf("other") }, "with a pepper that is not held here"],
    ["a pepper in quotes", { API_KEY_PEPPER: `"${pepperOf("one")}"` }, "API_KEY_PEPPER stands in quotes"],
    ["a wrong Redis token", { UPSTASH_REDIS_REST_TOKEN: "wrong" }, "UPSTASH_REDIS_REST_TOKEN"],
    ["a wrong secret", { AUTH0_CLIENT_SECRET: "wrong" }, "AUTH0_CLIENT_SECRET"],
  ])("%s", async (_, changes, message) => {
    const run = await keys(["create", "--user", ADA, "--name", "n"], { env: { ...env, ...changes } });
    expect([run.code, run.err]).toEqual([1, expect.stringContaining(message)]);
    for (const secret of Object.values(changes))
      if (secret.length > 30) expect(run.err).not.toContain(secret);
  });

  it("--local without a local tenant says how to start one", async () => {
    const run = await keys(["list", "--user", ADA, "--local"], { env: { LOCAL_TENANT_DIR: "/nowhere" } });
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("npm start")]);
  });

  it("AUTH0_MANAGEMENT_API takes the place of the Management API", async () => {
    const seen: string[] = [];
    server.use(
      http.all("https://proxy.acme.example/*", ({ request }) => {
        seen.push(new URL(request.url).pathname);
        return HttpResponse.json({ user_id: ADA });
      }),
    );
    const run = await keys(["list", "--user", ADA], {
      env: { ...env, AUTH0_MANAGEMENT_API: "https://proxy.acme.example/" },
    });
    expect([run.out, seen]).toEqual(["No keys.\n", ["/users/auth0%7Cada"]]);
  });
});

describe("an unwell Management API", () => {
  const reset = Math.floor(Date.now() / 1000) + 30;
  it.each<[string, () => Response | Promise<Response>, string, string]>([
    [
      "401",
      () => HttpResponse.json({ statusCode: 401, message: "Invalid token" }, { status: 401 }),
      "did not accept the credentials",
      "AUTH0_CLIENT_SECRET",
    ],
    [
      "403",
      () =>
        HttpResponse.json(
          { statusCode: 403, message: "Insufficient scope, expected any of: update:users" },
          { status: 403 },
        ),
      "expected any of: update:users",
      // What the request that was refused needs.
      ":users",
    ],
    [
      "404",
      () => HttpResponse.json({ statusCode: 404, message: "The user does not exist." }, { status: 404 }),
      "There is no user",
      "--user",
    ],
    [
      "429",
      () =>
        HttpResponse.json(
          { statusCode: 429 },
          { status: 429, headers: { "x-ratelimit-reset": String(reset) } },
        ),
      `lifted at ${new Date(reset * 1000).toISOString()}`,
      "again",
    ],
    [
      "429 and a moment beyond all dates",
      () => HttpResponse.json({}, { status: 429, headers: { "x-ratelimit-reset": "99999999999999" } }),
      "rate limit is reached.\n",
      "again",
    ],
    ["500", () => HttpResponse.json({ statusCode: 500 }, { status: 500 }), "status 500", "again"],
    ["HTML", () => HttpResponse.html("<h1>Bad Gateway</h1>", { status: 502 }), "status 502", "again"],
    ["nothing", () => HttpResponse.error(), "could not be reached", "AUTH0_DOMAIN"],
  ])(
    "answering %s to reads and writes: one message, nothing half-written",
    async (_, resolver, message, fix) => {
      for (const path of [http.get, http.patch]) {
        const before = s.local.tenant.users.get(ADA)?.["app_metadata"];
        const records = await s.local.redis.execute(["DBSIZE"]);
        server.use(path(`${s.settings.managementApi}/users/*`, resolver));
        const run = await create(ADA);
        server.resetHandlers();
        expect([run.code, run.out]).toEqual([1, ""]);
        expect(run.err.match(/error:/g)).toHaveLength(1);
        expect(run.err).toContain(message);
        expect(run.err.split("fix:")[1]).toContain(fix);
        expect(s.local.tenant.users.get(ADA)?.["app_metadata"]).toEqual(before);
        expect(await s.local.redis.execute(["DBSIZE"])).toBe(records);
      }
    },
  );

  it("that does not answer in time", async () => {
    server.use(
      http.get(`${s.settings.managementApi}/users/*`, async () => new Promise<Response>(() => undefined)),
    );
    const run = await keys(["list", "--user", ADA]);
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("did not answer in time")]);
  });

  it("with --json on stderr as JSON", async () => {
    const run = await keys(["list", "--user", "auth0|nobody", "--json"]);
    expect([run.code, run.out]).toEqual([1, ""]);
    expect(JSON.parse(run.err)).toEqual({
      error: { code: "user_not_found", message: expect.any(String), fix: expect.any(String) },
    });
  });
});

test("init marks an empty store once, and refuses one that has lost its marker", async () => {
  expect(json(await keys(["init", "--json"]))).toEqual({ marked: false });
  await s.local.redis.execute(["DEL", "apikey-store"]);
  const damaged = await keys(["init"]);
  expect([damaged.code, damaged.err]).toEqual([1, expect.stringContaining("records but no store marker")]);
  await s.local.redis.execute(["FLUSHALL"]);
  expect(json(await keys(["init", "--json"]))).toEqual({ marked: true });
});
