import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import type { Binding } from "../tenant-objects.ts";
import { visibleVersion } from "./action-state.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { actionsPage, pageQuery } from "./paging.ts";
import { presentBound } from "./present-action.ts";
import { readBody, readQuery } from "./validation.ts";

const MAX_BINDINGS = 20;

const RUNTIMES = { runtimes: ["node18", "node22"], default_runtime: "node22" };
const TRIGGERS = [
  { id: "post-login", version: "v3", status: "CURRENT", binding_policy: "trigger-bound", ...RUNTIMES },
  { id: "post-login", version: "v2", status: "DEPRECATED", binding_policy: "trigger-bound", ...RUNTIMES },
  {
    id: "custom-token-exchange",
    version: "v1",
    status: "CURRENT",
    binding_policy: "entity-bound",
    ...RUNTIMES,
  },
];

const bindingsSchema = v.strictObject({
  bindings: v.pipe(
    v.array(
      v.strictObject({
        ref: v.strictObject({
          type: v.picklist(["binding_id", "action_id", "action_name"]),
          value: v.string(),
        }),
        display_name: v.optional(v.string()),
      }),
    ),
    v.maxLength(MAX_BINDINGS),
  ),
});

type Reference = v.InferOutput<typeof bindingsSchema>["bindings"][number];

/** `/actions/triggers` and their bindings, which are replaced as a whole. */
export function triggersRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const present = (binding: Binding) => {
    const action = tenant.actionStates.get(binding.action_id);
    return {
      id: binding.id,
      trigger_id: "post-login",
      display_name: binding.display_name,
      ...(action && { action: presentBound(tenant, action) }),
      created_at: binding.created_at,
      updated_at: binding.created_at,
    };
  };

  app.get("/actions/triggers", requireScope("read:actions"), (c) => c.json({ triggers: TRIGGERS }));

  app.get("/actions/triggers/:trigger/bindings", requireScope("read:actions"), (c) => {
    const page = readQuery(c, v.strictObject(pageQuery));
    // A trigger that is bound through entities has none.
    const bindings = c.req.param("trigger") === "post-login" ? tenant.postLoginBindings : [];
    return actionsPage(c, "bindings", bindings.map(present), page);
  });

  app.patch("/actions/triggers/:trigger/bindings", requireScope("update:actions"), async (c) => {
    if (c.req.param("trigger") !== "post-login") {
      throw new ManagementApiError(400, "Cannot bind actions to an entity-bound trigger.");
    }
    const { bindings } = await readBody(c, bindingsSchema);
    const created_at = tenant.nowIso();
    const bound = bindings.map((one) => {
      const { action_id, display_name } = resolve(tenant, one);
      return { id: crypto.randomUUID(), action_id, display_name, created_at };
    });
    tenant.postLoginBindings.splice(0, Infinity, ...bound);
    return c.json({ bindings: bound.map(present) });
  });
  return app;
}

function resolve(tenant: Tenant, { ref, display_name }: Reference): Omit<Binding, "id" | "created_at"> {
  const before = tenant.postLoginBindings.find(({ id }) => ref.type === "binding_id" && id === ref.value);
  const actions = [...tenant.actionStates.values()];
  const action = before
    ? tenant.actionStates.get(before.action_id)
    : actions.find(
        (one) => ref.type !== "binding_id" && one[ref.type === "action_id" ? "id" : "name"] === ref.value,
      );
  if (!action) throw new ManagementApiError(400, "Could not find the action of a binding.");
  if (action.trigger !== "post-login") {
    throw new ManagementApiError(400, "The action does not support the trigger post-login.");
  }
  if (!visibleVersion(tenant, action)) {
    throw new ManagementApiError(
      400,
      "Trying to create a binding for an action that has not been deployed yet",
    );
  }
  return { action_id: action.id, display_name: display_name ?? before?.display_name ?? action.name };
}
