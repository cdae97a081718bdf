import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { findDrift } from "../../src/deploy/drift.ts";
import { planDestroy, planRollback, undo } from "../../src/deploy/undo.ts";
import { newClock } from "../support/clock.ts";
import { deployingTo, planAndApply, snapshot, strip } from "../support/deploying.ts";
import { moveIn } from "../support/neighbours.ts";
import { watchRequests, type Fault, type Requests } from "../support/requests.ts";
import { CLIENT_ID, stage, type Stage } from "../support/stage.ts";

const clock = newClock();
const config = { ipThrottling: { maxAttempts: 20, regainMs: 60_000 } };
let s: Stage;
let requests: Requests;
let grants: number;
beforeAll(async () => {
  s = await stage({ deployed: false, nowMs: clock.nowMs });
  grants = s.local.tenant.clientGrants.length;
  requests = watchRequests(s.local, clock.nowMs);
});
afterAll(async () => {
  requests.close();
  await s.stop();
});
beforeEach(() => {
  requests.reset();
  strip(s.local.tenant);
  s.local.tenant.clientGrants.splice(grants);
});

type Deployment = Awaited<ReturnType<typeof deployingTo>>;
const rollBack = async (deployment: Deployment) =>
  undo(deployment, "rollback", await planRollback(deployment));
const destroy = async (deployment: Deployment) => undo(deployment, "destroy", await planDestroy(deployment));

describe.each([
  ["a bare tenant", () => undefined],
  ["a tenant with Actions, profiles and grants of others", () => moveIn(s.local.tenant)],
])("%s", (_, furnish) => {
  test("is after a destruction what it was before the first apply", async () => {
    furnish();
    await clock.sleep(2_000);
    const before = snapshot(s.local.tenant);
    const deployment = await deployingTo(s, clock, { config });
    await planAndApply(deployment);
    const again = await deployingTo(s, clock, { config, redisToken: "another" });
    await planAndApply({ ...again, journal: deployment.journal });
    await destroy(deployment);
    expect(snapshot(s.local.tenant)).toBe(before);
    await expect(planDestroy(deployment)).rejects.toMatchObject({ code: "deployment_unknown" });
  });

  test("is after a rollback what it was before the last apply, secrets and all", async () => {
    furnish();
    await clock.sleep(2_000);
    const bare = snapshot(s.local.tenant);
    const deployment = await deployingTo(s, clock, { config });
    await planAndApply(deployment);
    const first = running();
    const second = {
      ...(await deployingTo(s, clock, { config, redisToken: "another" })),
      journal: deployment.journal,
    };
    await planAndApply(second);
    expect(running()).not.toEqual(first);
    const planned = await planRollback(second);
    expect(planned.caveats).toEqual([expect.stringContaining("gets version 1's own secrets back")]);
    await undo(second, "rollback", planned);
    expect(running()).toEqual(first);
    await rollBack(deployment);
    expect(snapshot(s.local.tenant)).toBe(bare);
    await expect(planRollback(deployment)).rejects.toMatchObject({ code: "journal_missing" });
  });
});

test("our Action is bound last, and the others keep their order, names and places", async () => {
  moveIn(s.local.tenant);
  await clock.sleep(2_000);
  const names = () => s.local.tenant.postLoginBindings.map(({ display_name }) => display_name);
  const { tenant } = s.local;
  const theirs = () => [
    [...tenant.actionStates.values()].filter(({ name }) => !name.startsWith("api-keys")),
    [...tenant.profiles.values()].filter(({ name }) => name !== "api-keys"),
    tenant.clientGrants,
  ];
  const before = structuredClone(theirs());
  const deployment = await deployingTo(s, clock);
  await planAndApply(deployment);
  expect(theirs()).toEqual(before);
  expect(tenant.clients.get(CLIENT_ID)?.token_exchange).toEqual({
    allow_any_profile_of_type: ["on_behalf_of_token_exchange", "custom_authentication"],
  });
  expect(names()).toEqual(["enrich!", "audit!", "redirect!", "api-keys-post-login"]);
  await planAndApply({
    ...(await deployingTo(s, clock, { config: { postLoginPosition: "first" } })),
    journal: deployment.journal,
  });
  expect(names()).toEqual(["api-keys-post-login", "enrich!", "audit!", "redirect!"]);
  await rollBack(deployment);
  expect(names()).toEqual(["enrich!", "audit!", "redirect!", "api-keys-post-login"]);
});

test("an interrupted apply and the one that completes it are taken back together", async () => {
  const bare = snapshot(s.local.tenant);
  const deployment = await deployingTo(s, clock);
  requests.reset();
  requests.spoil(25, "fail");
  await expect(planAndApply(deployment)).rejects.toMatchObject({ name: "ApiKeysError" });
  requests.reset();
  await clock.sleep(2_000);
  await planAndApply(deployment);
  await rollBack(deployment);
  expect(snapshot(s.local.tenant)).toBe(bare);
});

