import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Deploying } from "../../src/deploy/apply.ts";
import { findDrift } from "../../src/deploy/drift.ts";
import { fileJournal, type Journal, type JournalEntry } from "../../src/deploy/journal.ts";
import { hashOfCode, type TenantState } from "../../src/deploy/tenant-state.ts";
import { planDestroy, planRollback, undo } from "../../src/deploy/undo.ts";
import { newClock } from "../support/clock.ts";
import { deployingTo, planAndApply, snapshot, strip } from "../support/deploying.ts";
import { moveIn } from "../support/neighbours.ts";
import { CLIENT_ID, CONFIG, OTHER_CLIENT_ID, stage, type Stage } from "../support/stage.ts";

const clock = newClock();
let s: Stage;
beforeAll(async () => {
  s = await stage({ deployed: false, nowMs: clock.nowMs });
});
afterAll(async () => s.stop());
beforeEach(() => strip(s.local.tenant));

const rollBack = async (deploying: Deploying) => undo(deploying, "rollback", await planRollback(deploying));
const destroy = async (deploying: Deploying) => undo(deploying, "destroy", await planDestroy(deploying));

describe("a deployment of a version that wrote no marks, by its journal", () => {
  const [things, bills] = CONFIG.apis;
  let old: Awaited<ReturnType<typeof deployingTo>>;
  let bare: string;
  let folder: string;
  let journal: Journal;
  beforeEach(async () => {
    moveIn(s.local.tenant);
    await clock.sleep(2_000);
    bare = snapshot(s.local.tenant);
    old = await deployingTo(s, clock, { config: { apis: things ? [things] : [], clients: [CLIENT_ID] } });
    await planAndApply(old);
    unmark();
    folder = await mkdtemp(join(tmpdir(), "undo-"));
    const unnamedFile = join(folder, "localhost.jsonl");
    await writeFile(
      unnamedFile,
      old.journal.entries.map((entry) => `${JSON.stringify(aged(entry))}\n`).join(""),
    );
    const { tenant, name } = old.desired;
    journal = fileJournal({ file: join(folder, "api-keys.jsonl"), unnamedFile, tenant, name });
  });
  afterEach(async () => rm(folder, { recursive: true }));

  test("has not drifted by being looked at with this one", async () => {
    expect(await findDrift({ ...old, journal })).toEqual([]);
  });

  test.each([
    ["rolled back", rollBack],
    ["destroyed", destroy],
  ])("is %s to what was there before it", async (_, takeBack) => {
    await takeBack({ ...old, journal });
    expect(snapshot(s.local.tenant)).toBe(bare);
  });

  test("leaves what was there before it was applied with this one, also what the journal does not tell of", async () => {
    await old.api.client.resourceServers.create({ identifier: bills?.identifier ?? "", name: "theirs" });
    const theirs = { allow_any_profile_of_type: ["custom_authentication" as const] };
    await old.api.client.clients.update(OTHER_CLIENT_ID, { token_exchange: theirs });
    const deployment = { ...(await deployingTo(s, clock)), journal };
    await planAndApply(deployment);
    await destroy(deployment);
    const { resourceServers, clients } = s.local.tenant;
    expect([...resourceServers.values()].map(({ name }) => name)).toEqual(["theirs"]);
    expect(clients.get(OTHER_CLIENT_ID)?.token_exchange).toEqual(theirs);
    resourceServers.clear();
    await old.api.client.clients.update(OTHER_CLIENT_ID, { token_exchange: null });
    expect(snapshot(s.local.tenant)).toBe(bare);
  });
});

test("without a journal, Actions of a version that wrote no mark go, and what may have been there before stays", async () => {
  await planAndApply(await deployingTo(s, clock));
  unmark();
  const deployment = await deployingTo(s, clock);
  const planned = await planDestroy(deployment);
  expect(planned.caveats).toEqual([expect.stringContaining("they stay as they are")]);
  await undo(deployment, "destroy", planned);
  const { actionStates, profiles, postLoginBindings, resourceServers } = s.local.tenant;
  expect([actionStates.size, profiles.size, postLoginBindings.length]).toEqual([0, 0, 0]);
  expect(resourceServers.size).toBe(2);
});

/** An entry of a journal as the version wrote it that wrote no marks. */
function aged(entry: JournalEntry): object {
  const codeOf = (name: string) =>
    [...s.local.tenant.actionStates.values()].find((one) => one.name === name)?.draft.code ?? "";
  const stateOf = ({ apis, actions, bindings, profile, clients, ipThrottling }: TenantState) => ({
    apis: apis.map((api) => ({ ...api, tokenLifetimeSeconds: undefined })),
    actions: actions.map(({ deployed, ...action }) => {
      const codeHash = hashOfCode(codeOf(action.name));
      const version = { ...deployed, codeHash, bodyHash: undefined, fingerprints: undefined };
      return { ...action, draftHash: codeHash, deployed: version };
    }),
    bindings,
    profile: profile && { ...profile, actionName: undefined },
    clients,
    ipThrottling,
  });
  if (entry.entry === "begin") return { ...entry, before: stateOf(entry.before) };
  return entry.entry === "end" ? { ...entry, after: stateOf(entry.after) } : entry;
}

/** Makes our Actions as a version deployed them that wrote no mark. */
function unmark(): void {
  const { actionStates } = s.local.tenant;
  const without = <T extends { readonly code: string }>(source: T): T => ({
    ...source,
    code: source.code.replace(/^\/\/ deployment: .*\n/m, ""),
  });
  for (const [id, action] of actionStates) {
    const { draft, versions, deployed } = action;
    actionStates.set(id, {
      ...action,
      draft: without(draft),
      versions: versions.map(without),
      ...(deployed && { deployed: { ...deployed, version: without(deployed.version) } }),
    });
  }
}
