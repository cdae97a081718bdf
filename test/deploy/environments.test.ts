import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import { runDeploy } from "../../src/cli/deploy/deploy-program.ts";
import { prepareLocalDeployment } from "../../src/cli/local-deployment.ts";
import { variablesOf } from "../../src/cli/variables.ts";
import type { ApiKeysError } from "../../src/core/errors.ts";
import { defineConfig, type EnvironmentsInput } from "../../src/deploy/config.ts";
import { listen } from "../../src/local/listen.ts";
import { openStores } from "../../src/self-service/index.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import { newClock } from "../support/clock.ts";
import { startDatabase, type Database } from "../support/deployment.ts";
import { strip } from "../support/deploying.ts";
import {
  ADA,
  AUDIENCE,
  CLIENT_ID,
  exchangeParameters,
  pepperOf,
  post,
  stage,
  type Stage,
} from "../support/stage.ts";

/** Two deployments of one tenant, by environment: what they share stands once. */
const INPUT = {
  keyPrefix: "acme_live",
  apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read" } }],
  clients: [CLIENT_ID],
  policy: { maxLifetimeDays: 30, defaultLifetimeDays: 4 },
  environments: {
    staging: {
      name: "staging-keys",
      subjectTokenType: "urn:acme:staging",
      keyPrefix: "acme_test",
      policy: { maxKeysPerUser: 9, maxLifetimeDays: 5 },
    },
    production: { subjectTokenType: "urn:acme:production" },
  },
} satisfies EnvironmentsInput;
const SINGLE = { subjectTokenType: "urn:acme:api-key", keyPrefix: "acme_live", apis: INPUT.apis };

