import { Hono } from "hono";
import * as v from "valibot";

import type { Tenant } from "../tenant.ts";
import {
  buildStatus,
  changeDraft,
  deploySource,
  newAction,
  recordFailedBuild,
  type ActionSecret,
  type ActionState,
} from "./action-state.ts";
import { requireScope, type ManagementVariables } from "./authorize.ts";
import { ManagementApiError } from "./management-error.ts";
import { actionsPage, pageQuery } from "./paging.ts";
import { presentAction, presentVersion } from "./present-action.ts";
import { readBody, readQuery } from "./validation.ts";

const MAX_ACTIONS = 100;
const MAX_CODE_BYTES = 100_000;
const RUNTIMES = ["node18", "node22"] as const;

const secrets = v.pipe(
  v.array(
    v.strictObject({
      name: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
      value: v.pipe(v.string(), v.maxLength(4096)),
    }),
  ),
  v.maxLength(30),
);
const dependencies = v.pipe(
  v.array(v.strictObject({ name: v.string(), version: v.string(), registry_url: v.optional(v.string()) })),
  v.maxLength(10),
);
const source = {
  code: v.optional(
    v.pipe(
      v.string(),
      v.check((code) => Buffer.byteLength(code) <= MAX_CODE_BYTES, "Code is too large"),
    ),
  ),
  dependencies: v.optional(dependencies),
  runtime: v.optional(v.picklist(RUNTIMES)),
  secrets: v.optional(secrets),
};
const trigger = v.strictObject({
  id: v.picklist(["custom-token-exchange", "post-login"]),
  version: v.optional(v.string()),
});
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(255));
const createSchema = v.strictObject({ ...source, name, supported_triggers: v.tuple([trigger]) });
const updateSchema = v.strictObject({ ...source, name: v.optional(name) });
const listQuery = v.strictObject({
  ...pageQuery,
  triggerId: v.optional(v.string()),
  actionName: v.optional(v.string()),
  deployed: v.optional(v.picklist(["true", "false"])),
  installed: v.optional(v.picklist(["true", "false"])),
});

