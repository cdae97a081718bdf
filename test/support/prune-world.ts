import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { expect } from "vitest";

import type { DeployConfigInput } from "../../src/deploy/config.ts";
import { checkpointOf, contentOf, waysBack } from "./checkpoint.ts";
import { newClock } from "./clock.ts";
import { openDeaths } from "./deaths.ts";
import { startDatabase, startOperator, type Operator } from "./deployment.ts";
import { strip } from "./deploying.ts";
import { ADA, AUDIENCE, CLIENT_ID, GRACE, OTHER_AUDIENCE, OTHER_CLIENT_ID, stage } from "./stage.ts";

const SHARED_AUDIENCE = "https://shared.acme.example";
const SHARED_CLIENT_ID = "acmeSharedCommandLineClient00003";
const SHARED_API = { identifier: SHARED_AUDIENCE, scopes: { "read:shared": "Read" } };

const OURS: DeployConfigInput = {
  subjectTokenType: "urn:acme:api-key",
  keyPrefix: "acme_live",
  apis: [
    {
      identifier: AUDIENCE,
      scopes: { "read:things": "Read", "write:things": "Write", "delete:things": "Delete" },
    },
    { identifier: OTHER_AUDIENCE, scopes: { "read:bills": "Read bills" }, tokenLifetimeSeconds: 600 },
    SHARED_API,
  ],
  clients: [CLIENT_ID, OTHER_CLIENT_ID, SHARED_CLIENT_ID],
  ipThrottling: { maxAttempts: 20, regainMs: 60_000 },
};
/** What is left of it: two scopes, two APIs and two clients fewer, of which the neighbour uses an API and a client. */
const PRUNED: Partial<DeployConfigInput> = {
  apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read" } }],
  clients: [CLIENT_ID],
};
const NEIGHBOUR: DeployConfigInput = {
  name: "billing",
  subjectTokenType: "urn:billing:api-key",
  keyPrefix: "bill_live",
  apis: [{ identifier: AUDIENCE, scopes: { "read:things": "Read" } }, SHARED_API],
  clients: [CLIENT_ID, SHARED_CLIENT_ID],
};

/** The commands that take something away. */
export const TAKING: readonly (readonly [string, readonly string[]])[] = [
  ["apply --prune", ["apply", "--prune", "--yes"]],
  ["destroy", ["destroy", "--yes", "--tenant", "localhost"]],
  ["destroy --keys", ["destroy", "--keys", "--yes", "--tenant", "localhost"]],
];