describe("a configuration of environments", () => {
  it("gives each what is shared, its own field in the place of a shared one, and a policy of both", () => {
    const { staging, production } = defineConfig(INPUT).environments;
    expect(staging).toMatchObject({
      environment: "staging",
      name: "staging-keys",
      subjectTokenType: "urn:acme:staging",
      keyPrefixes: ["acme_test"],
      clients: [CLIENT_ID],
      policy: { maxKeysPerUser: 9, maxLifetimeDays: 5, defaultLifetimeDays: 4, retentionDays: 30 },
    });
    expect(production).toMatchObject({
      environment: "production",
      name: "api-keys",
      keyPrefixes: ["acme_live"],
      clients: [CLIENT_ID],
      policy: { maxKeysPerUser: 20, maxLifetimeDays: 30, defaultLifetimeDays: 4, retentionDays: 30 },
    });
    expect(staging?.apis).toEqual(production?.apis);
  });

  it("merges nothing but the policy: another list of APIs is the whole list", () => {
    const apis = [{ identifier: "https://staging.acme.example", scopes: {} }];
    const { staging } = defineConfig({
      ...INPUT,
      environments: { staging: { ...INPUT.environments.staging, apis } },
    }).environments;
    expect(staging?.apis.map(({ identifier }) => identifier)).toEqual(["https://staging.acme.example"]);
  });

  it("without environments is as it was, and of none", () => {
    expect(Object.keys(defineConfig(SINGLE))).not.toContain("environment");
  });

  /** The mistakes of `INPUT` with these changes, a line each. */
  const mistakesIn = (shared: object, staging: unknown = {}, production: object = {}): readonly string[] => {
    const isObject = typeof staging === "object" && staging !== null;
    const environments = {
      staging: isObject ? { ...INPUT.environments.staging, ...staging } : staging,
      production: { ...INPUT.environments.production, ...production },
    };
    try {
      defineConfig({ ...INPUT, environments, ...shared } as EnvironmentsInput);
    } catch (error) {
      const [first, ...lines] = (error as ApiKeysError).message.split("\n");
      expect(first).toBe(
        `deploy.config.ts has ${lines.length === 1 ? "a mistake" : `${lines.length} mistakes`}:`,
      );
      return lines.map((line) => line.trim());
    }
    return [];
  };
  const PREFIX = "must be like acme or acme_live: lower case, at most one _ inside";
  const KEYS = "must be a whole number from 1 to 50";

  it.each<[string, object, unknown, object, readonly string[]]>([
    [
      "its own field stands where it is",
      {},
      { keyPrefix: "Acme" },
      {},
      [`environments.staging.keyPrefix: ${PREFIX}`],
    ],
    ["a shared one is said once", { clients: [""] }, {}, {}, ["clients.0: is empty"]],
    [
      "one that is replaced in one environment",
      { clients: [""] },
      { clients: ["a"] },
      {},
      ["clients.0: is empty"],
    ],
    ["one that is replaced everywhere is none", { keyPrefix: "Acme" }, {}, { keyPrefix: "acme" }, []],
    [
      "of both",
      { clients: [""], keyPrefix: "Acme" },
      { name: "x" },
      { lastUsed: 1 },
      [
        "clients.0: is empty",
        "environments.production.lastUsed: must be true or false",
        "environments.staging.name: must be like api-keys: 3 to 40 lower-case letters, digits and hyphens",
        `keyPrefix: ${PREFIX}`,
      ],
    ],
    [
      "of the shared policy, beside one of its own",
      { policy: { maxKeysPerUser: 51, retentionDays: 0 } },
      { policy: { maxKeysPerUser: 0 } },
      {},
      [
        `environments.staging.policy.maxKeysPerUser: ${KEYS}`,
        `policy.maxKeysPerUser: ${KEYS}`,
        "policy.retentionDays: must be a whole number from 1 to 3660",
      ],
    ],
    [
      "a policy that is none",
      {},
      { policy: "strict" },
      {},
      ["environments.staging.policy: must be an object"],
    ],
    [
      "a name that is none, of its own",
      {},
      { keyPrefx: "acme" },
      {},
      ["environments.staging.keyPrefx: is not known; did you mean keyPrefix?"],
    ],
    ["a name that is none, shared", { client: [] }, {}, {}, ["client: is not known; did you mean clients?"]],
    [
      "what is nowhere is missing where it is missing",
      { keyPrefix: undefined },
      {},
      {},
      ["environments.production.keyPrefix: is missing"],
    ],
    [
      "what is missing inside of a shared field",
      { apis: [{ identifier: "a" }] },
      {},
      {},
      ["apis.0.scopes: is missing"],
    ],
    [
      "what is missing inside of its own field",
      {},
      { apis: [{ identifier: "a" }] },
      {},
      ["environments.staging.apis.0.scopes: is missing"],
    ],
    [
      "environments in an environment",
      {},
      { environments: {} },
      {},
      ["environments.staging.environments: is not known"],
    ],
    ["null for an environment", {}, null, {}, ["environments.staging: must be an object"]],
    ["a text for an environment", {}, "acme_test", {}, ["environments.staging: must be an object"]],
    [
      "a name with capitals",
      { environments: { Staging: INPUT.environments.staging } },
      {},
      {},
      ["environments.Staging: must be named like staging"],
    ],
    [
      "a name of 21 characters",
      { environments: { [`s${"t".repeat(20)}`]: INPUT.environments.staging } },
      {},
      {},
      [`environments.s${"t".repeat(20)}: must be named like staging`],
    ],
    ...[{}, [], null, undefined, "staging"].map(
      (environments): [string, object, unknown, object, readonly string[]] => [
        `no environments: ${JSON.stringify(environments)}`,
        { environments },
        {},
        {},
        ["environments: must name at least one environment"],
      ],
    ),
  ])("mistakes: %s", (_, shared, staging, production, expected) => {
    expect(mistakesIn(shared, staging, production).toSorted()).toEqual(expected);
  });
});

let s: Stage;
let folder: string;
const databases: Record<string, Database> = {};
const files = { several: "", single: "" };
const clock = newClock();
beforeAll(async () => {
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  strip(s.local.tenant);
  folder = await mkdtemp(join(tmpdir(), "environments-"));
  const from = pathToFileURL(resolve("src/deploy/config.ts")).href;
  for (const [name, input] of Object.entries({ several: INPUT, single: SINGLE })) {
    const file = join(folder, `${name}.config.mts`);
    await writeFile(
      file,
      `import { defineConfig } from "${from}";\nexport default defineConfig(${JSON.stringify(input)});\n`,
    );
    files[name as keyof typeof files] = file;
  }
  for (const name of ["staging", "production", "single"]) databases[name] = await startDatabase(name);
});
afterAll(async () => {
  await Promise.all(Object.values(databases).map(async (one) => one.close()));
  await s.stop();
  await rm(folder, { recursive: true });
});

