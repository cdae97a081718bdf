import { readFile } from "node:fs/promises";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { openRecord, recordKey, sealRecord } from "../../src/core/key-record.ts";
import { openDeaths } from "../support/deaths.ts";
import {
  expectedOf,
  fillOldWorld,
  grantsOf,
  MALFORMED,
  metadataOf,
  startOldWorld,
  type Held,
  type OldWorld,
  type Party,
} from "../support/old-world.ts";
import {
  ADA,
  AUDIENCE,
  CLIENT_ID,
  GRACE,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  setMetadata,
} from "../support/stage.ts";

interface Listed {
  readonly id: string;
}

let w: OldWorld;
let held: readonly Held[];
let back: () => Promise<void>;
let acme: Party;
let billing: Party;
beforeAll(async () => {
  w = await startOldWorld();
  held = await fillOldWorld(w);
  back = await w.checkpoint();
  ({ "api-keys": acme, billing } = w.of);
});
beforeEach(async () => back());
afterAll(async () => w.close());

const idsOf = (party: Party, userId: string, labels = /./): readonly string[] => [
  ...new Set(
    held
      .filter((one) => one.party === party && one.userId === userId && labels.test(one.label))
      .map(({ id }) => id),
  ),
];
const isLost = /record is lost/;
const entriesOf = (userId: string, field: string) =>
  (metadataOf(w.s, userId)[field] ?? []) as readonly Listed[];
const expectGrants = async (label = "") =>
  expect([label, ...(await grantsOf(held))]).toEqual([label, ...expectedOf(held)]);
const ok = async (run: ReturnType<Party["deploy"]>) => {
  const { code, stdout, stderr } = await run;
  if (code !== 0) throw new Error(`${stdout}${stderr}`);
  return { stdout, stderr };
};
const apply = async (party: Party) => ok(party.deploy("apply", "--yes"));
const codeOf = (name: string) => {
  const { actionStates, actions } = w.s.local.tenant;
  const id = [...actionStates.values()].find((one) => one.name === name)?.id ?? "";
  return actions.get(id)?.version.code ?? "";
};

