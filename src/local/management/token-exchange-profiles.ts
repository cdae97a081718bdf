import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { TokenExchangeProfile } from "../tenant-objects.ts";
import { visibleVersion } from "./action-state.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { checkpointPage, checkpointQuery } from "./paging.ts";
import { readBody, readQuery } from "./validation.ts";

const MAX_PROFILES = 100;
const RESERVED = /^(https?:\/\/(auth0|okta)\.com|urn:(ietf|auth0|okta)\b)/i;

const name = v.pipe(v.string(), v.minLength(3), v.maxLength(50));
const subjectTokenType = v.pipe(
  v.string(),
  v.minLength(8),
  v.maxLength(100),
  v.regex(/^[a-z][a-z0-9+.-]*:\S+$/i, "Object didn't pass validation for format uri"),
  v.check((type) => !RESERVED.test(type), "The namespace is reserved"),
);
const createSchema = v.strictObject({
  name,
  subject_token_type: subjectTokenType,
  action_id: v.pipe(v.string(), v.minLength(1), v.maxLength(36)),
  type: v.literal("custom_authentication", "Type field must be custom"),
});

/** `/token-exchange-profiles`, as far as the plan includes them. */
export function tokenExchangeProfilesRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const find = (id: string): TokenExchangeProfile => {
    const profile = tenant.profiles.get(id);
    if (!profile) throw new ManagementApiError(404, "Token exchange profile not found.");
    return profile;
  };
  const refuseTaken = (type: string, except?: string) => {
    const isTaken = [...tenant.profiles.values()].some(
      (one) => one.subject_token_type === type && one.id !== except,
    );
    if (isTaken) throw new ManagementApiError(409, "subject_token_type already exists for tenant");
  };

  app.use("/token-exchange-profiles/*", async (_, next) => {
    if (!tenant.isEntitledToTokenExchange) {
      throw new ManagementApiError(
        403,
        "This feature is not available on your plan.",
        "insufficient_entitlement",
      );
    }
    await next();
  });

  app.get("/token-exchange-profiles", requireScope("read:token_exchange_profiles"), (c) => {
    const query = readQuery(c, v.strictObject(checkpointQuery));
    return checkpointPage(c, "token_exchange_profiles", [...tenant.profiles.values()], query);
  });

  app.post("/token-exchange-profiles", requireScope("create:token_exchange_profiles"), async (c) => {
    const given = await readBody(c, createSchema);
    const action = tenant.actionStates.get(given.action_id);
    if (!action) throw new ManagementApiError(400, "Action not found");
    if (action.trigger !== "custom-token-exchange") {
      throw new ManagementApiError(400, "Action must have supported_triggers: custom-token-exchange");
    }
    if (!visibleVersion(tenant, action)) throw new ManagementApiError(400, "Action is not deployed");
    refuseTaken(given.subject_token_type);
    if (tenant.profiles.size >= MAX_PROFILES) {
      throw new ManagementApiError(403, "You reached the limit of entities of this type for this tenant.");
    }
    const now = tenant.nowIso();
    const profile = { id: tenant.newId("tep_"), ...given, created_at: now, updated_at: now };
    tenant.profiles.set(profile.id, profile);
    return c.json(profile, 201);
  });

  app.get("/token-exchange-profiles/:id", requireScope("read:token_exchange_profiles"), (c) =>
    c.json(find(c.req.param("id"))),
  );

  app.patch("/token-exchange-profiles/:id", requireScope("update:token_exchange_profiles"), async (c) => {
    const before = find(c.req.param("id"));
    const change = await readBody(
      c,
      v.strictObject(
        { name: v.optional(name), subject_token_type: v.optional(subjectTokenType) },
        "Unable to update field.",
      ),
    );
    if (change.subject_token_type !== undefined) refuseTaken(change.subject_token_type, before.id);
    const after: TokenExchangeProfile = {
      ...before,
      name: change.name ?? before.name,
      subject_token_type: change.subject_token_type ?? before.subject_token_type,
      updated_at: tenant.nowIso(),
    };
    tenant.profiles.set(before.id, after);
    return c.json(after);
  });

  app.delete("/token-exchange-profiles/:id", requireScope("delete:token_exchange_profiles"), (c) => {
    tenant.profiles.delete(c.req.param("id"));
    return c.body(null, 204);
  });
  return app;
}