/** The variables of an environment, with a suffix; each has a database and a pepper of its own. */
function variables(name: "staging" | "production" | "single", suffix = ""): Record<string, string> {
  const { description } = s.local;
  const database = databases[name];
  const all = {
    AUTH0_DOMAIN: new URL(description.issuer).host,
    AUTH0_CLIENT_ID: description.management_client_id,
    AUTH0_CLIENT_SECRET: description.management_client_secret,
    UPSTASH_REDIS_REST_URL: database?.url ?? "",
    UPSTASH_REDIS_REST_TOKEN: database?.token ?? "",
    UPSTASH_REDIS_REST_READ_ONLY_TOKEN: database?.readOnlyToken ?? "",
    API_KEY_PEPPER: pepperOf(name),
  };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [`${key}${suffix}`, value]));
}
const both = () => ({ ...variables("staging", "__STAGING"), ...variables("production", "__PRODUCTION") });

const keys = async (
  argv: readonly string[],
  env: Record<string, string>,
  file = files.several,
): Promise<Run> => runKeysCli([...argv, "--config", file], env);
async function deploy(
  argv: readonly string[],
  env: Record<string, string>,
  file = files.several,
): Promise<Run> {
  const run = { out: "", err: "" };
  const terminal = { isInteractive: false, confirm: async () => false, ask: async () => "" };
  const io = {
    env,
    stdout: (text: string) => void (run.out += text),
    stderr: (text: string) => void (run.err += text),
    readStdin: async () => "",
  };
  const journal = join(folder, `${env["JOURNAL"] ?? "journal"}.jsonl`);
  const code = await runDeploy([...argv, "--config", file, "--journal", journal], io, { clock, terminal });
  return { code, ...run };
}
const hostOf = (name: string) => new URL(databases[name]?.url ?? "").host;

test("--env, else AUTH0_API_KEYS_ENV: each environment is deployed, has its keys, and none of the other's", async () => {
  const staging = { ...both(), JOURNAL: "staging" };
  const production = { ...both(), AUTH0_API_KEYS_ENV: "production", JOURNAL: "production" };
  const first = await deploy(["apply", "--yes", "--env", "staging"], staging);
  expect([first.code, first.err]).toEqual([0, expect.stringContaining("Not verified")]);
  const names = () => [...s.local.tenant.actionStates.values()].map(({ name }) => name).toSorted();
  expect(names()).toEqual(["staging-keys-custom-token-exchange", "staging-keys-post-login"]);
  expect((await deploy(["apply", "--yes"], production)).code).toBe(0);
  expect(names()).toHaveLength(4);

  const make = async (argv: readonly string[], env: Record<string, string>) =>
    (await keys(["create", "--user", ADA, "--name", "one", ...argv], env)).out.trim();
  // The option wins over the variable.
  const ofStaging = await make(["--env", "staging"], production);
  const ofProduction = await make([], production);
  expect([ofStaging, ofProduction]).toEqual([
    expect.stringMatching(/^acme_test_/),
    expect.stringMatching(/^acme_live_/),
  ]);
  const exchange = async (key: string, subject_token_type: string) =>
    (await post(s.local.description.token_endpoint, exchangeParameters(key, { subject_token_type }))).status;
  expect([
    await exchange(ofStaging, "urn:acme:staging"),
    await exchange(ofProduction, "urn:acme:production"),
    await exchange(ofStaging, "urn:acme:production"),
    await exchange(ofProduction, "urn:acme:staging"),
  ]).toEqual([200, 200, 400, 400]);
  const list = await keys(["list", "--user", ADA, "--env", "staging"], both());
  expect(list.out).toContain(ofStaging.slice("acme_test_".length, "acme_test_".length + 12));
  expect(list.out).not.toContain(ofProduction.slice("acme_live_".length, "acme_live_".length + 12));
  // What needs no store goes by the environment as well.
  const pattern = async (env: string) => (await keys(["pattern", "--env", env], {})).out;
  expect([await pattern("staging"), await pattern("production")]).toEqual([
    expect.stringContaining("(acme_test)"),
    expect.stringContaining("(acme_live)"),
  ]);
});

