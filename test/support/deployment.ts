import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { runDeploy } from "../../src/cli/deploy/deploy-program.ts";
import { runKeys } from "../../src/cli/keys/keys-program.ts";
import type { DeployConfigInput, EnvironmentsInput } from "../../src/deploy/config.ts";
import { memoryEngine } from "../../src/local/redis-rest/memory-engine.ts";
import { redisRestApp } from "../../src/local/redis-rest/redis-rest-app.ts";
import { listen } from "../../src/local/listen.ts";
import type { LocalTenant } from "../../src/local/start.ts";
import type { Clock } from "./clock.ts";
import { exchangeParameters, pepperOf, post, type Answer } from "./stage.ts";

const CONFIG_MODULE = resolve("src/deploy/config.ts");

/** What a run of a program printed, and how it ended. */
export interface ProgramRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Redis database of its own, as a second Upstash database would be. */
export interface Database {
  readonly url: string;
  readonly token: string;
  readonly readOnlyToken: string;
  /** All that is in it, in the order of its names. */
  dump(): Promise<string>;
  execute(command: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

/** Starts a database in memory. */
export async function startDatabase(name: string): Promise<Database> {
  const engine = memoryEngine(Date.now);
  const tokens = { token: pepperOf(`token ${name}`), readOnlyToken: pepperOf(`read-only ${name}`) };
  const { url, close } = await listen(redisRestApp(engine, tokens), 0);
  const execute = async (command: readonly string[]) => engine.execute([...command]);
  return {
    url,
    ...tokens,
    execute,
    async dump() {
      const [, found] = (await execute(["SCAN", "0", "COUNT", "100000"])) as [string, string[]];
      const names = found.toSorted();
      const values = await Promise.all(names.map(async (one) => [one, await execute(["GET", one])]));
      return JSON.stringify(values);
    },
    async close() {
      await close();
      await engine.close();
    },
  };
}

/** A deployment as an operator has it: a folder with its configuration, its environment, and the real programs. */
export interface Operator {
  readonly folder: string;
  configure(change: Partial<DeployConfigInput>): Promise<void>;
  deploy(argv: readonly string[], answer?: string): Promise<ProgramRun>;
  keys(argv: readonly string[], stdin?: string): Promise<ProgramRun>;
  /** Makes a key of a user; gives it and its id. */
  make(userId: string, ...argv: readonly string[]): Promise<{ readonly key: string; readonly id: string }>;
  exchange(key: string, parameters?: Readonly<Record<string, string | undefined>>): Promise<Answer>;
  close(): Promise<void>;
}

/** An operator of a deployment on a local tenant, over its Management API and a database. */
export async function startOperator(
  local: LocalTenant,
  database: Database,
  config: DeployConfigInput,
  clock: Clock,
  changes: Readonly<Record<string, string>> = {},
): Promise<Operator> {
  const folder = await mkdtemp(join(tmpdir(), "operator-"));
  let current: DeployConfigInput | EnvironmentsInput = config;
  let written = 0;
  const file = () => join(folder, `deploy.config.${written}.ts`);
  const configure = async (change: Partial<DeployConfigInput>) => {
    current = { ...current, ...change };
    // Another name each time: what was imported once stays as it was.
    written++;
    const module = `import { defineConfig } from ${JSON.stringify(CONFIG_MODULE)};\nexport default defineConfig(${JSON.stringify(current)});\n`;
    await writeFile(file(), module);
  };
  await configure({});
  const { description } = local;
  const env: Record<string, string> = {
    AUTH0_DOMAIN: new URL(description.issuer).host,
    AUTH0_CLIENT_ID: description.management_client_id,
    AUTH0_CLIENT_SECRET: description.management_client_secret,
    UPSTASH_REDIS_REST_URL: database.url,
    UPSTASH_REDIS_REST_TOKEN: database.token,
    UPSTASH_REDIS_REST_READ_ONLY_TOKEN: database.readOnlyToken,
    API_KEY_PEPPER: pepperOf(config.subjectTokenType),
    ...changes,
  };
  const run = async (
    program: (io: Parameters<typeof runKeys>[1]) => Promise<number>,
    stdin = "",
  ): Promise<ProgramRun> => {
    const out = { stdout: "", stderr: "" };
    const code = await program({
      env,
      stdout: (text) => void (out.stdout += text),
      stderr: (text) => void (out.stderr += text),
      readStdin: async () => Promise.resolve(stdin),
    });
    return { code, ...out };
  };
  const keys: Operator["keys"] = async (argv, stdin) =>
    run(async (io) => runKeys([...argv, "--config", file()], io), stdin);
  return {
    folder,
    configure,
    keys,
    async deploy(argv, answer) {
      const terminal = {
        isInteractive: answer !== undefined,
        confirm: async () => Promise.resolve(answer === "yes"),
        ask: async () => Promise.resolve(answer ?? ""),
      };
      const journal = ["--journal", join(folder, `${current.name ?? "api-keys"}.jsonl`)];
      return run(async (io) => runDeploy([...argv, "--config", file(), ...journal], io, { clock, terminal }));
    },
    async make(userId, ...argv) {
      const made = await keys([
        "create",
        "--user",
        userId,
        "--name",
        `key ${Math.random()}`,
        "--json",
        ...argv,
      ]);
      if (made.code !== 0) throw new Error(made.stderr);
      return JSON.parse(made.stdout) as { readonly key: string; readonly id: string };
    },
    exchange: async (key, parameters) =>
      post(
        description.token_endpoint,
        exchangeParameters(key, { subject_token_type: config.subjectTokenType, ...parameters }),
      ),
    close: async () => rm(folder, { recursive: true }),
  };
}
