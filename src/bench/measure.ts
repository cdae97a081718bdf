import { cpus } from "node:os";

import { bundleAction, TRIGGERS } from "../deploy/bundle.ts";
import { loadDeployConfig } from "../deploy/load-config.ts";
import { benchActionAlone, type ActionAlone } from "./action-alone.ts";
import { benchAction, type ActionTimes } from "./action.ts";
import type { BenchSize } from "./bench-size.ts";
import { startBenchTenant } from "./bench-tenant.ts";
import { benchCaches, benchGateway, type CacheTimes } from "./client.ts";
import { benchExchange } from "./exchange.ts";
import { benchFirstRequests, type FirstRequests } from "./first-request.ts";
import { benchKeyChecks, type KeyChecks } from "./key-check.ts";
import type { Comparison } from "./load.ts";
import { benchOperations, type Operations } from "./operations.ts";
import { benchReconcile, type Rebuilds } from "./reconcile.ts";
import type { Peers } from "./peers.ts";
import { benchStart, type StartTimes } from "./start.ts";

/** What `npm run bench` has measured, as `--json` prints it. */
export interface Results {
  readonly machine: { readonly node: string; readonly cpu: string; readonly cores: number };
  /** Requests a round under load, and rounds. */
  readonly load: Pick<BenchSize, "requests" | "rounds">;
  readonly action: ActionTimes;
  readonly action_alone: ActionAlone;
  readonly operations: Operations;
  readonly reconcile: Rebuilds;
  readonly exchange: readonly Comparison[];
  readonly gateway: readonly Comparison[];
  /** The same before an API that goes on validating tokens itself. */
  readonly gateway_and_validation: readonly Comparison[];
  readonly first_requests: FirstRequests;
  readonly caches: CacheTimes;
  readonly start: StartTimes;
  readonly key_checks: KeyChecks;
}

/** Measures everything, one after the other; `onSection` gets the name of what is measured next. */
export async function measure(
  size: BenchSize,
  peers: Peers | undefined,
  onSection: (name: string) => void,
): Promise<Results> {
  const section = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    onSection(name);
    return work();
  };
  const config = { ...(await loadDeployConfig("deploy.config.ts")), tenant: "localhost" };
  const bundles = await Promise.all(TRIGGERS.map(async (trigger) => bundleAction(trigger, config)));
  const exchangeAction = bundles.find(({ trigger }) => trigger === "custom-token-exchange");
  if (!exchangeAction) throw new Error("There is no exchange Action.");
  const action = await section("the Action", async () => benchAction(exchangeAction, config, size.timeMs));
  const action_alone = await section("the Action alone", async () =>
    benchActionAlone(exchangeAction, config, size),
  );
  const reconcile = await section("the rebuild of a lost Redis", async () =>
    benchReconcile(bundles, config, size.reconcileKeys),
  );
  const tenant = await startBenchTenant(bundles, config);
  try {
    return {
      machine: { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length },
      load: { requests: size.requests, rounds: size.rounds },
      action,
      action_alone,
      operations: await section("operations on keys", async () => benchOperations(tenant)),
      reconcile,
      exchange: await section("exchanges", async () => benchExchange(tenant, size)),
      gateway: await section("the gateway", async () => benchGateway(tenant, size, false)),
      gateway_and_validation: await section("the gateway before an API that validates", async () =>
        benchGateway(tenant, size, true),
      ),
      first_requests: await section("first requests", async () =>
        benchFirstRequests(tenant, size.firstRequests),
      ),
      caches: await section("the caches", async () => benchCaches(tenant, size.timeMs)),
      start: await section("starts of the command", async () => benchStart(tenant, size.starts)),
      key_checks: await section("checks of a key", async () => benchKeyChecks(tenant, size, peers)),
    };
  } finally {
    await tenant.local.stop();
  }
}