/** Every program that takes an environment, as what it says when it is refused. */
const programs: readonly [string, (environment: string | undefined, file: string) => Promise<string>][] = [
  ["keys pattern", async (env, file) => refused(await keys(["pattern", ...named(env)], both(), file))],
  [
    "keys list",
    async (env, file) => refused(await keys(["list", "--user", ADA, ...named(env)], both(), file)),
  ],
  ["deploy plan", async (env, file) => refused(await deploy(["plan", ...named(env)], both(), file))],
  [
    "deploy plan, by the variable",
    async (env, file) => refused(await deploy(["plan"], { ...both(), AUTH0_API_KEYS_ENV: env ?? "" }, file)),
  ],
  [
    "start",
    async (environment, file) => {
      const env = { DEPLOY_CONFIG: file, LOCAL_TENANT_DIR: join(folder, "local") };
      return thrown(async () => prepareLocalDeployment(env, { environment }));
    },
  ],
  [
    "start, by the variable",
    async (environment, file) => {
      const env = { DEPLOY_CONFIG: file, LOCAL_TENANT_DIR: join(folder, "local") };
      return thrown(async () => prepareLocalDeployment({ ...env, AUTH0_API_KEYS_ENV: environment }));
    },
  ],
  [
    "openStores",
    async (env, file) => {
      const config = file === files.several ? defineConfig(INPUT) : defineConfig(SINGLE);
      return thrown(async () => openStores(config, selfService("staging"), { env }));
    },
  ],
];
const named = (env: string | undefined) => (env === undefined ? [] : ["--env", env]);
const refused = ({ code, out, err }: Run) => {
  expect([code, out]).toEqual([1, ""]);
  return err;
};
const thrown = async (call: () => Promise<unknown>) =>
  call().then(
    () => "nothing",
    ({ code, message, fix }: ApiKeysError) => {
      expect(code).toBe("configuration_invalid");
      return `error: ${message}\nfix:   ${fix}\n`;
    },
  );
const selfService = (name: "staging" | "production") => {
  const { description } = s.local;
  return {
    origin: new URL(description.issuer).origin,
    clientId: description.management_client_id,
    clientSecret: description.management_client_secret,
    redisUrl: databases[name]?.url ?? "",
    redisToken: databases[name]?.token ?? "",
    pepper: pepperOf(name),
  };
};

describe.each(programs)("%s", (_, run) => {
  test("without an environment is refused, and told which there are", async () => {
    expect(await run(undefined, files.several)).toBe(
      "error: No environment was named.\nfix:   Add --env with one of: staging, production\n",
    );
  });

  test("with one that is mistyped is refused, and told which was meant", async () => {
    expect(await run("stagign", files.several)).toBe(
      'error: deploy.config.ts has no environment "stagign".\nfix:   Did you mean --env staging?\n',
    );
  });

  test("with one, and a configuration that has none, is refused", async () => {
    expect(await run("staging", files.single)).toBe(
      'error: deploy.config.ts has no environments, and "staging" was asked for.\nfix:   Leave --env and AUTH0_API_KEYS_ENV out, or write: environments: { … }\n',
    );
  });
});

test("without environments, the variables are those without a suffix, and nobody is asked for one", async () => {
  const run = await keys(["init"], variables("single"), files.single);
  expect([run.code, run.err]).toEqual([
    0,
    `tenant localhost, deployment api-keys, store ${hostOf("single")}\n`,
  ]);
  expect((await keys(["init"], { ...variables("single"), AUTH0_API_KEYS_ENV: "" }, files.single)).code).toBe(
    0,
  );
  // One with a suffix is not looked at.
  const suffixed = await keys(["init"], variables("single", "__STAGING"), files.single);
  expect(suffixed.err).toContain("Missing in the environment: AUTH0_DOMAIN, AUTH0_CLIENT_ID,");
});

test("self-service takes the stores of the environment that is named", async () => {
  const config = defineConfig(INPUT);
  const { keys: ofStaging, config: own } = openStores(config, selfService("staging"), { env: "staging" });
  expect(own).toBe(config.environments["staging"]);
  expect(ofStaging.deployment).toMatchObject({
    name: "staging-keys",
    keyPrefixes: ["acme_test"],
    tenant: "localhost",
  });
  expect(ofStaging.policy.maxKeysPerUser).toBe(9);
  expect(
    openStores(config, selfService("production"), { env: "production" }).keys.policy.maxKeysPerUser,
  ).toBe(20);
  const single = defineConfig(SINGLE);
  expect(openStores(single, selfService("production")).config).toBe(single);
});

