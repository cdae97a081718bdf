import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { stoppedClock } from "../../support/clock.ts";
import { manage, type Manage } from "../../support/management.ts";
import { stage, type Stage } from "../../support/stage.ts";

const TIMES = { buildMs: 300, buildWithDependenciesMs: 9_000, deployLagMs: 1_000 };
const CODE = "exports.onExecutePostLogin = async () => {};";

let s: Stage;
let api: Manage;
const clock = stoppedClock();
beforeAll(async () => {
  s = await stage({ deployed: false, nowMs: clock.nowMs, actionTimes: TIMES });
  api = await manage(s);
});
beforeEach(() => {
  const { actions, actionStates, postLoginBindings } = s.local.tenant;
  actions.clear();
  actionStates.clear();
  postLoginBindings.splice(0);
});
afterAll(async () => s.stop());

const create = async (more: object = {}) =>
  api("POST", "/actions/actions", {
    name: "one",
    supported_triggers: [{ id: "post-login", version: "v3" }],
    code: CODE,
    secrets: [{ name: "TOKEN", value: "first" }],
    ...more,
  });
const statusOf = async (id: string) => (await api("GET", `/actions/actions/${id}`)).body["status"];

test("a build passes from pending over building to built, and only then can be deployed", async () => {
  const { status, body } = await create();
  expect(status).toBe(201);
  expect(body).toMatchObject({ status: "pending", all_changes_deployed: false, runtime: "node22" });
  expect(body).not.toHaveProperty("deployed_version");
  const early = await api("POST", `/actions/actions/${body["id"]}/deploy`);
  expect(early.status).toBe(400);
  expect(early.body["message"]).toBe("A draft must be in the 'built' state before it can be deployed.");
  await clock.sleep(150);
  expect(await statusOf(body["id"])).toBe("building");
  await clock.sleep(150);
  expect(await statusOf(body["id"])).toBe("built");
});

test("npm packages make the build slower, and a version that npm does not have makes it fail and say why", async () => {
  const { body } = await create({ dependencies: [{ name: "hono", version: "0.0.1-none" }] });
  await clock.sleep(8_000);
  expect(await statusOf(body["id"])).toBe("building");
  await clock.sleep(1_000);
  const failed = await api("GET", `/actions/actions/${body["id"]}`);
  expect(failed.body["status"]).toBe("failed");
  expect(JSON.stringify(failed.body)).not.toContain("No matching version");
  const { versions } = (await api("GET", `/actions/actions/${body["id"]}/versions`)).body;
  expect(versions).toMatchObject([
    { status: "failed", errors: [{ msg: "No matching version found for hono@0.0.1-none." }] },
  ]);
});

test("a deployment shows after a lag; until then the Action cannot be bound", async () => {
  const { body } = await create();
  await clock.sleep(300);
  const deployed = await api("POST", `/actions/actions/${body["id"]}/deploy`);
  expect(deployed.status).toBe(200);
  expect(deployed.body).toMatchObject({ number: 1, deployed: false, status: "built" });
  const bind = async () =>
    api("PATCH", "/actions/triggers/post-login/bindings", {
      bindings: [{ ref: { type: "action_id", value: body["id"] } }],
    });
  expect((await bind()).status).toBe(400);
  await clock.sleep(1_000);
  const { body: shown } = await api("GET", `/actions/actions/${body["id"]}`);
  expect(shown).toMatchObject({
    all_changes_deployed: true,
    deployed_version: { number: 1, deployed: true },
  });
  expect((await bind()).status).toBe(200);
});

test("a change of secrets alone resets the build, replaces the set, and leaves the old version live", async () => {
  const { body } = await create();
  await clock.sleep(300);
  await api("POST", `/actions/actions/${body["id"]}/deploy`);
  await clock.sleep(1_000);
  const changed = await api("PATCH", `/actions/actions/${body["id"]}`, {
    secrets: [{ name: "OTHER", value: "second" }],
  });
  expect(changed.body).toMatchObject({
    status: "pending",
    all_changes_deployed: false,
    secrets: [{ name: "OTHER" }],
    deployed_version: { number: 1, secrets: [{ name: "TOKEN" }] },
  });
  expect(JSON.stringify(changed.body)).not.toMatch(/first|second/);
  expect(s.local.tenant.actions.get(body["id"])?.version.secrets).toEqual({ TOKEN: "first" });
});

