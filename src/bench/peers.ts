import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { KEYPAL_DEPENDENCIES, openKeypal, type Keypal } from "./keypal.ts";

/** A peer's check of a right key. Rejects if it does not find it right. */
export type PeerCheck = () => Promise<void>;

/** A key-value store as better-auth takes one. */
export interface SecondaryStorage {
  get(name: string): Promise<string | null>;
  set(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
}

/** What a user would pick instead, each with a key of its own. */
export interface Peers {
  readonly versions: Readonly<Record<string, string>>;
  readonly prefixedApiKey: PeerCheck;
  /** The API-key plugin over its memory adapter. */
  readonly betterAuth: PeerCheck;
  /** The same over a key-value store of ours. */
  betterAuthOver(storage: SecondaryStorage): Promise<PeerCheck>;
  readonly keypal?: Keypal;
}

/** Where peers come from. */
export interface PeerSources {
  /** Is made, and the peers are installed there. */
  readonly folder: string;
  /** A checkout of github.com/izadoesdev/keypal, whose package is gone from npm. */
  readonly keypal?: string | undefined;
}

const VERSIONS = { "prefixed-api-key": "1.1.1", "better-auth": "1.7.5", "@better-auth/api-key": "1.7.5" };

/** Why a peer is not compared in a run without it. */
export const NOT_COMPARED = {
  keypal: "the npm registry answers E404 for it: measured with --peers --keypal <checkout> only",
  "prefixed-api-key": "measured with --peers only",
  "better-auth": "measured with --peers only",
};

interface BetterAuth {
  readonly $context: Promise<{
    readonly internalAdapter: { createUser(user: object): Promise<{ readonly id: string }> };
  }>;
  readonly api: {
    createApiKey(request: object): Promise<{ readonly key: string }>;
    verifyApiKey(request: object): Promise<{ readonly valid: boolean }>;
  };
}

/** Installs the peers, once, which needs the npm registry; they are no dependencies of this project. */
export async function openPeers({ folder, keypal: checkout }: PeerSources): Promise<Peers> {
  await mkdir(folder, { recursive: true });
  const dependencies = { ...VERSIONS, ...(checkout !== undefined && KEYPAL_DEPENDENCIES) };
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies }));
  const argv = ["install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--prefix", folder];
  await promisify(execFile)("npm", argv);
  const from = createRequire(resolve(folder, "package.json"));
  const load = async (name: string) => import(pathToFileURL(from.resolve(name)).href) as Promise<never>;

  // It is CommonJS.
  const prefixed = from("prefixed-api-key") as {
    readonly generateAPIKey: (
      options: object,
    ) => Promise<{ readonly token: string; readonly longTokenHash: string }>;
    readonly checkAPIKey: (token: string, hash: string) => boolean;
  };
  const { betterAuth } = (await load("better-auth")) as {
    readonly betterAuth: (options: object) => BetterAuth;
  };
  const { memoryAdapter } = (await load("better-auth/adapters/memory")) as {
    readonly memoryAdapter: (db: object) => object;
  };
  const { apiKey } = (await load("@better-auth/api-key")) as { readonly apiKey: (options: object) => object };
  const betterAuthCheck = async (secondaryStorage?: SecondaryStorage): Promise<PeerCheck> => {
    const auth = betterAuth({
      secret: randomBytes(32).toString("base64"),
      baseURL: "http://127.0.0.1",
      database: memoryAdapter({ user: [], session: [], account: [], verification: [], apikey: [] }),
      telemetry: { enabled: false },
      ...(secondaryStorage && { secondaryStorage }),
      plugins: [
        apiKey({
          storage: secondaryStorage ? "secondary-storage" : "database",
          rateLimit: { enabled: false },
        }),
      ],
    });
    const { internalAdapter } = await auth.$context;
    const user = await internalAdapter.createUser({ email: "ada@acme.example", name: "Ada" });
    const { key } = await auth.api.createApiKey({ body: { userId: user.id, name: "bench" } });
    return async () => requireRight("better-auth", (await auth.api.verifyApiKey({ body: { key } })).valid);
  };
  const { token, longTokenHash } = await prefixed.generateAPIKey({ keyPrefix: "acme" });
  const keypal = checkout === undefined ? undefined : await openKeypal(checkout, folder);
  return {
    versions: { ...VERSIONS, ...(keypal && { keypal: keypal.version }) },
    ...(keypal && { keypal }),
    prefixedApiKey: async () => requireRight("prefixed-api-key", prefixed.checkAPIKey(token, longTokenHash)),
    betterAuth: await betterAuthCheck(),
    betterAuthOver: betterAuthCheck,
  };
}

function requireRight(name: string, isRight: boolean): void {
  if (!isRight) throw new Error(`${name} refused its own key.`);
}
