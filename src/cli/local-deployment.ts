import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";

import { tenantOf } from "../core/deployment.ts";
import { bundleAction, TRIGGERS, type ActionBundle } from "../deploy/bundle.ts";
import type { DeployConfig } from "../deploy/config.ts";
import { loadDeployConfig } from "../deploy/load-config.ts";
import type { Io } from "./io.ts";
import { localFolder, localPepperFile } from "./local-file.ts";

/** What the local tenant gets of the product: the configuration, the real bundles, and a pepper of its own. */
export interface LocalDeployment extends DeployConfig {
  readonly tenant: string;
  readonly actions: readonly ActionBundle[];
  readonly pepper: string;
}

/** Prepares a deployment for the local tenant from `deploy.config.ts`; with last uses noted, if that is asked for. */
export async function prepareLocalDeployment(
  env: Io["env"],
  {
    lastUsed = false,
    environment = env["AUTH0_API_KEYS_ENV"],
  }: { readonly lastUsed?: boolean; readonly environment?: string | undefined } = {},
): Promise<LocalDeployment> {
  const configured = await loadDeployConfig(env["DEPLOY_CONFIG"] ?? "deploy.config.ts", environment);
  const tenant = tenantOf("localhost");
  const config = { ...configured, tenant, lastUsed: configured.lastUsed || lastUsed };
  const actions = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
  return { ...config, actions, pepper: await keptPepper(env) };
}

/** The pepper of the local tenant: kept, so that keys in a Redis that outlives it still work. */
async function keptPepper(env: Io["env"]): Promise<string> {
  const folder = localFolder(env);
  const file = localPepperFile(env);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, `1:${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" }).catch(
    () => undefined,
  );
  return (await readFile(file, "utf8")).trim();
}
