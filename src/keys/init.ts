import { DEFAULT_NAME } from "../core/deployment.ts";
import { ApiKeysError } from "../core/errors.ts";
import type { Keys } from "./keys.ts";

/**
 * Marks an empty store as this deployment's; `marked` is false where it was already. Throws `store_foreign` or, where
 * there are records without a marker, `store_not_empty`: that is a damaged store, and no new one.
 */
export async function initStore(keys: Keys): Promise<{ readonly marked: boolean }> {
  const marker = await keys.records.readMarker();
  if (marker === "unnamed") throw notTakenOver();
  if (marker === "ours" || marker === "older_pepper") return { marked: false };
  if (marker === "missing" && (await keys.records.hasRecords())) {
    throw new ApiKeysError(
      "store_not_empty",
      "This Redis database has key records but no store marker: it was lost in part, or restored in part.",
      "Rebuild what is missing from Auth0, which marks the store as well: npm run keys -- reconcile --fix",
    );
  }
  if (marker === "foreign" || (await keys.records.mark()) !== "ours") throw await foreignStore(keys);
  return { marked: true };
}

/** Whether the store is marked as this deployment's. */
export async function isStoreOurs({ records }: Keys): Promise<boolean> {
  const marker = await records.readMarker();
  return marker !== "foreign" && marker !== "missing";
}

/** Throws `store_foreign` for a store that is marked, and not as this deployment's, or `store_not_taken_over`. */
export async function refuseForeignStore(keys: Keys): Promise<void> {
  const marker = await keys.records.readMarker();
  if (marker === "foreign") throw await foreignStore(keys);
  if (marker === "unnamed" && isMoved(keys)) throw notTakenOver();
}

/** Throws `store_not_taken_over` where entries may still be in the field of before deployments had names. */
export async function requireTakenOver(keys: Keys): Promise<void> {
  if (isMoved(keys) && (await keys.records.readMarker()) === "unnamed") throw notTakenOver();
}

/** Whether entries are in another field than before deployments had names. */
function isMoved({ deployment }: Keys): boolean {
  return deployment.name !== DEFAULT_NAME;
}

/** Throws unless the store is marked as this deployment's: a flushed or a wrong one must not look whole again. */
export async function requireOurStore(keys: Keys): Promise<void> {
  const marker = await keys.records.readMarker();
  if (marker === "ours") return;
  if (marker === "foreign") throw await foreignStore(keys);
  if (marker === "unnamed") throw notTakenOver();
  if (marker === "older_pepper") throw pepperNotDeployed(keys);
  throw new ApiKeysError(
    "store_unmarked",
    "This Redis database is not marked as the store of this deployment: it is new, or it was flushed.",
    "If it is new, run: npm run keys -- init. If it was flushed, rebuild it from Auth0: npm run keys -- reconcile --fix",
  );
}

/**
 * Throws `pepper_not_deployed` while the Actions do not know the current pepper: what lives must not be sealed with it. A
 * deployment seals the store's marker with the pepper that it has deployed.
 */
export async function requireDeployedPepper(keys: Keys): Promise<void> {
  if ((await keys.records.readMarker()) === "older_pepper") throw pepperNotDeployed(keys);
}

function pepperNotDeployed({ peppers }: Keys): ApiKeysError {
  return new ApiKeysError(
    "pepper_not_deployed",
    `The Actions do not know pepper ${peppers.current.version} yet: a key made with it would be refused.`,
    "Deploy it, with the same API_KEY_PEPPER: npm run deploy -- apply",
  );
}

/** Tells a store that is ours that the current pepper is deployed. Gives whether it did not know. */
export async function markDeployedPepper(keys: Keys): Promise<boolean> {
  if ((await keys.records.readMarker()) !== "older_pepper") return false;
  await remarkStore(keys);
  return true;
}

/** Seals the marker of a store that is ours anew. Throws where it was taken away or changed meanwhile. */
export async function remarkStore(keys: Keys): Promise<void> {
  if (!(await keys.records.remark())) await requireOurStore(keys);
}

function notTakenOver(): ApiKeysError {
  return new ApiKeysError(
    "store_not_taken_over",
    "This Redis database was marked by a version of this tool that gave deployments no names.",
    "Take it over: npm run deploy -- apply",
  );
}

/** The refusal of a store that is not this deployment's, saying whose it is. */
async function foreignStore({ records, deployment }: Keys): Promise<ApiKeysError> {
  const whose = (await records.readClaim()) ?? "another deployment";
  const ours = `deployment ${deployment.name} of ${deployment.tenant}`;
  return new ApiKeysError(
    "store_foreign",
    whose === ours
      ? `This Redis database is marked as that of ${ours}, with a pepper that is not held here.`
      : `This Redis database is marked as that of ${whose}, and this is ${ours}.`,
    "Check UPSTASH_REDIS_REST_URL and API_KEY_PEPPER, and the name of the deployment in deploy.config.ts.",
  );
}