describe.each(["destroy", "rollback"] as const)("%s", (kind) => {
  test.each<Fault>(["fail", "time out", "drop after effect"])(
    "may break at any request (%s): run again, it ends as if nothing had happened",
    async (fault) => {
      moveIn(s.local.tenant);
      await clock.sleep(2_000);
      const bare = snapshot(s.local.tenant);
      const takeBack = async (deployment: Deployment) =>
        kind === "destroy" ? destroy(deployment) : rollBack(deployment);
      for (let number = 0, count = Infinity; number < count; number++) {
        const deployment = await deployingTo(s, clock, { config });
        await planAndApply(deployment);
        requests.reset();
        requests.spoil(number, fault);
        const { journal } = deployment;
        const timeoutMs = fault === "time out" ? 100 : undefined;
        const impatient = await deployingTo(s, clock, { config, ...(timeoutMs && { timeoutMs }) });
        const outcome = await takeBack({ ...impatient, journal }).then(
          () => "done",
          () => "broken",
        );
        const spoiled = requests.seen[number];
        if (spoiled === undefined) {
          expect(outcome).toBe("done");
          expect(number).toBeGreaterThan(15);
          count = number;
        } else {
          expect([spoiled, outcome]).toEqual([spoiled, "broken"]);
          requests.reset();
          await clock.sleep(2_000);
          await takeBack({ ...(await deployingTo(s, clock, { config })), journal }).catch(nothingIsLeft);
        }
        expect([spoiled, snapshot(s.local.tenant)]).toEqual([spoiled, bare]);
      }
    },
  );
});

/** The last request of a rollback may have been its last step. */
function nothingIsLeft(error: unknown): void {
  expect(error).toMatchObject({ code: "journal_missing" });
}

test("without a journal, a destruction leaves the tenant as it was as well: the Actions say what was given", async () => {
  moveIn(s.local.tenant);
  await clock.sleep(2_000);
  const before = snapshot(s.local.tenant);
  await planAndApply(await deployingTo(s, clock, { config }));
  const planned = await planDestroy(await deployingTo(s, clock));
  expect(planned.caveats).toEqual([]);
  await undo(await deployingTo(s, clock), "destroy", planned);
  expect(snapshot(s.local.tenant)).toBe(before);
});

test("a client that was deleted meanwhile is named by drift, and does not keep the rest from being removed", async () => {
  const deployment = await deployingTo(s, clock);
  await planAndApply(deployment);
  const { clients, actionStates } = s.local.tenant;
  const client = clients.get(CLIENT_ID);
  clients.delete(CLIENT_ID);
  const drift = await findDrift(deployment);
  await destroy(deployment);
  if (client) clients.set(CLIENT_ID, client);
  expect(drift).toEqual([{ what: `client ${CLIENT_ID}`, how: "was deleted" }]);
  expect(actionStates.size).toBe(0);
});

describe("drift", () => {
  test("is none right after a deployment", async () => {
    const deployment = await deployingTo(s, clock);
    await planAndApply(deployment);
    expect(await findDrift(deployment)).toEqual([]);
  });

  test("names an edited Action, reordered bindings, a changed secret and a deleted profile", async () => {
    moveIn(s.local.tenant);
    await clock.sleep(2_000);
    const deployment = await deployingTo(s, clock);
    await planAndApply(deployment);
    const { client } = deployment.api;
    const { actionStates, postLoginBindings, profiles } = s.local.tenant;
    const byName = (name: string) => [...actionStates.values()].find((one) => one.name === name)?.id ?? "";
    const login = byName("api-keys-post-login");
    await client.actions.update(login, { code: "exports.onExecutePostLogin = async () => {};" });
    await clock.sleep(2_000);
    await client.actions.deploy(login);
    await clock.sleep(2_000);
    const exchange = byName("api-keys-custom-token-exchange");
    const { secrets } = actionStates.get(exchange)?.draft ?? { secrets: [] };
    await client.actions.update(exchange, { secrets: secrets.map(({ name }) => ({ name, value: "other" })) });
    postLoginBindings.reverse();
    const ours = [...profiles.values()].find(({ action_id }) => action_id === exchange);
    await client.tokenExchangeProfiles.delete(ours?.id ?? "");
    expect((await findDrift(deployment)).map(({ what, how }) => `${what}: ${how}`)).toEqual([
      "Action api-keys-custom-token-exchange: secret API_KEY_PEPPER was set anew",
      "Action api-keys-custom-token-exchange: secret UPSTASH_REDIS_REST_TOKEN was set anew",
      "Action api-keys-custom-token-exchange: secret UPSTASH_REDIS_REST_URL was set anew",
      "Action api-keys-post-login: version 2 runs, not 1",
      "Action api-keys-post-login: the code that runs was changed",
      "Action api-keys-post-login: the draft was changed",
      "bindings of post-login: their order was changed",
      "token exchange profile urn:acme:api-key: was deleted",
    ]);
  });

  test("is not known without a journal", async () => {
    await expect(findDrift(await deployingTo(s, clock))).rejects.toMatchObject({ code: "journal_missing" });
  });
});

test.each(["destroy", "rollback"] as const)(
  "%s leaves an Action alone that has our name and is somebody else's, and says so",
  async (kind) => {
    const deployment = await deployingTo(s, clock);
    await planAndApply(deployment);
    const { actionStates, profiles, postLoginBindings } = s.local.tenant;
    const login = [...actionStates.values()].find(({ trigger }) => trigger === "post-login");
    const { actions } = deployment.api.client;
    await actions.delete(login?.id ?? "", { force: true });
    const code = "exports.onExecutePostLogin = async () => {};";
    const supported_triggers = [{ id: "post-login", version: "v3" } as const];
    await actions.create({ name: "api-keys-post-login", supported_triggers, code });
    const planned = await (kind === "destroy" ? planDestroy(deployment) : planRollback(deployment));
    await undo(deployment, kind, planned);
    expect(planned.caveats).toContain(
      "The Action api-keys-post-login is not of this deployment, and stays as it is.",
    );
    expect([...actionStates.values()].map(({ name, draft }) => [name, draft.code])).toEqual([
      ["api-keys-post-login", code],
    ]);
    expect([profiles.size, postLoginBindings.length]).toEqual([0, 0]);
  },
);

function running() {
  return [...s.local.tenant.actions.values()].map(({ version }) => [version.code, version.secrets]);
}
