import { join } from "node:path";

import { initStore, markDeployedPepper } from "../../keys/init.ts";
import type { Keys } from "../../keys/keys.ts";
import type { Deploying } from "../../deploy/apply.ts";
import { bundleAction, TRIGGERS } from "../../deploy/bundle.ts";
import type { DeployConfig } from "../../deploy/config.ts";
import { desiredOf } from "../../deploy/desired.ts";
import { fileJournal } from "../../deploy/journal.ts";
import { loadDeployConfig } from "../../deploy/load-config.ts";
import { managementApi, type DeployClock } from "../../deploy/management-api.ts";
import { requireVerified, verify, type Check } from "../../deploy/verify.ts";
import { createManagementClient } from "../../stores/management-client.ts";
import { readDeploySettings, type DeploySettings } from "./deploy-settings.ts";
import type { Io } from "../io.ts";
import { openKeys } from "../../keys/open-keys.ts";
import { verifyingOf } from "./throw-away-key.ts";

const REQUEST_TIMEOUT_MS = 30_000;

/** What every command of `deploy` is given. */
export interface DeployOptions {
  readonly config: string;
  readonly journal?: string;
  readonly json?: true;
  readonly local?: true;
}

/** A deployment, joined from configuration, environment and command line. */
export interface Opened {
  readonly config: DeployConfig;
  readonly settings: DeploySettings;
  readonly deploying: Deploying;
  readonly keys: Keys;
}

/** Opens the deployment that a command is about. Bundles are made and checked before anything is asked of the tenant. */
export async function openDeploying(io: Io, options: DeployOptions, clock: DeployClock): Promise<Opened> {
  const config = await loadDeployConfig(options.config);
  const settings = await readDeploySettings(io.env, options.local === true, config);
  const bundles = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
  const desired = desiredOf(config, bundles, settings.actionSecrets, settings.peppers);
  const client = createManagementClient({ ...settings, timeoutMs: REQUEST_TIMEOUT_MS });
  const host = new URL(settings.origin).host.replace(":", "_");
  return {
    config,
    settings,
    keys: openKeys(config, settings),
    deploying: {
      api: managementApi(client, clock),
      desired,
      journal: fileJournal(options.journal ?? join(".deploy", `${host}.jsonl`)),
      onProgress: (line) => io.stderr(`${line}\n`),
    },
  };
}

/** Marks the Redis database as this deployment's, if it is new. Throws what `keys init` throws. */
export async function markStore({ keys, deploying }: Opened): Promise<void> {
  const { marked } = await initStore(keys);
  if (marked) deploying.onProgress("The Redis database is marked as this deployment's.");
  if (await markDeployedPepper(keys)) deploying.onProgress("Keys can be made with the new pepper.");
}

/** Verifies a deployment, a line a check. Throws `verification_failed`. */
export async function verifyOpened(opened: Opened): Promise<readonly Check[]> {
  const { config, settings, deploying, keys } = opened;
  const verifying = verifyingOf(config, settings, keys, deploying.api.clock.nowMs);
  const checks = await verify(verifying, ({ check, ok, detail }) =>
    deploying.onProgress(`${ok ? "ok" : "FAILED"}  ${check} (${detail})`),
  );
  requireVerified(checks);
  return checks;
}