test("an older version can be deployed again: as a copy, with its secrets", async () => {
  const { body } = await create();
  await clock.sleep(300);
  const first = await api("POST", `/actions/actions/${body["id"]}/deploy`);
  await api("PATCH", `/actions/actions/${body["id"]}`, { secrets: [] });
  await clock.sleep(300);
  await api("POST", `/actions/actions/${body["id"]}/deploy`);
  const back = await api("POST", `/actions/actions/${body["id"]}/versions/${first.body["id"]}/deploy`, {
    update_draft: true,
  });
  expect(back.status).toBe(202);
  expect(back.body).toMatchObject({ number: 3, secrets: [{ name: "TOKEN" }] });
  expect(s.local.tenant.actions.get(body["id"])?.version.secrets).toEqual({ TOKEN: "first" });
});

test("lists leave out zeros, and end on an empty page", async () => {
  expect((await api("GET", "/actions/actions?triggerId=post-login")).body).toEqual({
    actions: [],
    per_page: 50,
  });
  await create();
  const { body } = await api("GET", "/actions/actions?triggerId=post-login&per_page=100");
  expect(body).toMatchObject({ total: 1, per_page: 100, actions: [{ name: "one" }] });
  expect(body).not.toHaveProperty("page");
  expect((await api("GET", "/actions/actions?page=1&per_page=100")).body).toEqual({
    actions: [],
    page: 1,
    per_page: 100,
  });
  expect((await api("GET", "/actions/actions?include_totals=true")).status).toBe(400);
});

test("an Action that is bound is deleted by force alone, and loses its binding", async () => {
  const { body } = await create();
  await clock.sleep(300);
  await api("POST", `/actions/actions/${body["id"]}/deploy`);
  await clock.sleep(1_000);
  await api("PATCH", "/actions/triggers/post-login/bindings", {
    bindings: [{ ref: { type: "action_name", value: "one" }, display_name: "shown" }],
  });
  expect((await api("DELETE", `/actions/actions/${body["id"]}`)).status).toBe(400);
  expect((await api("DELETE", `/actions/actions/${body["id"]}?force=true`)).status).toBe(204);
  expect((await api("GET", "/actions/triggers/post-login/bindings")).body["bindings"]).toEqual([]);
  expect((await api("GET", `/actions/actions/${body["id"]}`)).body).toEqual({
    statusCode: 404,
    error: "Not Found",
    message: "That action does not exist.",
  });
});

test("bindings are replaced as a whole, each with a new id; an entity-bound trigger has none", async () => {
  for (const name of ["one", "two"]) {
    const { body } = await create({ name });
    await clock.sleep(300);
    await api("POST", `/actions/actions/${body["id"]}/deploy`);
    await clock.sleep(1_000);
  }
  const path = "/actions/triggers/post-login/bindings";
  const byName = (value: string) => ({ ref: { type: "action_name", value } });
  type Bound = readonly { readonly id: string; readonly display_name: string }[];
  const first = (await api("PATCH", path, { bindings: [byName("one"), byName("two")] })).body[
    "bindings"
  ] as Bound;
  const kept = { ref: { type: "binding_id", value: first[1]?.id } };
  const second = (await api("PATCH", path, { bindings: [kept] })).body["bindings"] as Bound;
  expect(second.map(({ display_name }) => display_name)).toEqual(["two"]);
  expect(second[0]?.id).not.toBe(first[1]?.id);
  const entityBound = "/actions/triggers/custom-token-exchange/bindings";
  expect((await api("GET", entityBound)).body).toEqual({ bindings: [], per_page: 50 });
  expect((await api("PATCH", entityBound, { bindings: [] })).status).toBe(400);
});