test.each<[string, Record<string, string>]>([
  ["acme.eu.auth0.com", { tenantDomain: "ACME.eu.auth0.com." }],
  ["acme.eu.auth0.com", { tenantDomain: "https://acme.eu.auth0.com/" }],
])("self-service knows the tenant as %s, however it is written: %j", (tenant, place) => {
  const settings = { ...selfService("staging"), origin: "https://login.acme.example" };
  const stores = openStores({ ...defineConfig(SINGLE), ...place }, settings);
  expect(stores.keys.deployment.tenant).toBe(tenant);
  expect(openStores(defineConfig(SINGLE), { ...settings, ...place }).keys.deployment.tenant).toBe(tenant);
});

describe("secrets", () => {
  const ALL = [
    "AUTH0_DOMAIN",
    "AUTH0_CLIENT_ID",
    "AUTH0_CLIENT_SECRET",
    "UPSTASH_REDIS_REST_URL",
    "UPSTASH_REDIS_REST_TOKEN",
    "API_KEY_PEPPER",
  ];
  const missing = (names: readonly string[], suffix: string, file: string) =>
    `Missing in the environment: ${names.map((name) => `${name}${suffix} (or ${name} in ${file})`).join(", ")}.`;

  test("of no environment reach none: production's in a shell are not staging's", async () => {
    for (const env of [
      variables("production"),
      { ...variables("production"), ...variables("production", "__PRODUCTION") },
    ]) {
      for (const run of [
        keys(["init", "--env", "staging"], env),
        deploy(["plan", "--env", "staging"], env),
      ]) {
        const { code, err } = await run;
        expect([code, err]).toEqual([1, expect.stringContaining(missing(ALL, "__STAGING", ".env.staging"))]);
      }
    }
  });

  test.each([...ALL, "UPSTASH_REDIS_REST_READ_ONLY_TOKEN"])(
    "%s: one without a suffix does not fill in",
    async (name) => {
      const { [`${name}__STAGING`]: _, ...rest } = variables("staging", "__STAGING");
      const env = { ...rest, [name]: variables("staging")[name] ?? "" };
      const { code, err } = await deploy(["plan", "--env", "staging"], env);
      expect([code, err]).toEqual([1, expect.stringContaining(missing([name], "__STAGING", ".env.staging"))]);
    },
  );

  test("are sent to no proxy but the environment's own", async () => {
    const asked: string[] = [];
    const proxy = await listen(
      new Hono().all("*", (c) => {
        asked.push(c.req.path);
        return c.json({ statusCode: 503, error: "Unavailable", message: "Not here." }, 503);
      }),
      0,
    );
    const list = async (env: Record<string, string>) =>
      keys(["list", "--user", ADA, "--env", "staging"], { ...variables("staging", "__STAGING"), ...env });
    expect((await list({ AUTH0_MANAGEMENT_API: proxy.url })).code).toBe(0);
    expect(asked).toEqual([]);
    expect((await list({ AUTH0_MANAGEMENT_API__STAGING: proxy.url })).code).toBe(1);
    expect(asked.length).toBeGreaterThan(0);
    await proxy.close();
  });

  test.each([
    ["API_KEY_PEPPER__STAGING", '"', "API_KEY_PEPPER__STAGING (or API_KEY_PEPPER in .env.staging)"],
    [
      "AUTH0_CLIENT_SECRET__STAGING",
      "'",
      "AUTH0_CLIENT_SECRET__STAGING (or AUTH0_CLIENT_SECRET in .env.staging)",
    ],
    ["UPSTASH_REDIS_REST_READ_ONLY_TOKEN__STAGING", '"', "UPSTASH_REDIS_REST_READ_ONLY_TOKEN__STAGING (or "],
    ["AUTH0_DOMAIN__STAGING", '"', "AUTH0_DOMAIN__STAGING (or AUTH0_DOMAIN in .env.staging)"],
  ])("%s in quotes is refused by name, and not quoted", async (name, quote, said) => {
    const env = variables("staging", "__STAGING");
    const value = env[name] ?? "";
    const run = await deploy(["plan", "--env", "staging"], { ...env, [name]: `${quote}${value}${quote}` });
    expect([run.code, run.err]).toEqual([1, expect.stringContaining(said)]);
    expect(run.err).toContain("stands in quotes");
    expect(run.err).not.toContain(value);
  });

  test.each(["'", '"'])("without environments a value between %s is refused as well", async (quote) => {
    const run = await keys(
      ["init"],
      { ...variables("single"), API_KEY_PEPPER: `${quote}x${quote}\n` },
      files.single,
    );
    expect([run.code, run.err]).toEqual([
      1,
      expect.stringContaining("error: API_KEY_PEPPER stands in quotes"),
    ]);
  });

  test.each([`a"b`, `"a`, `a'`, `'a"`])(
    "a value that has quotes, but does not stand in them, is taken: %s",
    (value) => {
      expect(variablesOf({ X: value }).get("X")).toBe(value);
    },
  );

  test("of an environment with a hyphen have a suffix without one", () => {
    const { get, nameOf } = variablesOf({ X__EU_STAGING: "its own", X: "of none" }, "eu-staging");
    expect([get("X"), get("Y"), nameOf("X")]).toEqual([
      "its own",
      "",
      "X__EU_STAGING (or X in .env.eu-staging)",
    ]);
  });
});

