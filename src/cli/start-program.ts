import { once } from "node:events";

import { Command, InvalidArgumentError, Option } from "commander";

import type { Io } from "./io.ts";
import { runKeys } from "./keys/keys-program.ts";
import { prepareLocalDeployment, type LocalDeployment } from "./local-deployment.ts";
import { removeLocalFile, writeLocalFile, type LocalFile } from "./local-file.ts";
import { environmentOf } from "./target.ts";
import { SELF_SERVICE, selfServicePage } from "./self-service-page.ts";
import { table } from "./table.ts";
import { runProgram } from "./run-program.ts";

/** Auth0's plans, the smallest with Custom Token Exchange first. */
const PLANS = ["professional", "enterprise", "enterprise-nonproduction", "free"] as const;

/** What a local tenant is started with, on top of the deployment. */
export interface StartOptions extends LocalDeployment {
  readonly port: number;
  readonly redis: string | undefined;
  readonly plan?: (typeof PLANS)[number];
  readonly limits: boolean;
  /** Whether the product is deployed on it already. */
  readonly deployed?: boolean;
  /** Whether the tenant has Custom Token Exchange. Default: what the plan says. */
  readonly tokenExchange?: boolean;
  /** Inferred behaviours to change, as `name=value`. */
  readonly fidelity?: readonly string[];
  /** Who logs users in for self-service; without it there is no page. */
  readonly selfService?: typeof SELF_SERVICE;
  readonly onLog: (line: string) => void;
}

/** What is needed of a started tenant. The tenant itself is handed in: `src/cli` does not know `src/local`. */
export interface Started {
  readonly description: Omit<LocalFile, "api_key_pepper"> & {
    readonly api_url: string;
    readonly users: readonly { readonly user_id: string }[];
    readonly self_service_url?: string;
  };
  /** Serves the page and the self-service API where `self_service_url` says that they are. */
  servePage(page: (request: Request) => Promise<Response>): void;
  readonly redis: { readonly name: string };
  stop(): Promise<void>;
}

interface Options {
  readonly port: number;
  readonly redis?: string;
  readonly plan: (typeof PLANS)[number];
  readonly limits: boolean;
  readonly env?: string;
  readonly bare?: true;
  readonly tokenExchange: boolean;
  readonly json?: true;
  readonly fidelity: readonly string[];
}

/** Runs `npm start`: starts the tenant, says where everything is, and stays until SIGINT or SIGTERM. */
export async function runStart(
  argv: readonly string[],
  io: Io,
  start: (options: StartOptions) => Promise<Started>,
): Promise<0 | 1 | 2> {
  const program = new Command("start")
    .description(
      "Run the local tenant: Auth0 and Upstash as far as API keys need them, on this machine alone.",
    )
    .addOption(
      new Option("--port <number>", "the issuer's; the three after it are used too; 0: free ones")
        .default(4400)
        .argParser(port),
    )
    .option(
      "--redis <engine>",
      "memory, server, or redis://… (default: server if it is installed, else memory)",
    )
    .option("--env <name>", "the environment of the configuration (default: AUTH0_API_KEYS_ENV)")
    .option("--bare", "without the product: for npm run deploy -- apply --local")
    .addOption(
      new Option("--plan <name>", "Auth0's plan, whose rate limits hold").choices(PLANS).default(PLANS[0]),
    )
    .option("--no-token-exchange", "as on a plan that does not include Custom Token Exchange")
    .option("--no-limits", "lift the rate limits and the throttling of addresses")
    .option(
      "--fidelity <name=value>",
      "change an inferred behaviour, see docs/FIDELITY.md (repeatable)",
      collect,
      [],
    )
    .option("--json", "print one line of JSON once everything runs")
    .action(async (options: Options) => serve(options, io, start));
  return runProgram(program, argv, io);
}

async function serve(
  options: Options,
  io: Io,
  start: (options: StartOptions) => Promise<Started>,
): Promise<void> {
  // Listened for from the start: a child process must not outlive an early Ctrl-C.
  const stopped = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  const { port, redis, plan, limits, tokenExchange, fidelity } = options;
  const deployment = await prepareLocalDeployment(io.env, {
    lastUsed: options.bare !== true,
    environment: environmentOf(options, io),
  });
  const onLog = (line: string) => io.stderr(`${line}\n`);
  const tenant = await start({
    ...deployment,
    port,
    redis,
    plan,
    limits,
    ...(!tokenExchange && { tokenExchange }),
    deployed: options.bare !== true,
    fidelity,
    selfService: SELF_SERVICE,
    onLog,
  });
  try {
    await writeLocalFile(io.env, { ...tenant.description, api_key_pepper: deployment.pepper });
    const { DEPLOY_CONFIG: config } = io.env;
    const named = [
      ...(config === undefined ? [] : ["--config", config]),
      ...(options.env === undefined ? [] : ["--env", options.env]),
    ];
    const quiet = { ...io, stdout: () => undefined, stderr: () => undefined };
    const code = await runKeys(["init", "--local", ...named], quiet);
    if (code !== 0) throw new Error("The store could not be marked.");
    tenant.servePage(await selfServicePage(deployment, tenant.description, { onLog }));
    io.stdout(options.json ? `${JSON.stringify(tenant.description)}\n` : welcome(tenant));
    await stopped;
  } finally {
    await removeLocalFile(io.env);
    await tenant.stop();
  }
}

function welcome({ description, redis }: Started): string {
  const user = description.users[0]?.user_id ?? "";
  return `The local tenant runs. It is for development, not for production.

${table([
  ["  issuer", description.issuer],
  ["  management API", description.management_api],
  ["  Redis REST", `${description.redis_rest_url} (${redis.name})`],
  ["  demo API", description.api_url],
  ["  users", description.users.map((one) => one.user_id).join(", ")],
])}
Open the page where users make their own keys:

  ${new URL("/", description.self_service_url).href}

or make a key in another terminal:

  npm run --silent keys -- create --local --user '${user}' --name laptop --scope "read:things"

Exchange it for an access token:

  curl ${description.token_endpoint} \\
    -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\
    -d subject_token_type=${description.subject_token_type} \\
    -d client_id=${description.client_id} -d audience=${description.audience} -d scope=read:things \\
    --data-urlencode subject_token@-

Ctrl-C ends it.
`;
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_532) return Number(text);
  throw new InvalidArgumentError("It must be a number from 0 to 65532.");
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
