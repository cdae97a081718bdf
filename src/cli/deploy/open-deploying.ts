import { join } from "node:path";

import type { StoreMarker } from "../../core/store-marker.ts";
import { initStore, markDeployedPepper } from "../../keys/init.ts";
import type { Keys } from "../../keys/keys.ts";
import type { Deploying } from "../../deploy/apply.ts";
import type { DeployConfig } from "../../deploy/config.ts";
import { desiredOf } from "../../deploy/desired.ts";
import { fileJournal } from "../../deploy/journal.ts";
import { loadDeployConfig } from "../../deploy/load-config.ts";
import { managementApi, type DeployClock } from "../../deploy/management-api.ts";
import type { TenantState } from "../../deploy/tenant-state.ts";
import { requireVerified, verify, type Check } from "../../deploy/verify.ts";
import { createManagementClient } from "../../stores/management-client.ts";
import { readDeploySettings, type DeploySettings } from "./deploy-settings.ts";
import type { Io } from "../io.ts";
import { environmentOf, targetLine } from "../target.ts";
import { openBudget, openKeys } from "../../keys/open-keys.ts";
import { takeOver } from "../../keys/take-over.ts";
import { verifyingOf } from "./throw-away-key.ts";

const REQUEST_TIMEOUT_MS = 30_000;

/** What every command of `deploy` is given. */
export interface DeployOptions {
  readonly config: string;
  readonly env?: string;
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

/** Opens the deployment that a command is about, and says which: its tenant, its name, its store. */
export async function openDeploying(io: Io, options: DeployOptions, clock: DeployClock): Promise<Opened> {
  const config = await loadDeployConfig(options.config, environmentOf(options, io));
  const settings = await readDeploySettings(io.env, options.local === true, config);
  io[options.json ? "stderr" : "stdout"](targetLine(config, settings));
  const desired = desiredOf(config, settings.tenant, settings.redisUrl);
  // One for both: what deploys and what makes keys share the tenant's limit.
  const budget = openBudget({ clock });
  const client = createManagementClient({ ...settings, timeoutMs: REQUEST_TIMEOUT_MS }, budget);
  const { tenant, name } = desired;
  const keys = openKeys(config, settings, {
    actor: `deploy:${io.env["USER"] ?? "unknown"}`,
    clock,
    budget,
  });
  const onProgress = (line: string) => io.stderr(`${line}\n`);
  const unnamed = `${new URL(settings.origin).host.replace(":", "_")}.jsonl`;
  return {
    config,
    settings,
    keys,
    deploying: {
      api: managementApi(client, clock),
      desired,
      sources: {
        config,
        secrets: settings.actionSecrets,
        peppers: settings.peppers,
        takesOver: await isUnnamed(keys),
      },
      journal: fileJournal({
        file: options.journal ?? join(".deploy", tenant.replace(":", "_"), `${name}.jsonl`),
        ...(options.journal === undefined && { unnamedFile: join(".deploy", unnamed) }),
        tenant,
        name,
        onProblem: onProgress,
      }),
      onProgress,
    },
  };
}

/** Whether the store was marked before deployments had names. What cannot be read is looked at by whoever needs it. */
async function isUnnamed(keys: Keys): Promise<boolean> {
  return (await keys.records.readMarker().catch(() => "missing")) === "unnamed";
}

/** A deployment that takes over what its store says, which could not be read perhaps when it was opened. */
export function takingOver(opened: Opened, marker: StoreMarker | undefined): Opened {
  const { deploying } = opened;
  const sources = { ...deploying.sources, takesOver: marker === "unnamed" };
  return { ...opened, deploying: { ...deploying, sources } };
}

/** Marks the Redis database as this deployment's, if it is new, or takes it over. Throws what `keys init` throws. */
export async function markStore(
  { keys, deploying: { onProgress } }: Opened,
  { neighbours }: TenantState,
): Promise<void> {
  if (await isUnnamed(keys)) {
    const { users, entries, left } = await takeOver(keys, neighbours.length === 0);
    onProgress(`The Redis database is marked by name, and ${entries} keys of ${users} users moved.`);
    if (left > 0) onProgress(`${left} keys in app_metadata.api_keys have no record here, and were left.`);
    return;
  }
  const { marked } = await initStore(keys);
  if (marked) onProgress("The Redis database is marked as this deployment's.");
  if (await markDeployedPepper(keys)) onProgress("Keys can be made with the new pepper.");
}

/** Verifies a deployment, a line a check. Throws `verification_failed`. */
export async function verifyOpened(opened: Opened): Promise<readonly Check[]> {
  const { config, settings, deploying, keys } = opened;
  const verifying = verifyingOf(config, settings, keys, deploying);
  const checks = await verify(verifying, ({ check, ok, detail }) =>
    deploying.onProgress(`${ok ? "ok" : "FAILED"}  ${check} (${detail})`),
  );
  requireVerified(checks);
  return checks;
}