/** A deployment with something to take away, and a neighbour that uses some of it. */
export interface PruneWorld {
  /**
   * Lets a command die after each of the things that it does which are picked, runs it again, and compares what is then
   * with an undisturbed run; all the time the neighbour is as it was, and its keys are exchanged. Gives what was picked.
   */
  dieAndRunAgain(
    argv: readonly string[],
    isJournalLost: boolean,
    isPicked: (point: string) => boolean,
  ): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Starts it; whichever is applied first gave all that both use. */
export async function openPrune(isNeighbourFirst = false): Promise<PruneWorld> {
  const clock = newClock();
  const s = await stage({
    deployed: false,
    nowMs: clock.nowMs,
    config: { clients: [CLIENT_ID, OTHER_CLIENT_ID, SHARED_CLIENT_ID] },
  });
  const { tenant } = s.local;
  strip(tenant);
  const databases = await Promise.all(["ours", "neighbour"].map(startDatabase));
  const [ourDatabase, theirDatabase] = databases;
  if (!ourDatabase || !theirDatabase) throw new Error("two databases");
  const ours = await startOperator(s.local, ourDatabase, OURS, clock);
  const theirs = await startOperator(s.local, theirDatabase, NEIGHBOUR, clock);
  const ok = async (operator: Operator, argv: readonly string[]) => {
    const { code, stdout, stderr } = await operator.deploy(argv);
    if (code !== 0) throw new Error(`${argv.join(" ")}: ${stdout}${stderr}`);
  };
  for (const one of isNeighbourFirst ? [theirs, ours] : [ours, theirs]) await ok(one, ["apply", "--yes"]);
  await ours.make(ADA, "--scope", "read:things write:things");
  await ours.make(GRACE, "--audience", OTHER_AUDIENCE);
  const held = [
    [(await theirs.make(ADA, "--scope", "read:things")).key, {}],
    [
      (await theirs.make(GRACE)).key,
      { audience: SHARED_AUDIENCE, scope: "read:shared", client_id: SHARED_CLIENT_ID },
    ],
  ] as const;
  await ours.configure(PRUNED);
  const journal = join(ours.folder, "api-keys.jsonl");
  const kept = join(ours.folder, "kept");
  await cp(journal, kept);
  const toStart = await checkpointOf(tenant, databases);
  const back = async () => {
    await toStart();
    await cp(kept, journal);
  };

  /** All that is the neighbour's, on the tenant and in its database, and what it uses of what is shared: byte for byte. */
  async function neighbour(): Promise<string> {
    const actions = [...tenant.actionStates.values()].filter(({ name }) => name.startsWith("billing-"));
    const ids = new Set(actions.map(({ id }) => id));
    const { stage: throttling } = tenant.ipThrottling;
    return JSON.stringify([
      actions,
      [...ids].map((id) => tenant.actions.get(id)?.version),
      [...tenant.profiles.values()].filter(({ action_id }) => ids.has(action_id)),
      tenant.postLoginBindings
        .filter(({ action_id }) => ids.has(action_id))
        .map(({ action_id }) => action_id),
      [...tenant.users.values()].map(
        (user) => (user["app_metadata"] as Record<string, unknown>)["api_keys_billing"],
      ),
      await theirDatabase?.dump(),
      tenant.resourceServers.get(SHARED_AUDIENCE),
      tenant.resourceServers.get(AUDIENCE)?.scopes.includes("read:things"),
      tenant.resourceServers.get(AUDIENCE)?.skip_consent_for_verifiable_first_party_clients,
      [CLIENT_ID, SHARED_CLIENT_ID].map((id) => tenant.clients.get(id)),
      throttling["pre-login"],
    ]);
  }
  async function exchanges(): Promise<readonly number[]> {
    return Promise.all(
      held.map(async ([key, parameters]) => (await theirs.exchange(key, parameters)).status),
    );
  }
  const before = await neighbour();
  const expectNeighbour = async (label: string) =>
    expect([label, await neighbour(), await exchanges()]).toEqual([label, before, [200, 200]]);

  return {
    async dieAndRunAgain(argv, isJournalLost, isPicked) {
      const deaths = openDeaths(s);
      try {
        const content = async () => ({
          ...(await contentOf(tenant, databases)),
          ...(!isJournalLost && { journal: await waysBack(journal, "api-keys") }),
        });
        await back();
        await deaths.run(
          async () => ok(ours, argv),
          async (point) => expectNeighbour(point),
        );
        const expected = await content();
        const picked = deaths.points.flatMap((point, at) => (isPicked(point) ? [{ point, at }] : []));
        for (const { point, at } of picked) {
          await back();
          const label = `${argv.join(" ")} dies after ${at} ${point}`;
          expect(await deaths.kill(at, async () => ok(ours, argv))).toEqual({ kind: "died" });
          const [, locks] = (await ourDatabase.execute(["SCAN", "0", "MATCH", "apikey-lock:*"])) as [
            string,
            string[],
          ];
          if (locks.length > 0) await ourDatabase.execute(["DEL", ...locks]);
          if (isJournalLost) await rm(journal, { force: true });
          await expectNeighbour(label);
          const isDone = isDeepStrictEqual(await content(), expected);
          const again = await ours.deploy(argv);
          // Where all was done, there may be nothing left to do it to, and it says so.
          const isNone = isDone && again.stderr.includes('There is no deployment "api-keys"');
          if (!isNone)
            expect([label, again.code, again.code === 0 ? "" : again.stderr]).toEqual([label, 0, ""]);
          expect({ label, ...(await content()) }).toEqual({ label, ...expected });
          await expectNeighbour(label);
        }
        return picked.map(({ point }) => point);
      } finally {
        deaths.close();
        await back();
      }
    },
    async close() {
      await Promise.all([ours.close(), theirs.close(), ...databases.map(async (one) => one.close())]);
      await s.stop();
    },
  };
}