/** Runs a program in a process and a folder of its own. */
async function spawned(
  program: string,
  argv: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<Run> {
  const child = start(program, argv, cwd, env);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (err += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}
function start(program: string, argv: readonly string[], cwd: string, env: Record<string, string>) {
  const loader = pathToFileURL(resolve("node_modules/tsx/dist/loader.mjs")).href;
  const options = { cwd, env: { PATH: process.env["PATH"], ...env } };
  return spawn(process.execPath, ["--import", loader, resolve(`scripts/${program}.ts`), ...argv], options);
}

describe("a file .env.NAME in the working folder", () => {
  const contentOf = (values: Record<string, string>) =>
    Object.entries(values)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join("");
  const init = async (cwd: string, env: Record<string, string> = {}, environment = "staging") =>
    spawned("keys", ["init", "--env", environment, "--config", files.several], cwd, env);
  let cwd: string;
  beforeAll(async () => {
    cwd = await mkdtemp(join(folder, "cwd-"));
    await writeFile(join(cwd, ".env.staging"), `# of staging\n${contentOf(variables("staging"))}`);
    await writeFile(join(cwd, ".env"), contentOf(variables("production")));
  });

  test("has the secrets of its environment, and is no other's", async () => {
    const run = await init(cwd);
    expect([run.code, run.err]).toEqual([
      0,
      `tenant localhost, deployment staging-keys (staging), store ${hostOf("staging")}\n`,
    ]);
    const other = await init(cwd, {}, "production");
    expect([other.code, other.err]).toEqual([1, expect.stringContaining("AUTH0_DOMAIN in .env.production")]);
  });

  test("gives way to a variable with its suffix, and not to one without", async () => {
    const run = await init(cwd, { UPSTASH_REDIS_REST_URL: databases["production"]?.url ?? "" });
    expect(run.err).toContain(`store ${hostOf("staging")}`);
    const other = await init(cwd, { UPSTASH_REDIS_REST_URL__STAGING: databases["production"]?.url ?? "" });
    expect(other.err).toContain(`store ${hostOf("production")}`);
    expect(other.code).toBe(1);
  });

  test("is looked for in the working folder alone", async () => {
    await mkdir(join(cwd, "inside"));
    expect((await init(join(cwd, "inside"))).err).toContain("Missing in the environment");
  });

  test("that cannot be read is named", async () => {
    const other = await mkdtemp(join(folder, "cwd-"));
    await mkdir(join(other, ".env.staging"));
    const run = await init(other, variables("staging", "__STAGING"));
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("error: .env.staging cannot be read.")]);
  });
});

