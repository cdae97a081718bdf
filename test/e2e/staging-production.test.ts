import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { readSettings } from "../../src/cli/settings.ts";
import type { DeployConfigInput, EnvironmentsInput } from "../../src/deploy/config.ts";
import { startLocalTenant, type LocalTenant } from "../../src/local/start.ts";
import { newClock, type Clock } from "../support/clock.ts";
import {
  startDatabase,
  startOperator,
  type Database,
  type Operator,
  type ProgramRun,
} from "../support/deployment.ts";
import { snapshot } from "../support/deploying.ts";
import { ADA, AUDIENCE, CLIENT_ID, pepperOf, post } from "../support/stage.ts";

/** One deployment on two tenants: staging's own domain stands in the configuration, production's in the environment. */
const INPUT = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read" } }],
  clients: [CLIENT_ID],
  verify: { userId: ADA },
  environments: { staging: { tenantDomain: "staging.acme.example", keyPrefix: "acme_test" }, production: {} },
} satisfies EnvironmentsInput;
type Name = keyof (typeof INPUT)["environments"];

/** What is needed beside the domains. */
const SETTINGS = {
  AUTH0_DOMAIN: "acme.eu.auth0.com",
  AUTH0_CLIENT_ID: "id",
  AUTH0_CLIENT_SECRET: "secret",
  UPSTASH_REDIS_REST_URL: "https://store.example",
  UPSTASH_REDIS_REST_TOKEN: "token",
  API_KEY_PEPPER: pepperOf("settings"),
};
describe("domains", () => {
  test.each<[string, string | undefined, string, string, string]>([
    [
      "acme.eu.auth0.com",
      undefined,
      "acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
    ],
    [
      "ACME.EU.Auth0.com",
      undefined,
      "acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
    ],
    [
      "acme.eu.auth0.com.",
      undefined,
      "acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
    ],
    [
      " https://Acme.eu.auth0.com./ ",
      undefined,
      "acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
      "https://acme.eu.auth0.com",
    ],
    [
      "Login.acme.example.",
      "ACME.eu.auth0.com.",
      "acme.eu.auth0.com",
      "https://login.acme.example",
      "https://acme.eu.auth0.com",
    ],
    [
      "login.acme.example:8443",
      "https://acme.eu.auth0.com/",
      "acme.eu.auth0.com",
      "https://login.acme.example:8443",
      "https://acme.eu.auth0.com",
    ],
    ["LOCALHOST:4400", undefined, "localhost", "http://localhost:4400", "http://localhost:4400"],
    [
      "127.0.0.1:4400",
      "acme.eu.auth0.com",
      "acme.eu.auth0.com",
      "http://127.0.0.1:4400",
      "https://acme.eu.auth0.com",
    ],
  ])(
    "AUTH0_DOMAIN %j and AUTH0_TENANT_DOMAIN %j are of the tenant %s",
    async (domain, own, tenant, origin, management) => {
      const env = {
        ...SETTINGS,
        AUTH0_DOMAIN: domain,
        ...(own !== undefined && { AUTH0_TENANT_DOMAIN: own }),
      };
      expect(await readSettings(env, false, {})).toMatchObject({
        tenant,
        origin,
        managementApi: `${management}/api/v2`,
        managementAudience: `${management}/api/v2/`,
      });
      const { AUTH0_DOMAIN: _, AUTH0_TENANT_DOMAIN: __, ...rest } = env as Record<string, string>;
      const placed = { domain, ...(own !== undefined && { tenantDomain: own }) };
      expect(await readSettings(rest, false, placed)).toMatchObject({ tenant, origin });
    },
  );

  test.each([
    ["AUTH0_DOMAIN", "acme.eu.auth0.com/tenant"],
    ["AUTH0_DOMAIN", "user:secret@acme.eu.auth0.com"],
    ["AUTH0_TENANT_DOMAIN", "acme eu"],
  ])("%s that is no domain is refused by name, and not quoted: %s", async (name, value) => {
    const env = { ...SETTINGS, [name]: value };
    const refused = { code: "configuration_invalid", message: `${name} is no domain.` };
    await expect(readSettings(env, false, {})).rejects.toMatchObject(refused);
  });
});