describe("a deployment of the previous release beside another that is named api-keys", () => {
  test("keeps every key, and moves none of the other's, at every request of deploy apply", async () => {
    await expectGrants("before");
    const before = { ada: entriesOf(ADA, "api_keys"), grace: entriesOf(GRACE, "api_keys") };
    const stored = await acme.database.dump();
    const deaths = openDeaths(w.s);
    try {
      await deaths.run(async () => apply(billing), expectGrants);
      expect(deaths.points.length).toBeGreaterThan(90);
    } finally {
      deaths.close();
    }
    await expectGrants("after");

    const moved = new Set([...idsOf(billing, ADA), ...idsOf(billing, GRACE)]);
    for (const id of idsOf(billing, GRACE, isLost)) moved.delete(id);
    const split = (list: readonly Listed[]) => ({
      api_keys: list.filter(({ id }) => !moved.has(id)),
      api_keys_billing: list.filter(({ id }) => moved.has(id)),
    });
    expect(metadataOf(w.s, ADA)).toEqual({ plan: "gold", ...split(before.ada) });
    expect(metadataOf(w.s, GRACE)).toEqual(split(before.grace));
    expect(entriesOf(ADA, "api_keys")[0]).toEqual(MALFORMED);
    expect(entriesOf(ADA, "api_keys_billing")).toHaveLength(2);
    expect(entriesOf(GRACE, "api_keys_billing")).toHaveLength(3);
    expect(await acme.database.dump()).toBe(stored);
    // It ends with 3 where there is anything to change.
    await ok(billing.deploy("plan", "--exit-code"));
  });

  test("takes along a key that the previous release makes meanwhile", async () => {
    const { users } = w.s.local.tenant;
    const userId = "auth0|late";
    users.set(userId, { ...users.get(GRACE), user_id: userId, app_metadata: {} });
    let made: { readonly key: string } | undefined;
    const deaths = openDeaths(w.s);
    try {
      await deaths.run(
        async () => apply(billing),
        async (point) => {
          // The users have been asked for, and this one had no key.
          if (!made && point.includes("/downloads/")) {
            made = await billing.old("create", "--user", userId, "--name", "late");
          }
        },
      );
    } finally {
      deaths.close();
    }
    expect((await billing.exchange(made?.key ?? "")).status).toBe(200);
    expect(metadataOf(w.s, userId)).toEqual({
      api_keys_billing: [expect.objectContaining({ name: "late" })],
    });
    users.delete(userId);
  });

  test("takes along an entry whose record, which its database sealed, has a member that this version does not know", async () => {
    const [id = ""] = idsOf(billing, ADA, /scoped/);
    const { peppers } = billing.stage.settings;
    const found = await billing.database.execute(["GET", recordKey(id)]);
    const opened = openRecord(String(found), id, peppers);
    const record = opened.kind === "trusted" ? { ...opened.record, weekdays: [1, 2] } : undefined;
    if (!record) throw new Error("there is no record");
    await billing.database.execute(["SET", recordKey(id), sealRecord(record, peppers)]);
    const list = entriesOf(ADA, "api_keys").map((one) =>
      one.id === id ? { ...one, weekdays: [1, 2] } : one,
    );
    setMetadata(w.s, ADA, { ...metadataOf(w.s, ADA), api_keys: list });
    await apply(billing);
    expect(entriesOf(ADA, "api_keys").map((one) => one.id)).not.toContain(id);
    expect(entriesOf(ADA, "api_keys_billing")).toContainEqual(list.find((one) => one.id === id));
  });

  test("alone on its tenant, it takes along entries whose records are lost: reconcile makes those again", async () => {
    await ok(acme.deploy("destroy", "--yes", "--tenant", "localhost"));
    const lost = idsOf(billing, GRACE, isLost);
    await apply(billing);
    expect(entriesOf(GRACE, "api_keys_billing").map(({ id }) => id)).toEqual(
      expect.arrayContaining([...lost]),
    );
    await ok(billing.keys(["reconcile", "--fix"]));
    const { key = "" } = held.find(({ id }) => lost.includes(id)) ?? {};
    expect((await billing.exchange(key)).status).toBe(200);
  });

  test("reads the old field while it lasts, and never afterwards", async () => {
    const [id = ""] = idsOf(billing, ADA, /scoped/);
    const { key = "" } = held.find((one) => one.id === id) ?? {};
    const old = metadataOf(w.s, ADA);
    const deaths = openDeaths(w.s);
    const seen = new Set<string>();
    try {
      await deaths.run(
        async () => apply(billing),
        async () => {
          const code = codeOf("billing-post-login");
          if (seen.has(code)) return;
          seen.add(code);
          const isLast = seen.size === 3;
          // Both Actions of the old form find its field alone; those in between either; the last its own alone.
          const now = metadataOf(w.s, ADA);
          setMetadata(w.s, ADA, old);
          expect([seen.size, (await billing.exchange(key)).status]).toEqual([seen.size, isLast ? 403 : 200]);
          setMetadata(w.s, ADA, now);
        },
      );
    } finally {
      deaths.close();
    }
    expect(seen.size).toBe(3);
    for (const name of ["billing-post-login", "billing-custom-token-exchange"]) {
      expect(codeOf(name)).not.toMatch(/"?takesOver"?: ?true/);
    }
    // The actor of before names one of the deployment api-keys, and nobody of this one.
    expect((await billing.exchange(key)).status).toBe(200);
    setMetadata(w.s, ADA, old);
    expect((await billing.exchange(key)).body["error"]).toBe("access_denied");
  });

  test("takes its own runs out of the common journal, which stays as it is", async () => {
    const old = await readFile(w.oldJournal, "utf8");
    await apply(billing);
    expect(await readFile(w.oldJournal, "utf8")).toBe(old);
    const lines = (await readFile(billing.journalFile, "utf8")).trimEnd().split("\n");
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const entry of entries) expect(entry).toMatchObject({ tenant: "localhost", name: "billing" });
    const oldEntries = old
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const from = oldEntries.findIndex((one, at) => at > 0 && one["entry"] === "begin");
    const ours = oldEntries.slice(from);
    expect(ours.length).toBeGreaterThan(10);
    expect(entries.slice(0, ours.length)).toMatchObject(
      ours.map((one) => ({ tenant: "localhost", name: "billing", ...one })),
    );
    expect(entries.slice(ours.length).filter(({ entry }) => entry === "begin")).toHaveLength(2);
    expect(lines.join("\n")).not.toContain("Action api-keys-");

    await apply(acme);
    const others = (await readFile(acme.journalFile, "utf8")).trimEnd().split("\n");
    expect(others.slice(0, from).map((line) => JSON.parse(line) as unknown)).toMatchObject(
      oldEntries.slice(0, from).map((one) => ({ tenant: "localhost", name: "api-keys", ...one })),
    );
    expect(others.join("\n")).not.toContain("Action billing-");
  });

  test("then the one named api-keys: it is marked by name, nothing moves, and each sees its own keys alone", async () => {
    await apply(billing);
    const before = [metadataOf(w.s, ADA), metadataOf(w.s, GRACE)];
    const stored = await billing.database.dump();
    const deaths = openDeaths(w.s);
    try {
      await deaths.run(async () => apply(acme), expectGrants);
    } finally {
      deaths.close();
    }
    await expectGrants("both");
    expect([metadataOf(w.s, ADA), metadataOf(w.s, GRACE)]).toEqual(before);
    expect(await billing.database.dump()).toBe(stored);
    const marker = String(await acme.database.execute(["GET", "apikey-store"]));
    expect(marker).toContain('{"store":"urn:acme:api-key","tenant":"localhost","deployment":"api-keys"}');
    for (const party of [acme, billing]) {
      for (const userId of [ADA, GRACE]) {
        const { stdout } = await party.keys(["list", "--user", userId, "--json"]);
        const listed = (JSON.parse(stdout) as readonly Listed[]).map(({ id }) => id);
        const left = party === acme && userId === GRACE ? idsOf(billing, GRACE, isLost) : [];
        const own = idsOf(party, userId).filter((id) => !idsOf(party, userId, isLost).includes(id));
        expect(new Set(listed)).toEqual(new Set([...own, ...left]));
      }
      const made = await party.keys(["create", "--user", ADA, "--name", "new", "--json"]);
      expect(made.code).toBe(0);
      const { key } = JSON.parse(made.stdout) as { readonly key: string };
      expect((await party.exchange(key)).status).toBe(200);
    }
    expect(JSON.parse((await billing.keys(["reconcile", "--json"])).stdout)).toMatchObject({ remaining: 0 });
  });

  test("what each gave is known from the journal that both had: destroyed, one leaves what the other uses", async () => {
    const bare = JSON.stringify(
      [...w.s.local.tenant.clients.values()].map((client) => ({ ...client, token_exchange: undefined })),
    );
    await apply(billing);
    await apply(acme);
    const end = ["destroy", "--keys", "--yes", "--tenant", "localhost"];
    await ok(billing.deploy(...end));
    const { resourceServers, clients, users } = w.s.local.tenant;
    expect([resourceServers.has(AUDIENCE), resourceServers.has(OTHER_AUDIENCE)]).toEqual([true, false]);
    const mayExchange = (id: string) => clients.get(id)?.token_exchange !== undefined;
    expect([mayExchange(CLIENT_ID), mayExchange(OTHER_CLIENT_ID)]).toEqual([true, false]);
    const others = held.filter(({ party }) => party === acme);
    expect(await grantsOf(others)).toEqual(expectedOf(others));
    expect(entriesOf(ADA, "api_keys_billing")).toEqual([]);
    // Nothing is left that lasts: notes for writers that were held up end within a day.
    for (const [name] of JSON.parse(await billing.database.dump()) as [string][]) {
      const leftSeconds = Number(await billing.database.execute(["TTL", name]));
      expect([name, leftSeconds > 0 && leftSeconds <= 86_400]).toEqual([name, true]);
    }

    await ok(acme.deploy(...end));
    expect([...resourceServers.keys()]).toEqual([]);
    expect(JSON.stringify([...clients.values()])).toBe(bare);
    expect([...users.values()].map((user) => user["app_metadata"] ?? {})).toEqual([
      { plan: "gold", api_keys: [MALFORMED] },
      {},
    ]);
  });
});