describe("the first line says where a command works", () => {
  const LINE = () => `tenant localhost, deployment staging-keys (staging), store ${hostOf("staging")}`;
  const TARGET = () => ({
    tenant: "localhost",
    deployment: "staging-keys",
    environment: "staging",
    store: hostOf("staging"),
  });
  const changing = [
    ["create", "--user", ADA, "--name", "another"],
    ["rotate", "aaaaaaaaaaaa", "--user", ADA],
    ["disable", "aaaaaaaaaaaa", "--user", ADA],
    ["enable", "aaaaaaaaaaaa", "--user", ADA],
    ["revoke", "aaaaaaaaaaaa", "--user", ADA],
    ["revoke", "--stdin"],
    ["prune", "--user", ADA],
    ["init"],
    ["reconcile", "--user", ADA, "--fix"],
    ["import", "/dev/null", "--write"],
    ["pepper", "retire", "7", "--yes"],
  ];

  test.each(changing.map((argv) => [argv[0] ?? "", argv] as const))("keys %s, on stderr", async (_, argv) => {
    const text = await keys([...argv, "--env", "staging"], both());
    expect(text.err.split("\n")[0]).toBe(LINE());
    const json = await keys([...argv, "--env", "staging", "--json"], both());
    expect(JSON.parse(json.err.split("\n")[0] ?? "")).toEqual({ target: TARGET() });
    expect(json.out).not.toContain("staging-keys");
  });

  test.each([["list", "--user", ADA], ["pattern"]])(
    "keys %s, which changes nothing, says nothing",
    async (...argv) => {
      for (const json of [[], ["--json"]]) {
        expect(await keys([...argv, "--env", "staging", ...json], both())).toMatchObject({
          code: 0,
          err: "",
        });
      }
    },
  );

  test.each([["plan"], ["doctor"], ["drift"], ["apply", "--yes"], ["rollback"], ["destroy", "--yes"]])(
    "deploy %s, on stdout, and in its JSON",
    async (...argv) => {
      const env = { ...both(), JOURNAL: "staging" };
      const text = await deploy([...argv, "--env", "staging"], env);
      expect(text.out.split("\n")[0]).toBe(LINE());
      const json = await deploy([...argv, "--env", "staging", "--json"], env);
      expect(json.err.split("\n")[0]).toBe(LINE());
      // What is not confirmed has no result.
      const isRefused = ["rollback", "destroy"].includes(argv[0] ?? "");
      expect(isRefused ? json.out : JSON.parse(json.out)).toEqual(
        isRefused ? "" : expect.objectContaining({ target: TARGET() }),
      );
    },
  );

  test("without environments none is named", async () => {
    const plan = await deploy(["plan"], variables("single"), files.single);
    expect(plan.out.split("\n")[0]).toBe(`tenant localhost, deployment api-keys, store ${hostOf("single")}`);
    const init = await keys(["init", "--json"], variables("single"), files.single);
    expect(JSON.parse(init.err)).toEqual({
      target: { tenant: "localhost", deployment: "api-keys", environment: null, store: hostOf("single") },
    });
  });
});

test.each([
  ["the option", ["--env", "staging"], {}],
  ["the variable", [], { AUTH0_API_KEYS_ENV: "staging" }],
])(
  "the local tenant is started for the environment that %s names, and its keys are that one's",
  async (_, argv, named) => {
    const env = {
      DEPLOY_CONFIG: files.several,
      LOCAL_TENANT_DIR: await mkdtemp(join(folder, "local-")),
      ...named,
    };
    const child = start("dev", ["--port", "0", "--redis", "memory", "--json", ...argv], process.cwd(), env);
    let err = "";
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    const ended = once(child, "close");
    const printed = await Promise.race([
      once(child.stdout, "data"),
      ended.then(() => Promise.reject(new Error(err))),
    ]);
    const description = JSON.parse(String((printed as unknown[])[0])) as Record<string, string>;
    expect(description["subject_token_type"]).toBe("urn:acme:staging");
    const created = ["create", "--local", "--user", ADA, "--name", "one", "--env", "staging"];
    const { out: key, err: told } = await keys(created, env);
    expect(told).toContain("tenant localhost, deployment staging-keys (staging), store ");
    expect(key).toMatch(/^acme_test_/);
    const parameters = exchangeParameters(key.trim(), { subject_token_type: "urn:acme:staging" });
    expect((await post(description["token_endpoint"] ?? "", parameters)).status).toBe(200);
    child.kill("SIGINT");
    expect(await ended).toEqual([0, null]);
  },
);
