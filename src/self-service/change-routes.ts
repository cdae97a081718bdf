import type { Hono } from "hono";

import type { ChangedKey } from "../keys/change.ts";
import { disableKey, enableKey } from "../keys/disable.ts";
import { renameKey } from "../keys/rename.ts";
import { revokeKey } from "../keys/revoke.ts";
import { cancelRotation, endOverlap, rotateKey } from "../keys/rotate.ts";
import { requireRecentLogin } from "./authenticate.ts";
import { beginAttempt } from "./idempotency.ts";
import { lifetimeOf, OVERLAP_SECONDS, REQUESTS_A_CHANGE } from "./key-routes.ts";
import { readBody, ROTATE, UPDATE } from "./read-body.ts";
import { endKey, keyToChange, presentOne, type SelfService, type Variables } from "./self-service.ts";

const REASON = "revoked by its user";

/** Changes keys. Each looks for the key first: what does not exist for the caller is never locked or written. */
export function changeRoutes(app: Hono<Variables>, service: SelfService): void {
  const { budget } = service;
  app.patch("/api-keys/:id", async (c) => {
    const { caller, keys } = c.var;
    const { name, disabled } = await readBody(c.req.raw, UPDATE);
    if (disabled === false) requireRecentLogin(caller, service.maxLoginAgeSeconds, keys.nowSeconds());
    const id = c.req.param("id");
    const { userId } = caller;
    const changes: (() => Promise<ChangedKey>)[] = [];
    if (name !== undefined) changes.push(async () => renameKey(keys, userId, id, name));
    if (disabled === false) changes.push(async () => enableKey(keys, userId, id));
    // Off comes first, and holds whatever becomes of the name.
    let after =
      disabled && (await endKey(service, c.var, id, async () => disableKey(keys, userId, id))).after;
    if (changes.length > 0) {
      await budget.run("change", changes.length * REQUESTS_A_CHANGE, async () => {
        await keyToChange(service, keys, caller, id);
        for (const change of changes) ({ after } = await change());
      });
    }
    return c.json({ api_key: after && (await presentOne(keys, after)) });
  });

  app.delete("/api-keys/:id", async (c) => {
    const { caller, keys } = c.var;
    const id = c.req.param("id");
    await endKey(service, c.var, id, async () => revokeKey(keys, caller.userId, id, REASON));
    return c.body(null, 204);
  });

  app.post("/api-keys/:id/rotate", async (c) => {
    const { caller, keys } = c.var;
    requireRecentLogin(caller, service.maxLoginAgeSeconds, keys.nowSeconds());
    const body = await readBody(c.req.raw, ROTATE, true);
    return budget.run("change", REQUESTS_A_CHANGE, async () => {
      const { id, aud } = await keyToChange(service, keys, caller, c.req.param("id"));
      const attempt = await beginAttempt(keys, service.requests, {
        userId: caller.personId,
        ownerId: caller.userId,
        operation: "rotate",
        keyId: id,
        audiences: aud,
        body,
        idempotencyKey: c.req.header("idempotency-key"),
      });
      const overlapSeconds = body.overlap_seconds ?? OVERLAP_SECONDS.default;
      const rotation = { overlapSeconds, ...lifetimeOf(body) };
      const { apiKey, entry } = await rotateKey(keys, caller.userId, id, rotation, attempt.minting);
      await attempt.finish();
      return c.json({ api_key: await presentOne(keys, entry), key: apiKey.reveal() });
    });
  });

  for (const [path, priority, change] of [
    ["cancel-rotation", "change", cancelRotation],
    ["end-overlap", "ending", endOverlap],
  ] as const) {
    app.post(`/api-keys/:id/${path}`, async (c) => {
      const { caller, keys } = c.var;
      // Either chooses which secret works: it is as much as a rotation.
      requireRecentLogin(caller, service.maxLoginAgeSeconds, keys.nowSeconds());
      return budget.run(priority, REQUESTS_A_CHANGE, async () => {
        const { id } = await keyToChange(service, keys, caller, c.req.param("id"));
        const { after } = await change(keys, caller.userId, id);
        return c.json({ api_key: await presentOne(keys, after) });
      });
    });
  }
}
