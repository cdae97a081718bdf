import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { ThrottlingStage } from "../tenant-objects.ts";
import { TokenBucket } from "../token-bucket.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { readBody } from "./validation.ts";

const stage = v.optional(
  v.strictObject({
    max_attempts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
    rate: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  }),
);
const throttlingSchema = v.strictObject({
  enabled: v.optional(v.boolean()),
  shields: v.optional(v.array(v.picklist(["block", "admin_notification"]))),
  allowlist: v.optional(v.array(v.string())),
  stage: v.optional(
    v.strictObject({
      "pre-login": stage,
      "pre-user-registration": stage,
      "pre-custom-token-exchange": stage,
    }),
  ),
});
const policiesSchema = v.array(v.picklist(["all-applications", "confidence-score"]));

/** What holds for the whole tenant: suspicious-IP throttling and the policies of multi-factor authentication. */
export function tenantPoliciesRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const throttling = "/attack-protection/suspicious-ip-throttling";

  app.get(throttling, requireScope("read:attack_protection"), (c) => c.json(tenant.ipThrottling));

  app.patch(throttling, requireScope("update:attack_protection"), async (c) => {
    const { stage: stages, ...change } = await readBody(c, throttlingSchema);
    const before = tenant.ipThrottling;
    const merged = Object.entries(before.stage).map(([name, limits]) => {
      const given = stages?.[name as keyof typeof before.stage];
      const after: ThrottlingStage = {
        max_attempts: given?.max_attempts ?? limits.max_attempts,
        rate: given?.rate ?? limits.rate,
      };
      return [name, after] as const;
    });
    tenant.ipThrottling = {
      enabled: change.enabled ?? before.enabled,
      shields: change.shields ?? before.shields,
      allowlist: change.allowlist ?? before.allowlist,
      stage: Object.fromEntries(merged) as unknown as typeof before.stage,
    };
    const exchanges = tenant.ipThrottling.stage["pre-custom-token-exchange"];
    // A changed limit starts every address anew; without limits there is nothing to change.
    if (tenant.ipAttempts && stages?.["pre-custom-token-exchange"]) {
      tenant.ipAttempts = new TokenBucket(exchanges.max_attempts, exchanges.rate, tenant.nowMs);
    }
    return c.json(tenant.ipThrottling);
  });

  app.get("/guardian/policies", requireScope("read:mfa_policies"), (c) => c.json(tenant.guardianPolicies));

  app.put("/guardian/policies", requireScope("update:mfa_policies"), async (c) => {
    tenant.guardianPolicies.splice(0, Infinity, ...(await readBody(c, policiesSchema)));
    return c.json(tenant.guardianPolicies);
  });
  return app;
}
