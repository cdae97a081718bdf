import { ApiKeysError } from "../core/errors.ts";
import type { Desired } from "./desired.ts";
import type { Neighbour } from "./mark.ts";
import { actionFor, type TenantState } from "./tenant-state.ts";

/** What two deployments of a tenant must not share, in words; nothing where they share none of it. */
export function sharedWith(desired: Desired, { mark }: Neighbour): readonly string[] {
  if (!mark) return [];
  const prefixes = desired.keyPrefixes.filter((prefix) => mark.keyPrefixes.includes(prefix));
  const lifetimes = desired.apis.filter(({ identifier, tokenLifetimeSeconds: wanted }) => {
    const other = mark.uses.find((use) => use.kind === "lifetime" && use.of === identifier);
    return wanted !== undefined && other?.kind === "lifetime" && other.seconds !== wanted;
  });
  const throttling = mark.uses.find((use) => use.kind === "throttling");
  const { ipThrottling } = desired;
  const isThrottledOtherwise =
    ipThrottling !== undefined &&
    throttling !== undefined &&
    (throttling.maxAttempts !== ipThrottling.maxAttempts || throttling.regainMs !== ipThrottling.regainMs);
  return [
    ...(mark.subjectTokenType === desired.subjectTokenType
      ? [`subjectTokenType ${mark.subjectTokenType}`]
      : []),
    ...prefixes.map((prefix) => `the prefix ${prefix}`),
    ...(mark.store === desired.store ? ["the Redis database"] : []),
    ...lifetimes.map(({ identifier }) => `another tokenLifetimeSeconds for ${identifier}`),
    ...(isThrottledOtherwise ? ["another ipThrottling"] : []),
  ];
}

/** Throws `deployment_conflict` for what belongs to another deployment of the tenant, saying whose it is. */
export function refuseConflicts(desired: Desired, current: TenantState): void {
  for (const neighbour of current.neighbours) {
    const shared = sharedWith(desired, neighbour);
    if (shared.length === 0) continue;
    const isNew = actionFor(current, "post-login") === undefined;
    const { name } = neighbour;
    throw new ApiKeysError(
      "deployment_conflict",
      `${isNew ? `"${desired.name}" is a new deployment beside "${name}" on ${desired.tenant}` : `Another deployment of ${desired.tenant} is "${name}"`}, and has the same: ${shared.join(", ")}.`,
      isNew
        ? `To go on with "${name}", give it its name back in deploy.config.ts. To replace it, destroy it first: npm run deploy -- destroy, with name: "${name}".`
        : "Give each deployment its own.",
    );
  }
}