/** `/actions/actions` and below it versions and deployments. */
export function actionsRoutes(tenant: Tenant): Hono<ManagementVariables> {
  const app = new Hono<ManagementVariables>();
  const find = (id: string): ActionState => {
    const action = tenant.actionStates.get(id);
    if (!action) throw new ManagementApiError(404, "That action does not exist.");
    return recordFailedBuild(tenant, action);
  };
  const stored = (given: readonly { readonly name: string; readonly value: string }[]): ActionSecret[] =>
    given.map((secret) => ({ ...secret, updated_at: tenant.nowIso() }));

  app.get("/actions/actions", requireScope("read:actions"), (c) => {
    const { triggerId, actionName, deployed, installed, ...page } = readQuery(c, listQuery);
    const found = [...tenant.actionStates.values()].filter(
      (action) =>
        (triggerId === undefined || action.trigger === triggerId) &&
        (actionName === undefined || action.name === actionName) &&
        (deployed === undefined || (action.deployed !== undefined) === (deployed === "true")) &&
        installed !== "true",
    );
    return actionsPage(
      c,
      "actions",
      found.map((action) => presentAction(tenant, action)),
      page,
    );
  });

  app.post("/actions/actions", requireScope("create:actions"), async (c) => {
    const given = await readBody(c, createSchema);
    if (tenant.actionStates.size >= MAX_ACTIONS) {
      throw new ManagementApiError(403, "You reached the limit of entities of this type for this tenant.");
    }
    if ([...tenant.actionStates.values()].some((one) => one.name === given.name)) {
      throw new ManagementApiError(409, "An action with the same name already exists.");
    }
    const action = newAction(tenant, {
      name: given.name,
      trigger: given.supported_triggers[0].id,
      draft: {
        code: given.code ?? "",
        dependencies: given.dependencies ?? [],
        runtime: given.runtime ?? "node22",
        secrets: stored(given.secrets ?? []),
      },
    });
    return c.json(presentAction(tenant, action), 201);
  });

  app.get("/actions/actions/:id", requireScope("read:actions"), (c) =>
    c.json(presentAction(tenant, find(c.req.param("id")))),
  );

  app.patch("/actions/actions/:id", requireScope("update:actions"), async (c) => {
    const action = find(c.req.param("id"));
    const { name: renamed, secrets: given, ...change } = await readBody(c, updateSchema);
    const named = renamed === undefined ? action : { ...action, name: renamed };
    // Secrets are replaced as a set: one that is not named is gone.
    const draft = Object.fromEntries(
      Object.entries({ ...change, ...(given && { secrets: stored(given) }) }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    return c.json(presentAction(tenant, changeDraft(tenant, named, draft)));
  });

  app.delete("/actions/actions/:id", requireScope("delete:actions"), (c) => {
    const { force } = readQuery(c, v.strictObject({ force: v.optional(v.picklist(["true", "false"])) }));
    const { id } = find(c.req.param("id"));
    const isInUse = [...tenant.profiles.values()].some(({ action_id }) => action_id === id);
    if (isInUse && !tenant.fidelity.action_of_profile_deletable) {
      throw new ManagementApiError(400, "The action is in use by a token exchange profile.");
    }
    const bound = tenant.postLoginBindings.findIndex(({ action_id }) => action_id === id);
    if (bound !== -1 && force !== "true") {
      throw new ManagementApiError(400, "The action is bound to a trigger and cannot be deleted.");
    }
    if (bound !== -1) tenant.postLoginBindings.splice(bound, 1);
    tenant.actionStates.delete(id);
    tenant.actions.delete(id);
    return c.body(null, 204);
  });

  app.post("/actions/actions/:id/deploy", requireScope("create:actions"), (c) => {
    const action = find(c.req.param("id"));
    if (buildStatus(tenant, action) !== "built") {
      throw new ManagementApiError(400, "A draft must be in the 'built' state before it can be deployed.");
    }
    const version = deploySource(tenant, action, action.draft, true);
    return c.json(
      { ...presentVersion(tenant, action, version), deployed: false },
      tenant.fidelity.deploy_status === 202 ? 202 : 200,
    );
  });

  app.get("/actions/actions/:id/versions", requireScope("read:actions"), (c) => {
    const page = readQuery(c, v.strictObject(pageQuery));
    const action = find(c.req.param("id"));
    const versions = action.versions.toReversed().map((one) => presentVersion(tenant, action, one));
    return actionsPage(c, "versions", versions, page);
  });

  app.get("/actions/actions/:id/versions/:version", requireScope("read:actions"), (c) => {
    const action = find(c.req.param("id"));
    return c.json(presentVersion(tenant, action, versionOf(action, c.req.param("version"))));
  });

  app.post("/actions/actions/:id/versions/:version/deploy", requireScope("create:actions"), async (c) => {
    const action = find(c.req.param("id"));
    const chosen = versionOf(action, c.req.param("version"));
    const hasBody = (c.req.header("content-length") ?? "0") !== "0";
    const schema = v.strictObject({ update_draft: v.optional(v.boolean()) });
    const { update_draft } = hasBody ? await readBody(c, schema) : {};
    if (chosen.status !== "built") {
      throw new ManagementApiError(400, "Only a version that was built can be deployed.");
    }
    const { code, dependencies, runtime, secrets: kept } = chosen;
    const source = { code, dependencies, runtime, secrets: kept };
    const drafted = update_draft === true ? changeDraft(tenant, action, source) : action;
    const version = deploySource(tenant, drafted, source, update_draft === true);
    return c.json({ ...presentVersion(tenant, drafted, version), deployed: false }, 202);
  });
  return app;
}

function versionOf({ versions }: ActionState, id: string) {
  const version = versions.find((one) => one.id === id);
  if (!version) throw new ManagementApiError(404, "That version does not exist.");
  return version;
}