describe("on two tenants", () => {
  let clock: Clock;
  let tenants: Record<Name, LocalTenant>;
  let databases: Record<Name, Database>;
  let keys: Record<Name, string>;
  let opened: { close(): Promise<unknown> }[];
  beforeAll(async () => {
    clock = newClock();
    const start = async (tenantDomain: string) =>
      startLocalTenant({
        ...INPUT,
        apis: [{ identifier: AUDIENCE, scopes: [] }],
        port: 0,
        redis: "memory",
        limits: false,
        deployed: false,
        actions: [],
        pepper: "",
        nowMs: clock.nowMs,
        tenantDomain,
      });
    tenants = { staging: await start("staging.acme.example"), production: await start("acme.example") };
    databases = { staging: await startDatabase("staging"), production: await startDatabase("production") };
    opened = Object.values(databases);
    const made: Partial<typeof keys> = {};
    for (const name of ["staging", "production"] as const) {
      const operator = await operatorOf(name);
      await ok(operator.deploy(["apply", "--yes"]));
      made[name] = (await operator.make(ADA)).key;
    }
    keys = made as typeof keys;
    await clock.sleep(2_000);
  });
  afterAll(async () => {
    await Promise.all(opened.map(async (one) => one.close()));
    await Promise.all(Object.values(tenants).map(async (one) => one.stop()));
  });

  /** The variables that an environment is to have. */
  function variables(name: Name): Record<string, string> {
    const { description } = tenants[name];
    return {
      AUTH0_DOMAIN: new URL(description.issuer).host,
      ...(name === "production" && { AUTH0_TENANT_DOMAIN: "acme.example" }),
      AUTH0_MANAGEMENT_API: description.management_api,
      AUTH0_CLIENT_ID: description.management_client_id,
      AUTH0_CLIENT_SECRET: description.management_client_secret,
      UPSTASH_REDIS_REST_URL: databases[name].url,
      UPSTASH_REDIS_REST_TOKEN: databases[name].token,
      UPSTASH_REDIS_REST_READ_ONLY_TOKEN: databases[name].readOnlyToken,
      API_KEY_PEPPER: pepperOf(`pepper of ${name}`),
    };
  }
  const isOf =
    (...parts: readonly string[]) =>
    (name: string) =>
      parts.some((part) => name.startsWith(part));
  const REDIS = isOf("UPSTASH_");
  const PEPPER = isOf("API_KEY_PEPPER");
  const AUTH0 = isOf("AUTH0_");

  /** Somebody who works on an environment, with variables of the other where `mixes` says so. */
  async function operatorOf(
    name: Name,
    mixes: (name: string) => boolean = () => false,
    change: Readonly<Record<string, string>> = {},
    configured: object = {},
  ): Promise<Operator> {
    const other: Name = name === "staging" ? "production" : "staging";
    const own = Object.entries({ ...variables(name), ...change }).filter(([key]) => !mixes(key));
    const others = Object.entries(variables(other)).filter(([key]) => mixes(key));
    const env = Object.fromEntries(
      [...own, ...others].map(([key, value]) => [`${key}__${name.toUpperCase()}`, value]),
    );
    const environments = { ...INPUT.environments, [name]: { ...INPUT.environments[name], ...configured } };
    const input = { ...INPUT, environments } as unknown as DeployConfigInput;
    const operator = await startOperator(tenants[name], databases[name], input, clock, {
      ...env,
      AUTH0_API_KEYS_ENV: name,
    });
    opened.push(operator);
    return operator;
  }

  async function ok(run: Promise<ProgramRun>): Promise<string> {
    const { code, stdout, stderr } = await run;
    if (code !== 0) throw new Error(`${stdout}${stderr}`);
    return stdout;
  }

  /** All of both tenants and both databases. */
  async function world(): Promise<string> {
    const dumps = await Promise.all(Object.values(databases).map(async (one) => one.dump()));
    return JSON.stringify([...Object.values(tenants).map(({ tenant }) => snapshot(tenant)), dumps]);
  }

  describe("with both deployed", () => {
    test("each has keys that the other tenant does not take, though all but the tenant is the same", async () => {
      const status = async (tenant: Name, key: string) => {
        const operator = await operatorOf(tenant);
        return (await operator.exchange(key)).status;
      };
      expect([
        await status("staging", keys.staging),
        await status("production", keys.production),
        await status("staging", keys.production),
        await status("production", keys.staging),
      ]).toEqual([200, 200, 400, 400]);
    });

    const CLAIMED =
      "The Redis database is marked as that of deployment api-keys of acme.example, and this is deployment api-keys of staging.acme.example.";
    const NOT_HELD = "The Redis database was marked with a pepper that is not held here.";
    const WRONG_TOKEN = (whose: string) => `${whose} is not accepted by the Redis database`;
    const STAGING_TOKEN = "UPSTASH_REDIS_REST_TOKEN";

    test.each<[string, (name: string) => boolean, string, string]>([
      ["database", REDIS, CLAIMED, "Check UPSTASH_REDIS_REST_URL"],
      ["database and pepper", (name) => REDIS(name) || PEPPER(name), CLAIMED, "Check UPSTASH_REDIS_REST_URL"],
      ["pepper", PEPPER, NOT_HELD, "Correct API_KEY_PEPPER"],
      [
        "URL alone",
        isOf("UPSTASH_REDIS_REST_URL"),
        WRONG_TOKEN("The token that keys are made with"),
        STAGING_TOKEN,
      ],
      ["token alone", isOf(STAGING_TOKEN), WRONG_TOKEN("The token that keys are made with"), STAGING_TOKEN],
      [
        "read-only token alone",
        isOf("UPSTASH_REDIS_REST_READ_ONLY_TOKEN"),
        WRONG_TOKEN("The token that the Action gets"),
        "UPSTASH_REDIS_REST_READ_ONLY_TOKEN",
      ],
    ])(
      "staging with production's %s is not applied: nothing is written anywhere, and it is said why",
      async (_, mixes, what, fix) => {
        const before = await world();
        const operator = await operatorOf("staging", mixes);
        for (const argv of [
          ["apply", "--yes"],
          ["apply", "--yes", "--prune"],
        ]) {
          const { code, stderr } = await operator.deploy(argv);
          expect(code).toBe(1);
          expect(stderr).toContain(`error: ${what}`);
          expect(stderr).toMatch(/^fix: {3}Nothing was changed\. /m);
          expect(stderr).toContain(fix);
        }
        const doctor = await operator.deploy(["doctor"]);
        expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringContaining(what)]);
        expect(await world()).toBe(before);
      },
    );

    test.each<[string, (name: string) => boolean, string]>([
      [
        "database",
        REDIS,
        "marked as that of deployment api-keys of acme.example, and this is deployment api-keys of staging.acme.example",
      ],
      [
        "database and pepper",
        (name) => REDIS(name) || PEPPER(name),
        "marked as that of deployment api-keys of acme.example, and this is deployment api-keys of staging.acme.example",
      ],
      [
        "pepper",
        PEPPER,
        "marked as that of deployment api-keys of staging.acme.example, with a pepper that is not held here",
      ],
    ])(
      "staging with production's %s makes and changes no key, and it is said why",
      async (_, mixes, what) => {
        const before = await world();
        const operator = await operatorOf("staging", mixes);
        const id = keys.staging.split("_")[2]?.slice(0, 12) ?? "";
        for (const argv of [
          ["create", "--user", ADA, "--name", "another"],
          ["rotate", id, "--user", ADA],
          ["init"],
          ["reconcile", "--fix"],
        ]) {
          const { code, stdout, stderr } = await operator.keys(argv);
          expect([argv[0], code, stdout]).toEqual([argv[0], 1, ""]);
          expect(stderr).toContain(what);
        }
        expect(await world()).toBe(before);
      },
    );

    test("staging with production's tenant is refused by the tenant: no token of it is for another", async () => {
      const before = await world();
      const operator = await operatorOf("staging", (name) => AUTH0(name) && name !== "AUTH0_TENANT_DOMAIN");
      const apply = await operator.deploy(["apply", "--yes"]);
      expect([apply.code, apply.stderr]).toEqual([1, expect.stringContaining("error: Auth0 refused")]);
      const create = await operator.keys(["create", "--user", ADA, "--name", "n"]);
      expect([create.code, create.stdout]).toEqual([1, ""]);
      expect(create.stderr).toMatch(/^tenant staging\.acme\.example, .*\nerror: .*Auth0/s);
      const doctor = await operator.deploy(["doctor"]);
      expect([doctor.code, doctor.stderr]).toEqual([
        1,
        expect.stringContaining("no token for its Management API (https://staging.acme.example/api/v2/)"),
      ]);
      expect(await world()).toBe(before);
    });
  });

  test.each<[string, string, object, string]>([
    ["domain", "AUTH0_DOMAIN", { domain: "login.staging.acme.example" }, "login.staging.acme.example"],
    ["tenantDomain", "AUTH0_TENANT_DOMAIN", { tenantDomain: "staging.acme.example" }, "staging.acme.example"],
    [
      "store",
      "UPSTASH_REDIS_REST_URL",
      { store: { url: "https://staging.upstash.example/" } },
      "https://staging.upstash.example",
    ],
  ])(
    "a %s in the configuration that contradicts %s is refused, and both are named",
    async (_, name, configured, said) => {
      const other =
        name === "UPSTASH_REDIS_REST_URL" ? "https://other.upstash.example" : "other.acme.example";
      const before = await world();
      const operator = await operatorOf("staging", undefined, { [name]: other }, configured);
      for (const run of [operator.deploy(["apply", "--yes"]), operator.keys(["init"])]) {
        expect(await run).toEqual({
          code: 1,
          stdout: "",
          stderr: `error: deploy.config.ts says ${said}, and ${name}__STAGING (or ${name} in .env.staging) says ${other}.\nfix:   Leave one of them out, or correct it: nothing was changed.\n`,
        });
      }
      expect(await world()).toBe(before);
    },
  );

  test("what configuration and environment say alike, in other letters, is no contradiction", async () => {
    const places = {
      tenantDomain: "https://Staging.ACME.example/",
      store: { url: `${databases.staging.url}//` },
    };
    const operator = await operatorOf(
      "staging",
      undefined,
      { AUTH0_TENANT_DOMAIN: "staging.acme.example." },
      places,
    );
    const init = await operator.keys(["init"]);
    expect([init.code, init.stderr]).toEqual([0, expect.stringMatching(/^tenant staging\.acme\.example, /)]);
  });

  describe("a custom domain", () => {
    /** The audiences for which this process asked tenants for tokens while something was done. */
    async function audiencesOf(work: () => Promise<unknown>): Promise<readonly string[]> {
      const asked: string[] = [];
      const original = globalThis.fetch;
      globalThis.fetch = async (input, init) => {
        const body =
          typeof init?.body === "string" || init?.body instanceof URLSearchParams ? String(init.body) : "";
        const read = body.startsWith("{")
          ? (JSON.parse(body) as Record<string, string>)
          : Object.fromEntries(new URLSearchParams(body));
        if (read["grant_type"] === "client_credentials")
          asked.push(`${new Request(input).url} ${read["audience"]}`);
        return original(input, init);
      };
      try {
        await work();
      } finally {
        globalThis.fetch = original;
      }
      return [...new Set(asked)];
    }

    test("is where tokens come from; those for the Management API are asked for by the tenant's own", async () => {
      const operator = await operatorOf("production");
      const asked = await audiencesOf(async () => {
        await ok(operator.deploy(["apply", "--yes"]));
        await ok(operator.deploy(["doctor"]));
        await operator.make(ADA);
      });
      const { token_endpoint } = tenants.production.description;
      expect(asked).toEqual([`${token_endpoint} https://acme.example/api/v2/`]);
    });

    test("without the tenant's own is told what is missing", async () => {
      const operator = await operatorOf("production", isOf("AUTH0_TENANT_DOMAIN"));
      const run = await operator.deploy(["doctor"]);
      expect([run.code, run.stderr]).toEqual([
        1,
        expect.stringContaining(
          "Where AUTH0_DOMAIN is a custom domain, set AUTH0_TENANT_DOMAIN to the tenant's own.",
        ),
      ]);
    });

    test("the local tenant with a domain of its own takes no other audience for its Management API", async () => {
      const { token_endpoint, issuer, ...local } = tenants.staging.description;
      const ask = async (audience: string) =>
        post(
          token_endpoint,
          new URLSearchParams({
            grant_type: "client_credentials",
            client_id: local.management_client_id,
            client_secret: local.management_client_secret,
            audience,
          }),
        );
      expect((await ask("https://staging.acme.example/api/v2/")).status).toBe(200);
      expect((await ask(`${issuer}api/v2/`)).status).toBe(403);
      expect((await ask("https://acme.example/api/v2/")).status).toBe(403);
    });

    describe("verify", () => {
      afterEach(() => {
        Object.assign(tenants.staging.tenant, { issuer: tenants.staging.description.issuer });
      });
      const verified = async (operator: Operator) => {
        const { code, stdout, stderr } = await operator.deploy(["verify", "--json"]);
        const checks =
          stdout === "" ? [] : (JSON.parse(stdout) as { checks: { check: string; detail: string }[] }).checks;
        return { code, stderr, issuer: checks.find(({ check }) => check === "iss is the tenant")?.detail };
      };

      test("takes an issuer of the custom domain and of the tenant's own, and names the one that tokens carry", async () => {
        const operator = await operatorOf("staging");
        const { tenant, description } = tenants.staging;
        expect(await verified(operator)).toMatchObject({ code: 0, issuer: description.issuer });
        Object.assign(tenant, { issuer: "https://staging.acme.example/" });
        expect(await verified(operator)).toMatchObject({ code: 0, issuer: "https://staging.acme.example/" });
      });

      test.each([
        "https://acme.example/",
        "https://staging.acme.example",
        "http://staging.acme.example/",
        "https://staging.acme.example.evil.example/",
      ])("takes no other: %s", async (issuer) => {
        const operator = await operatorOf("staging");
        Object.assign(tenants.staging.tenant, { issuer });
        const { code, stderr } = await verified(operator);
        expect(code).toBe(1);
        expect(stderr).toContain(`not true that iss is the tenant (${issuer})`);
      });
    });
  });
});
