import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { runDeploy } from "../../src/cli/deploy/deploy-program.ts";
import { runKeys } from "../../src/cli/keys/keys-program.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { defineConfig, type DeployConfigInput } from "../../src/deploy/config.ts";
import { hashOfCode } from "../../src/deploy/tenant-state.ts";
import { deploySource, newAction, type ActionState } from "../../src/local/management/action-state.ts";
import { newResourceServer } from "../../src/local/management/resource-servers.ts";
import type { Tenant } from "../../src/local/tenant.ts";
import { newClock, type Clock } from "./clock.ts";
import { checkpointOf, contentOf, waysBack } from "./checkpoint.ts";
import { startDatabase, type Database, type ProgramRun } from "./deployment.ts";
import { strip } from "./deploying.ts";
import {
  PREVIOUS_CONFIG,
  previousActions,
  runPreviousKeys,
  type PreviousConfig,
} from "./previous-release.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  exchangeParameters,
  GRACE,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  pepperOf,
  post,
  setMetadata,
  stage,
  TENANT,
  type Answer,
  type Stage,
} from "./stage.ts";

const CONFIG_MODULE = resolve("src/deploy/config.ts");

/** The two deployments that share the old world's tenant, and in it the API, its scope `read:things` and a client. */
export type Name = "api-keys" | "billing";
export const NAMES: readonly Name[] = ["api-keys", "billing"];

