import type { Hono } from "hono";

import { createKey } from "../keys/create.ts";
import { createOrganizationKey } from "../keys/service-user.ts";
import { requireRecentLogin } from "./authenticate.ts";
import { grant } from "./grants.ts";
import { beginAttempt } from "./idempotency.ts";
import { CREATE, readBody } from "./read-body.ts";
import {
  freshKeys,
  isOfOrganization,
  present,
  presentOne,
  visibleKey,
  type SelfService,
  type Variables,
} from "./self-service.ts";

/** How long an old secret works after a rotation unless the request says otherwise, and at most. */
export const OVERLAP_SECONDS = { default: 86_400, max: 604_800 } as const;
/** A change reads and writes; before it, whether the key is the caller's, or what may be given to it, may be asked. */
export const REQUESTS_A_CHANGE = 3;

/** Lists, shows and makes keys, and says what may be given to them. */
export function keyRoutes(app: Hono<Variables>, service: SelfService): void {
  const { grants, requests, budget } = service;

  app.get("/api-keys", async (c) => {
    const { caller, keys } = c.var;
    const entries = (await budget.run("read", 1, async () => freshKeys(service, keys, caller))).toReversed();
    return c.json({ api_keys: await present(keys, entries) });
  });

  app.get("/api-keys/:id", async (c) => {
    const { caller, keys } = c.var;
    const id = c.req.param("id");
    const entry = await budget.run("read", 1, async () => visibleKey(keys, caller, id));
    return c.json({ api_key: await presentOne(keys, entry) });
  });

  app.post("/api-keys", async (c) => {
    const { caller, keys } = c.var;
    requireRecentLogin(caller, service.maxLoginAgeSeconds, keys.nowSeconds());
    const body = await readBody(c.req.raw, CREATE);
    return budget.run("change", REQUESTS_A_CHANGE, async () => {
      const granted = grant(
        await grants.read(caller, body.organization_id ?? caller.organizationId),
        caller,
        body,
        keys.deployment,
      );
      const attempt = await beginAttempt(keys, requests, {
        userId: caller.personId,
        ownerId: caller.userId,
        operation: "create",
        audiences: granted.audiences,
        // With the organization of the token: a request of another one is another request.
        body: { ...body, organization_id: granted.organizationId },
        idempotencyKey: c.req.header("idempotency-key"),
      });
      const request = {
        ...granted,
        name: body.name,
        ...(body.ip_ranges && { ipRanges: body.ip_ranges }),
        ...lifetimeOf(body),
      };
      const { apiKey, entry } =
        isOfOrganization(caller) && caller.organizationId !== null
          ? await createOrganizationKey(keys, caller.organizationId, request, attempt.minting)
          : await createKey(keys, caller.userId, request, attempt.minting);
      await attempt.finish();
      return c.json({ api_key: await presentOne(keys, entry), key: apiKey.reveal() }, 201);
    });
  });

  app.get("/scopes", async (c) => {
    const { caller, keys } = c.var;
    // Mostly known: what is not is asked for one by one.
    const { scopes, organizations } = await budget.run("read", 0, async () => grants.read(caller));
    const { policy, deployment } = keys;
    return c.json({
      scopes: scopes.map(({ value, audience }) => {
        const description =
          deployment.apis.find(({ identifier }) => identifier === audience)?.scopeDescriptions?.[value] ?? "";
        return { value, description: description === "" ? null : description, audience };
      }),
      organizations,
      organization_id: caller.organizationId,
      policy: {
        default_lifetime_days: policy.defaultLifetimeDays,
        max_lifetime_days: policy.maxLifetimeDays,
        allow_no_expiry: policy.allowNoExpiry,
        max_keys: policy.maxKeysPerUser,
        default_overlap_seconds: OVERLAP_SECONDS.default,
        max_overlap_seconds: OVERLAP_SECONDS.max,
      },
      exchange: {
        token_endpoint: service.token_endpoint,
        subject_token_type: deployment.subjectTokenType,
        client_ids: deployment.clients,
      },
    });
  });
}

/** The lifetime that a body asks for: `null` is never, absent is the policy's default. */
export function lifetimeOf({ expires_in_days }: { readonly expires_in_days?: number | null | undefined }): {
  readonly lifetimeDays?: number | "never";
} {
  return expires_in_days === undefined ? {} : { lifetimeDays: expires_in_days ?? "never" };
}