describe("until it is taken over", () => {
  const rows: readonly (readonly string[])[] = [
    ["init"],
    ["create", "--user", ADA, "--name", "new"],
    ["list", "--user", ADA],
    ["list", "--all-users"],
    ["show", "ID", "--user", ADA],
    ["enable", "ID", "--user", ADA],
    ["rotate", "ID", "--user", ADA],
    ["rotate", "ID", "--user", ADA, "--cancel"],
    ["rotate", "ID", "--user", ADA, "--now"],
    ["revoke", "--all", "--user", ADA],
    ["prune", "--user", ADA],
    ["reconcile"],
    ["reconcile", "--user", ADA],
    ["reconcile", "--fix"],
    ["reconcile", "--fix", "--restore-entries", "--yes"],
    ["transfer", "--from", GRACE, "--to", ADA],
    ["pepper", "status"],
    ["pepper", "retire", "1"],
  ];
  /** Runs a command on the first key, which says: deploy apply. */
  const refuse = async (argv: readonly string[]) => {
    const given = argv.map((word) => (word === "ID" ? (held[0]?.id ?? "") : word));
    const run = await billing.keys(given, held[0]?.key);
    expect([run.code, run.stdout, run.stderr]).toEqual([
      1,
      "",
      expect.stringMatching(/gave deployments no names\.\nfix: .*npm run deploy -- apply/s),
    ]);
  };
  test.each(rows.map((argv) => [argv.join(" "), argv] as const))(
    "keys %s writes nothing and says: deploy apply",
    async (_, argv) => {
      const before = await w.content();
      await refuse(argv);
      expect(await w.content()).toEqual(before);
    },
  );

  const endings: readonly (readonly [string, string, readonly string[]])[] = [
    ["disable", "disabled_at", ["disable", "ID", "--user", ADA]],
    ["revoke", "revoked_at", ["revoke", "ID", "--user", ADA]],
    ["revoke --stdin", "revoked_at", ["revoke", "--stdin"]],
  ];
  test.each(endings)("keys %s ends the key at once, and says: deploy apply", async (_, member, argv) => {
    const [{ id } = { id: "" }] = held;
    const record = async () => String(await billing.database.execute(["GET", `apikey:${id}`]));
    const before = JSON.stringify(await w.content());
    const text = await record();
    await refuse(argv);
    const after = await record();
    expect([text.includes(member), after.includes(`"${member}":`)]).toEqual([false, true]);
    const asText = (one: string) => JSON.stringify(one).slice(1, -1);
    expect(JSON.stringify(await w.content()).replace(asText(after), asText(text))).toBe(before);
  });

  test("destroy --keys drops nothing and says: deploy apply", async () => {
    const before = await w.content();
    const run = await billing.deploy("destroy", "--keys", "--yes", "--tenant", "localhost");
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("npm run deploy -- apply")]);
    expect(await w.content()).toEqual(before);
    await expectGrants();
  });
});