const POLICY = { allowNoExpiry: true };
/** As the present release is told of them. */
const CONFIGS: Readonly<Record<Name, DeployConfigInput>> = {
  "api-keys": {
    subjectTokenType: "urn:acme:api-key",
    keyPrefix: "acme_live",
    apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read", "write:things": "Write" } }],
    clients: [CLIENT_ID],
    policy: POLICY,
  },
  billing: {
    name: "billing",
    subjectTokenType: "urn:billing:api-key",
    keyPrefix: "bill_live",
    apis: [
      { identifier: AUDIENCE, scopes: { "read:things": "Read" } },
      { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" } },
    ],
    clients: [CLIENT_ID, OTHER_CLIENT_ID],
    policy: POLICY,
  },
};
/** As the previous release was. */
const PREVIOUS: Readonly<Record<Name, PreviousConfig>> = {
  "api-keys": {
    ...PREVIOUS_CONFIG,
    apis: [{ identifier: AUDIENCE, scopes: ["read:things", "write:things"] }],
    clients: [CLIENT_ID],
    scopeDescriptions: { "read:things": "Read", "write:things": "Write" },
  },
  billing: {
    ...PREVIOUS_CONFIG,
    name: "billing",
    subjectTokenType: "urn:billing:api-key",
    keyPrefixes: ["bill_live"],
    apis: [
      { identifier: AUDIENCE, scopes: ["read:things"] },
      { identifier: OTHER_AUDIENCE, scopes: ["read:bills"] },
    ],
    clients: [CLIENT_ID, OTHER_CLIENT_ID],
    scopeDescriptions: { "read:things": "Read", "read:bills": "Read bills" },
  },
};

/** A deployment of the old world, and hands to use it: programs of either release. */
export interface Party {
  readonly name: Name;
  readonly database: Database;
  readonly environment: Readonly<Record<string, string>>;
  /** The present release's programs, in process. */
  deploy(...argv: readonly string[]): Promise<ProgramRun>;
  keys(argv: readonly string[], stdin?: string): Promise<ProgramRun>;
  /** The previous release's keys CLI, in a process of its own; throws unless it ends well. */
  old<T = unknown>(...argv: readonly string[]): Promise<T>;
  exchange(key: string, parameters?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Its present journal. */
  readonly journalFile: string;
  /** The world's stage, with this deployment's configuration, database and pepper. */
  readonly stage: Stage;
}

/** A tenant with two deployments of the previous release, as its tools left them, without a key yet. */
export interface OldWorld {
  readonly s: Stage;
  readonly clock: Clock;
  /** The working directory of both: their journals are below `.deploy`. */
  readonly folder: string;
  /** The one journal of the previous release, of both. */
  readonly oldJournal: string;
  readonly of: Readonly<Record<Name, Party>>;
  /** All there is, but times, ids and locks, as a value to compare. */
  content(): Promise<object>;
  /** Takes away the locks that dead processes left: time passes, and they run out by themselves. */
  letLocksEnd(): Promise<void>;
  /** Remembers all there is; what it gives brings it back. */
  checkpoint(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** A key of the old world, and what becomes of it at an exchange: for ever, whichever release looks at it. */
export interface Held {
  readonly party: Party;
  readonly label: string;
  readonly userId: string;
  readonly id: string;
  readonly key: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The scope that it is granted; `undefined` where it is refused. */
  readonly granted: string | undefined;
}

interface Made {
  readonly id: string;
  readonly key: string;
}

/** Fills the old world with keys in every state, by its own CLIs: those of both deployments mixed in each user's list. */
export async function fillOldWorld({ s, of }: OldWorld): Promise<readonly Held[]> {
  const held: Held[] = [];
  const hold = (one: Omit<Held, "parameters" | "granted"> & Partial<Held>) =>
    held.push({ parameters: {}, granted: undefined, ...one });
  const make = async (party: Party, userId: string, label: string, ...argv: readonly string[]) => ({
    party,
    userId,
    label,
    ...(await party.old<Made>("create", "--user", userId, "--name", label, ...argv)),
  });
  const { "api-keys": acme, billing } = of;
  const scoped = ["--scope", "read:things"];
  const first = await make(billing, ADA, "billing, scoped", ...scoped);
  hold({ ...first, granted: "read:things" });
  hold({ ...(await make(acme, ADA, "acme, scoped", ...scoped)), granted: "read:things" });
  const rotated = await make(billing, ADA, "billing, rotated", ...scoped);
  hold({ ...rotated, label: "billing, previous secret", granted: "read:things" });
  const { key } = await billing.old<Made>("rotate", rotated.id, "--user", ADA, "--overlap", "7d");
  hold({ ...rotated, key, granted: "read:things" });
  const off = await make(billing, GRACE, "billing, disabled");
  await billing.old("disable", off.id, "--user", GRACE);
  hold(off);
  hold({ ...(await make(acme, GRACE, "acme, of every scope")), granted: "read:things" });
  const dead = await make(billing, GRACE, "billing, revoked");
  await billing.old("revoke", dead.id, "--user", GRACE);
  hold(dead);
  const ended = await make(acme, ADA, "acme, revoked");
  await acme.old("revoke", ended.id, "--user", ADA);
  hold(ended);
  const bound = ["--audience", OTHER_AUDIENCE, "--client", OTHER_CLIENT_ID, "--ip", "127.0.0.0/8"];
  const narrow = await make(billing, GRACE, "billing, bound", ...bound);
  const right = { audience: OTHER_AUDIENCE, client_id: OTHER_CLIENT_ID, scope: "read:bills" };
  hold({ ...narrow, parameters: right, granted: "read:bills" });
  hold({ ...narrow, label: "billing, by another client", parameters: { ...right, client_id: CLIENT_ID } });
  hold({ ...narrow, label: "billing, for another API" });
  const lost = await make(billing, GRACE, "billing, whose record is lost");
  await billing.database.execute(["DEL", `apikey:${lost.id}`]);
  hold(lost);
  const { api_keys = [], ...rest } = metadataOf(s, ADA);
  setMetadata(s, ADA, { ...rest, plan: "gold", api_keys: [MALFORMED, ...(api_keys as unknown[])] });
  return held;
}

/** An entry that is none, which stays where it is. */
export const MALFORMED = { id: "no key", of: "nobody" };

/** A user's `app_metadata`. */
export function metadataOf({ local }: Stage, userId: string): Record<string, unknown> {
  return (local.tenant.users.get(userId)?.["app_metadata"] ?? {}) as Record<string, unknown>;
}

/** What is granted to each of these keys now. */
export async function grantsOf(
  held: readonly Held[],
): Promise<readonly (readonly [string, string | undefined])[]> {
  return Promise.all(
    held.map(async ({ party, label, userId, id, key, parameters }) => {
      const { status, body } = await party.exchange(key, parameters);
      if (status !== 200) return [label, undefined] as const;
      const { sub, act, scope } = claimsOf(body["access_token"]);
      const actors = [`api-key|${id}`, `api-key:${party.name}|${id}`];
      const isRight = sub === userId && actors.includes((act as { readonly sub: string }).sub);
      return [label, isRight ? String(scope) : "as somebody else"] as const;
    }),
  );
}

/** What is to be granted to each of them. */
export function expectedOf(held: readonly Held[]): readonly (readonly [string, string | undefined])[] {
  return held.map(({ label, granted }) => [label, granted]);
}

/** Starts it. The process's working directory is the world's until it is closed. */
export async function startOldWorld(): Promise<OldWorld> {
  const clock = newClock();
  const s = await stage({ deployed: false, nowMs: clock.nowMs });
  const { tenant } = s.local;
  strip(tenant);
  const folder = await mkdtemp(join(tmpdir(), "old-world-"));
  const cwd = process.cwd();
  process.chdir(folder);
  const parties: Partial<Record<Name, Party>> = {};
  const journal: object[] = [];
  for (const name of NAMES) {
    const database = await startDatabase(name);
    const party = await startParty(s, folder, name, database, clock);
    parties[name] = party;
    journal.push(...install(tenant, party));
    await party.old("init");
  }
  const host = new URL(s.settings.origin).host.replace(":", "_");
  const oldJournal = join(folder, ".deploy", `${host}.jsonl`);
  await mkdir(join(folder, ".deploy"), { mode: 0o700 });
  await writeFile(oldJournal, journal.map((entry) => `${JSON.stringify(entry)}\n`).join(""), { mode: 0o600 });
  const of = parties as Record<Name, Party>;
  const databases = NAMES.map((name) => of[name].database);
  return {
    s,
    clock,
    folder,
    oldJournal,
    of,
    async content() {
      const journals = await Promise.all(NAMES.map(async (name) => waysBack(of[name].journalFile, name)));
      return { ...(await contentOf(tenant, databases)), journals };
    },
    async letLocksEnd() {
      for (const database of databases) {
        const [, found] = (await database.execute(["SCAN", "0", "MATCH", "apikey-lock:*"])) as [
          string,
          string[],
        ];
        if (found.length > 0) await database.execute(["DEL", ...found]);
      }
    },
    async checkpoint() {
      const back = await checkpointOf(tenant, databases);
      const kept = await mkdtemp(join(tmpdir(), "old-world-kept-"));
      await cp(join(folder, ".deploy"), kept, { recursive: true });
      return async () => {
        await back();
        await rm(join(folder, ".deploy"), { recursive: true });
        await cp(kept, join(folder, ".deploy"), { recursive: true });
      };
    },
    async close() {
      process.chdir(cwd);
      await Promise.all(databases.map(async (one) => one.close()));
      await rm(folder, { recursive: true });
      await s.stop();
    },
  };
}

async function startParty(
  s: Stage,
  folder: string,
  name: Name,
  database: Database,
  clock: Clock,
): Promise<Party> {
  const { local, settings } = s;
  const file = join(folder, `${name}.config.ts`);
  await writeFile(
    file,
    `import { defineConfig } from ${JSON.stringify(CONFIG_MODULE)};\nexport default defineConfig(${JSON.stringify(CONFIGS[name])});\n`,
  );
  const environment = {
    AUTH0_DOMAIN: new URL(settings.origin).host,
    AUTH0_CLIENT_ID: settings.clientId,
    AUTH0_CLIENT_SECRET: settings.clientSecret,
    UPSTASH_REDIS_REST_URL: database.url,
    UPSTASH_REDIS_REST_TOKEN: database.token,
    UPSTASH_REDIS_REST_READ_ONLY_TOKEN: database.readOnlyToken,
    API_KEY_PEPPER: pepperOf(name),
  };
  const run = async (
    program: (io: Parameters<typeof runKeys>[1]) => Promise<number>,
    stdin = "",
  ): Promise<ProgramRun> => {
    const out = { stdout: "", stderr: "" };
    const code = await program({
      env: environment,
      stdout: (text) => void (out.stdout += text),
      stderr: (text) => void (out.stderr += text),
      readStdin: async () => Promise.resolve(stdin),
    });
    return { code, ...out };
  };
  const terminal = {
    isInteractive: false,
    confirm: async () => Promise.resolve(false),
    ask: async () => Promise.resolve(""),
  };
  const { subjectTokenType } = PREVIOUS[name];
  return {
    name,
    database,
    environment,
    stage: {
      ...s,
      config: { ...defineConfig(CONFIGS[name]), tenant: TENANT },
      settings: {
        ...settings,
        redisUrl: database.url,
        redisToken: database.token,
        peppers: parsePeppers(pepperOf(name)),
      },
    },
    journalFile: join(folder, ".deploy", "localhost", `${name}.jsonl`),
    deploy: async (...argv) =>
      run(async (io) => runDeploy([...argv, "--config", file], io, { clock, terminal })),
    keys: async (argv, stdin) => run(async (io) => runKeys([...argv, "--config", file], io), stdin),
    async old<T>(...argv: readonly string[]) {
      const { code, out, err } = await runPreviousKeys([...argv, "--json"], environment, "", PREVIOUS[name]);
      if (code !== 0) throw new Error(`${argv.join(" ")}: ${err}`);
      return JSON.parse(out) as T;
    },
    exchange: async (key, parameters) =>
      post(
        local.description.token_endpoint,
        exchangeParameters(key, { subject_token_type: subjectTokenType, ...parameters }),
      ),
  };
}

/** Does to a tenant what the previous release's `deploy apply` did, and gives what it wrote into its journal. */
function install(tenant: Tenant, { name, environment }: Party): readonly object[] {
  const config = PREVIOUS[name];
  const at = tenant.nowIso();
  const before = previousState(tenant, config);
  const written: (readonly [string, string])[] = [];
  for (const { identifier, scopes } of config.apis) {
    const there = tenant.resourceServers.get(identifier);
    if (there && scopes.every((scope) => there.scopes.includes(scope))) continue;
    const described = scopes.map((value) => ({ value, description: config.scopeDescriptions[value] ?? "" }));
    const given = { scopes: described, skip_consent_for_verifiable_first_party_clients: true };
    tenant.resourceServers.set(identifier, newResourceServer(tenant, identifier, given));
    written.push(["create_api", `API ${identifier}`]);
  }
  const { API_KEY_PEPPER, UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_READ_ONLY_TOKEN } = environment;
  const secrets = {
    API_KEY_PEPPER,
    UPSTASH_REDIS_REST_TOKEN: UPSTASH_REDIS_REST_READ_ONLY_TOKEN,
    UPSTASH_REDIS_REST_URL,
  };
  for (const { trigger, code, dependencies } of previousActions(config)) {
    const given = trigger === "post-login" ? [] : Object.entries(secrets);
    const draft = {
      code,
      dependencies,
      runtime: "node22",
      secrets: given.map(([secret, value = ""]) => ({ name: secret, value, updated_at: at })),
    };
    const action = newAction(tenant, { name: `${name}-${trigger}`, trigger, draft });
    deploySource(tenant, action, draft, true);
    written.push(["create_action", `Action ${action.name}`]);
    if (trigger === "post-login") {
      const binding = { id: crypto.randomUUID(), action_id: action.id, display_name: action.name };
      tenant.postLoginBindings.push({ ...binding, created_at: at });
      continue;
    }
    const id = tenant.newId("tep_");
    tenant.profiles.set(id, {
      id,
      name,
      type: "custom_authentication",
      subject_token_type: config.subjectTokenType,
      action_id: action.id,
      created_at: at,
      updated_at: at,
    });
  }
  written.push(["bind", `binding of ${name}-post-login`]);
  written.push(["create_profile", `token exchange profile ${config.subjectTokenType}`]);
  for (const clientId of config.clients) {
    const client = tenant.clients.get(clientId);
    if (!client || client.token_exchange) continue;
    const token_exchange = { allow_any_profile_of_type: ["custom_authentication"] };
    tenant.clients.set(clientId, { ...client, token_exchange });
    written.push(["enable_client", `client ${clientId}`]);
  }
  return [
    { entry: "begin", at, command: "apply", before },
    ...written.flatMap(([effect, what]) =>
      ["write", "written"].map((entry) => ({ entry, at, effect, what })),
    ),
    { entry: "end", at, after: previousState(tenant, config) },
  ];
}

/** The tenant as the previous release read it. */
function previousState(tenant: Tenant, { name, subjectTokenType, apis, clients }: PreviousConfig): object {
  const actions = ["custom-token-exchange", "post-login"].flatMap((trigger) =>
    [...tenant.actionStates.values()].filter((one) => one.name === `${name}-${trigger}`),
  );
  return {
    apis: apis.flatMap(({ identifier }) => {
      const api = tenant.resourceServers.get(identifier);
      const scopes = api?.scopes.map((value) => ({
        value,
        description: api.scope_descriptions?.[value] ?? "",
      }));
      return api ? [{ id: api.id, identifier, scopes, skipsConsent: true }] : [];
    }),
    actions: actions.map(previousActionState),
    bindings: tenant.postLoginBindings.map(({ id, action_id, display_name }) => ({
      id,
      actionId: action_id,
      displayName: display_name,
    })),
    profile: [...tenant.profiles.values()]
      .filter((one) => one.subject_token_type === subjectTokenType)
      .map((one) => ({
        id: one.id,
        name: one.name,
        subjectTokenType: one.subject_token_type,
        actionId: one.action_id,
      }))[0],
    clients: clients.map((clientId) => ({
      clientId,
      types: tenant.clients.get(clientId)?.token_exchange?.allow_any_profile_of_type,
    })),
  };
}

function previousActionState({ id, name, trigger, draft, deployed }: ActionState): object {
  const hash = hashOfCode(draft.code);
  const secrets = draft.secrets.map(({ name: secret, updated_at }) => ({
    name: secret,
    updatedAt: updated_at,
  }));
  const { version } = deployed ?? {};
  return {
    trigger,
    id,
    name,
    isMarked: true,
    draftHash: hash,
    secrets,
    deployed: version && {
      versionId: version.id,
      number: version.number,
      codeHash: hash,
      dependencies: version.dependencies,
      runtime: version.runtime,
      secrets,
    },
  };
}
