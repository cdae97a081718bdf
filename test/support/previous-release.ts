import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { ActionToInstall } from "../../src/local/start.ts";
import type { Run } from "./cli.ts";
import { AUDIENCE, CLIENT_ID, OTHER_AUDIENCE, OTHER_CLIENT_ID, SUBJECT_TOKEN_TYPE } from "./stage.ts";

/** The release before the present code: its Actions and its keys CLI, as they were. */
const RELEASE = fileURLToPath(new URL("../releases/0.1.0/", import.meta.url));

/**
 * What `defineConfig` of the previous release returned, all defaults in place. Written out, and not taken from the
 * present code: that one may change.
 */
export interface PreviousConfig {
  readonly subjectTokenType: string;
  readonly keyPrefixes: readonly string[];
  readonly apis: readonly { readonly identifier: string; readonly scopes: readonly string[] }[];
  readonly acceptForeignKeys?: true;
  readonly clients: readonly string[];
  readonly policy: {
    readonly maxKeysPerUser: number;
    readonly defaultLifetimeDays: number;
    readonly maxLifetimeDays: number;
    readonly allowNoExpiry: boolean;
    readonly acceptForeignKeys: boolean;
    readonly retentionDays: number;
  };
  readonly scopeDescriptions: Readonly<Record<string, string>>;
  readonly name: string;
  readonly postLoginPosition: "first" | "last";
  readonly lastUsed: boolean;
  readonly serviceUsers?: { readonly connection: string };
}

/** The deployment of `CONFIG` in stage.ts, as the previous release had it. */
export const PREVIOUS_CONFIG: PreviousConfig = {
  subjectTokenType: SUBJECT_TOKEN_TYPE,
  keyPrefixes: ["acme_live"],
  apis: [
    { identifier: AUDIENCE, scopes: ["read:things", "write:things", "delete:things"] },
    { identifier: OTHER_AUDIENCE, scopes: ["read:bills"] },
  ],
  clients: [CLIENT_ID, OTHER_CLIENT_ID],
  policy: {
    maxKeysPerUser: 20,
    defaultLifetimeDays: 90,
    maxLifetimeDays: 366,
    allowNoExpiry: true,
    acceptForeignKeys: false,
    retentionDays: 30,
  },
  scopeDescriptions: {
    "read:things": "Read",
    "write:things": "Write",
    "delete:things": "Delete",
    "read:bills": "Read bills",
  },
  name: "api-keys",
  postLoginPosition: "last",
  lastUsed: false,
};

/** The Actions of the previous release for a deployment, to start a tenant with: `stage({ actions })`. */
export function previousActions(config: PreviousConfig = PREVIOUS_CONFIG): ActionToInstall[] {
  const { subjectTokenType, keyPrefixes, apis, acceptForeignKeys, lastUsed } = config;
  const deployment = JSON.stringify({ subjectTokenType, keyPrefixes, apis, acceptForeignKeys, lastUsed });
  const action = (trigger: ActionToInstall["trigger"], dependencies: ActionToInstall["dependencies"]) => {
    const code = readFileSync(`${RELEASE}${trigger}.cjs`, "utf8");
    // After the directive, which would be none behind a statement.
    const strict = '\n"use strict";\n';
    return {
      trigger,
      code: code.replace(strict, () => `${strict}const DEPLOYMENT = ${deployment};\n`),
      dependencies,
    };
  };
  return [
    action("custom-token-exchange", [{ name: "@upstash/redis", version: "1.39.0" }]),
    action("post-login", []),
  ];
}

/**
 * Runs the keys CLI of the previous release in a process of its own, with this environment and nothing of ours:
 * `environmentOf(stage)` has what it needs. The deployment reaches it through `--config`, as a file that exports it.
 */
export async function runPreviousKeys(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = "",
  config: PreviousConfig = PREVIOUS_CONFIG,
): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "previous-release-"));
  try {
    const file = join(folder, "deploy.config.mjs");
    await writeFile(file, `export default ${JSON.stringify(config)};\n`);
    const child = spawn(process.execPath, [`${RELEASE}keys.mjs`, ...argv, "--config", file], { env });
    child.stdin.on("error", () => undefined); // Most commands end without having read it.
    child.stdin.end(stdin);
    const code = new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => resolve(status ?? -1));
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, out, err };
  } finally {
    await rm(folder, { recursive: true });
  }
}