describe("rollback", () => {
  let deaths: ReturnType<typeof openDeaths>;
  beforeEach(() => {
    deaths = openDeaths(w.s);
  });
  afterEach(() => deaths.close());
  const rollback = async (party: Party) => party.deploy("rollback", "--yes");
  /** Applies, and dies at the first thing that is like this. */
  const dieAt = async (party: Party, like: RegExp) => {
    await deaths.run(async () => apply(party));
    const at = deaths.points.findIndex((point) => like.test(point));
    expect(at).toBeGreaterThan(-1);
    await back();
    expect(await deaths.kill(at, async () => apply(party))).toEqual({ kind: "died" });
  };

  test("goes back to Actions that read both fields, and no further, since the previous release's know neither", async () => {
    await apply(billing);
    await ok(rollback(billing));
    await expectGrants("once");
    expect(codeOf("billing-post-login")).toMatch(/"?takesOver"?: ?true/);
    const before = await w.content();
    const run = await rollback(billing);
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/fix: /)]);
    expect(run.stderr).toContain("gave deployments no names");
    expect(await w.content()).toEqual(before);
    await expectGrants("refused");
    await apply(billing);
    expect(codeOf("billing-post-login")).not.toMatch(/"?takesOver"?: ?true/);
    await expectGrants("forward again");
  });

  test("goes back to the previous release's Actions as long as no entry has moved", async () => {
    await dieAt(billing, /users-exports/);
    await ok(rollback(billing));
    await expectGrants();
    expect(codeOf("billing-post-login")).not.toContain("takesOver");
    const listed = await billing.old<readonly Listed[]>("list", "--user", ADA);
    expect(listed.map(({ id }) => id)).toEqual(expect.arrayContaining([...idsOf(billing, ADA)]));
    await apply(billing);
    await expectGrants("forward again");
  });

  test("is refused once an entry has moved, though the database is not marked by name yet", async () => {
    await dieAt(billing, /PATCH .*users/);
    const before = await w.content();
    const run = await rollback(billing);
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining("gave deployments no names")]);
    expect(await w.content()).toEqual(before);
    await expectGrants();
  });

  test("of the one named api-keys goes back to the previous release's Actions and CLI, and forward again", async () => {
    await apply(acme);
    await expectGrants("applied");
    await ok(rollback(acme));
    await expectGrants("rolled back");
    const { key } = await acme.old<{ readonly key: string }>("create", "--user", ADA, "--name", "new");
    expect((await acme.exchange(key)).status).toBe(200);
    await apply(acme);
    await expectGrants("forward again");
    expect((await acme.exchange(key)).status).toBe(200);
  });
});
