import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build, type Metafile } from "esbuild";

import type { DeployedDeployment } from "../core/deployment.ts";

/** The Actions of this product, by the trigger that runs them. */
export const TRIGGERS = ["custom-token-exchange", "post-login"] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** One Action as it is sent to a tenant. */
export interface ActionBundle {
  readonly trigger: Trigger;
  /** One readable CommonJS file. */
  readonly code: string;
  /** Npm packages that Auth0 installs beside it, pinned. */
  readonly dependencies: readonly { readonly name: string; readonly version: string }[];
  readonly metafile: Metafile;
}

/** How the code of each Action begins that was made here: a deployment changes no other. */
export const ACTION_MARK = "// Made by auth0-api-keys";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Bundles an Action for a deployment, from `actions/`. What it requires from npm stays outside and is pinned. */
export async function bundleAction(trigger: Trigger, deployment: DeployedDeployment): Promise<ActionBundle> {
  const { tenant, name, subjectTokenType, keyPrefixes, acceptForeignKeys, openid, takesOver } = deployment;
  const apis = deployment.apis.map(({ identifier, scopes, keyPrefix, otherScopes = [] }) => ({
    identifier,
    scopes,
    keyPrefix,
    ...(otherScopes.length > 0 && { otherScopes }),
  }));
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [`actions/${trigger}.ts`],
    bundle: true,
    write: false,
    metafile: true,
    format: "cjs",
    platform: "node",
    // Auth0 refuses a handler that is no native AsyncFunction, which targets below ES2017 would make of it.
    target: "node18",
    charset: "utf8",
    external: ["@upstash/redis"],
    banner: { js: `${ACTION_MARK}, from actions/${trigger}.ts: change it there, not here.` },
    define: {
      DEPLOYMENT: JSON.stringify({
        tenant,
        name,
        subjectTokenType,
        keyPrefixes,
        apis,
        acceptForeignKeys,
        openid,
        takesOver,
      }),
      // By itself, so that the code for it is left out where it is off.
      "DEPLOYMENT.lastUsed": String(deployment.lastUsed ?? false),
    },
    legalComments: "none",
    logLevel: "silent",
  });
  const code = result.outputFiles[0]?.text ?? "";
  return { trigger, code, dependencies: await dependenciesOf(code), metafile: result.metafile };
}

async function dependenciesOf(code: string): Promise<ActionBundle["dependencies"]> {
  const { dependencies } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8")) as {
    dependencies: Record<string, string>;
  };
  return Object.entries(dependencies)
    .filter(([name]) => code.includes(`require("${name}")`))
    .map(([name, version]) => ({ name, version }));
}
