import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { dropKeys } from "../../src/keys/drop-keys.ts";
import { renameKey } from "../../src/keys/rename.ts";
import { recordKey } from "../../src/core/key-record.ts";
import { parsePeppers, sealOf } from "../../src/core/peppers.ts";
import { openKeys } from "../../src/keys/open-keys.ts";
import { retirePepper } from "../../src/keys/peppers.ts";
import { deployAction } from "../../src/local/actions/run-action.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import {
  PREVIOUS_CONFIG,
  previousActions,
  runPreviousKeys,
  type PreviousConfig,
} from "../support/previous-release.ts";
import {
  ADA,
  AUDIENCE,
  claimsOf,
  CLIENT_ID,
  CONFIG,
  environmentOf,
  GRACE,
  OTHER_AUDIENCE,
  OTHER_CLIENT_ID,
  pepperOf,
  setMetadata,
  stage,
  type Stage,
} from "../support/stage.ts";

const config = { ...PREVIOUS_CONFIG, lastUsed: true };
let s: Stage;
beforeAll(async () => {
  s = await stage({ config: { lastUsed: true }, actions: previousActions(config) });
  // The present code has marked the database: the previous release is to do that itself.
  await s.local.redis.execute(["FLUSHALL"]);
});
afterAll(async () => s.stop());

/** Runs the previous release's CLI for what it prints as JSON. */
async function keys<T = { readonly key: string; readonly id: string; readonly status: string }>(
  argv: readonly string[],
  stdin?: string,
): Promise<T> {
  const run = await runPreviousKeys([...argv, "--json"], environmentOf(s), stdin, config);
  expect(run).toMatchObject({ code: 0 });
  return JSON.parse(run.out) as T;
}

test("the previous release runs by itself: a key's whole life through its CLI and its Actions", async () => {
  expect(await keys(["init"])).toEqual({ marked: true });
  const ada = ["--user", ADA];
  const { key, id } = await keys(["create", ...ada, "--name", "laptop", "--scope", "read:things"]);
  expect(await keys(["inspect"], key)).toMatchObject({ id, checksum_ok: true, prefix_known: true });

  const granted = await s.exchange(key, { scope: "openid read:things" });
  expect(granted.status).toBe(200);
  const claims = { sub: ADA, scope: "read:things", act: { sub: `api-key|${id}` } };
  expect(claimsOf(granted.body["access_token"])).toMatchObject(claims);
  const listed = { id, name: "laptop", status: "active", last_used: { count: 1 } };
  expect(await keys(["list", ...ada])).toMatchObject([listed]);

  const { key: rotated } = await keys(["rotate", id, ...ada]);
  const answers = async () => Promise.all([key, rotated].map(async (one) => (await s.exchange(one)).status));
  expect(await answers()).toEqual([200, 200]);
  expect(await keys(["disable", id, ...ada])).toMatchObject({ status: "disabled" });
  expect(await answers()).toEqual([400, 400]);
  expect(await keys(["enable", id, ...ada])).toMatchObject({ status: "active" });
  expect(await answers()).toEqual([200, 200]);
  expect(await keys(["revoke", id, ...ada])).toMatchObject({ status: "revoked" });
  expect((await s.exchange(rotated)).body["error_description"]).toMatch(/^This API key was revoked at /);
});

test("its post-login Action looks at the user's entry, and its Action notes no use where that is off", async () => {
  const off = await stage({ actions: previousActions() });
  try {
    const run = async (...argv: string[]) => runPreviousKeys(argv, environmentOf(off));
    await off.local.redis.execute(["FLUSHALL"]);
    await run("init");
    const { code, out } = await run("create", "--user", ADA, "--name", "ci", "--json");
    expect(code).toBe(0);
    const { key, id } = JSON.parse(out) as { key: string; id: string };
    expect((await off.exchange(key)).status).toBe(200);
    expect(await off.local.redis.execute(["EXISTS", `apikey-use:${id}`])).toBe(0);
    setMetadata(off, ADA, {});
    expect((await off.exchange(key)).body["error"]).toBe("access_denied");
  } finally {
    await off.stop();
  }
});

type Release = "previous" | "present";
const RELEASES: readonly Release[] = ["previous", "present"];
const otherOf = (release: Release): Release => (release === "previous" ? "present" : "previous");

/** Both releases on one tenant: their Actions in turn, their CLIs side by side. */
interface Mixture {
  readonly s: Stage;
  /** Lets this release's Actions run from now on. */
  use(release: Release): void;
  run(release: Release, argv: readonly string[], stdin?: string): Promise<Run>;
  /** What a run prints as JSON; throws unless it ends well. */
  keys<T>(release: Release, ...argv: readonly string[]): Promise<T>;
  close(): Promise<void>;
}

const BILL_PREFIX = "acme_bill";
/** One API has a prefix of its own, which the previous release is told to accept as any other. */
const PRESENT: Partial<typeof CONFIG> = {
  apis: CONFIG.apis.map((api) =>
    api.identifier === OTHER_AUDIENCE ? { ...api, keyPrefix: BILL_PREFIX } : api,
  ),
};
const PREVIOUS: PreviousConfig = { ...PREVIOUS_CONFIG, keyPrefixes: ["acme_live", BILL_PREFIX] };
const CONFIG_MODULE = resolve("src/deploy/config.ts");

async function startMixture(): Promise<Mixture> {
  const s = await stage({ config: PRESENT });
  const { actions } = s.local.tenant;
  const present = [...actions];
  const previous = present.map(([id, { version }]) => {
    const code = previousActions(PREVIOUS).find(({ trigger }) => trigger === version.trigger);
    return [id, deployAction({ ...version, ...code })] as const;
  });
  const folder = await mkdtemp(join(tmpdir(), "mixture-"));
  const file = join(folder, "deploy.config.ts");
  await writeFile(
    file,
    `import { defineConfig } from ${JSON.stringify(CONFIG_MODULE)};\nexport default defineConfig(${JSON.stringify({ ...CONFIG, ...PRESENT })});\n`,
  );
  const run: Mixture["run"] = async (release, argv, stdin) =>
    release === "previous"
      ? runPreviousKeys(argv, environmentOf(s), stdin, PREVIOUS)
      : runKeysCli([...argv, "--config", file], environmentOf(s), stdin);
  return {
    s,
    use(release) {
      for (const [id, action] of release === "previous" ? previous : present) actions.set(id, action);
    },
    run,
    async keys<T>(release: Release, ...argv: readonly string[]) {
      const { code, out, err } = await run(release, [...argv, "--json"]);
      if (code !== 0) throw new Error(`${release}: ${argv.join(" ")}: ${err}`);
      return JSON.parse(out) as T;
    },
    async close() {
      await s.stop();
      await rm(folder, { recursive: true });
    },
  };
}

type Members = Readonly<Record<string, unknown>>;

function entriesOf({ local }: Stage, userId: string): readonly Members[] {
  const metadata = local.tenant.users.get(userId)?.["app_metadata"] as Record<string, unknown> | undefined;
  return (metadata?.["api_keys"] ?? []) as readonly Members[];
}

async function recordsIn({ local: { redis } }: Stage): Promise<ReadonlyMap<string, string>> {
  const [, names] = (await redis.execute(["SCAN", "0", "MATCH", "apikey:*"])) as [string, string[]];
  return new Map(
    await Promise.all(names.map(async (name) => [name, String(await redis.execute(["GET", name]))] as const)),
  );
}

describe("both releases work on one deployment", () => {
  /**
   * What is asked of each key: an API, a scope of it, by a client. A key with scopes has no `openid`: the previous release
   * takes it away, the present one refuses to be asked for it.
   */
  const ASKED: readonly Readonly<Record<string, string>>[] = [
    { audience: AUDIENCE, scope: "read:things", client_id: CLIENT_ID },
    { audience: AUDIENCE, scope: "write:things", client_id: CLIENT_ID },
    { audience: AUDIENCE, scope: "read:things", client_id: OTHER_CLIENT_ID },
    { audience: OTHER_AUDIENCE, scope: "read:bills", client_id: CLIENT_ID },
    { audience: AUDIENCE, scope: "openid read:things", client_id: CLIENT_ID },
  ];
  const OPENID = 4;
  const no = undefined;
  const every = ["read:things", "write:things", "read:things", "read:bills", "openid read:things"];
  /** What a key is made with, and what it is then granted of what is asked. */
  const KINDS: readonly (readonly [string, readonly string[], readonly (string | undefined)[]])[] = [
    ["without restrictions", ["--no-expiry"], every],
    ["scoped", ["--scope", "read:things"], ["read:things", no, "read:things", no, "read:things"]],
    ["for an API", ["--audience", OTHER_AUDIENCE, "--expires-in-days", "30"], [no, no, no, "read:bills", no]],
    ["from here", ["--ip", "127.0.0.1/32", "--ip", "::1"], every],
    ["from elsewhere", ["--ip", "203.0.113.0/24"], [no, no, no, no, no]],
    [
      "by a client",
      ["--client", CLIENT_ID, "--scope", "read:things write:things"],
      ["read:things", "write:things", no, no, "read:things"],
    ],
  ];

  /** A key as this test knows it, whatever the stores say. */
  interface Known {
    readonly label: string;
    readonly userId: string;
    readonly madeBy: Release;
    readonly id: string;
    readonly granted: readonly (string | undefined)[];
    /** The newest first. */
    secrets: readonly string[];
    works: boolean;
    isOverlapping: boolean;
    entry: Members;
  }

  let m: Mixture;
  let known: readonly Known[];
  beforeAll(async () => {
    m = await startMixture();
    const made = RELEASES.map(async (madeBy) => {
      const userId = madeBy === "previous" ? ADA : GRACE;
      const own: Known[] = [];
      for (const [kind, argv, granted] of KINDS) {
        const { id, key } = await m.keys<{ readonly id: string; readonly key: string }>(
          madeBy,
          "create",
          "--user",
          userId,
          "--name",
          kind,
          ...argv,
        );
        const entry = entriesOf(m.s, userId).find((one) => one["id"] === id) ?? {};
        const label = `${kind}, made by the ${madeBy} release`;
        own.push({
          label,
          userId,
          madeBy,
          id,
          granted,
          secrets: [key],
          works: true,
          isOverlapping: true,
          entry,
        });
      }
      return own;
    });
    known = (await Promise.all(made)).flat();
  });
  afterAll(async () => {
    vi.useRealTimers();
    await m.close();
  });

  /** Every key does what it was made for, neither more nor less, whichever Actions run. */
  async function expectRights(step: string): Promise<void> {
    for (const release of RELEASES) {
      m.use(release);
      // Some at a time: the Actions wait for Redis no longer than two seconds.
      const found: unknown[] = [];
      for (const { label, userId, id, secrets } of known) {
        const answers = secrets.map(async (secret) => {
          const asked = ASKED.map(async (parameters) => {
            const { status, body } = await m.s.exchange(secret, parameters);
            const claims = status === 200 ? claimsOf(body["access_token"]) : {};
            const isRight = claims["sub"] === userId && isActor(claims["act"], id);
            return status === 200 ? (isRight ? claims["scope"] : "as somebody else") : no;
          });
          return Promise.all(asked);
        });
        found.push([step, release, label, await Promise.all(answers)]);
      }
      const expected = known.map(({ label, granted, secrets, works, isOverlapping, entry }) => {
        const none = granted.map(() => no);
        const isRefused = release === "present" && entry["scope"] !== undefined;
        const rights = granted.map((one, at) => (isRefused && at === OPENID ? no : one));
        const all = secrets.map((_, at) => (works && (at === 0 || isOverlapping) ? rights : none));
        return [step, release, label, all];
      });
      expect(found).toEqual(expected);
    }
  }
  const isActor = (act: unknown, id: string) => (act as { readonly sub?: string }).sub === `api-key|${id}`;

  /** Every entry is there, with the members that it had, but for those that may have changed. */
  function expectMembers(changed: readonly string[]): void {
    for (const one of known) {
      const entry = entriesOf(m.s, one.userId).find(({ id }) => id === one.id) ?? {};
      const kept = (all: Members) =>
        Object.fromEntries(Object.entries(all).filter(([name]) => !changed.includes(name)));
      expect([one.label, kept(entry)]).toEqual([one.label, kept(one.entry)]);
      one.entry = entry;
    }
  }

  /** Has the release that did not make a key do something to each, both at once. */
  async function byTheOther(work: (one: Known, release: Release) => Promise<void>): Promise<void> {
    const all = RELEASES.map(async (madeBy) => {
      for (const one of known) if (one.madeBy === madeBy) await work(one, otherOf(madeBy));
    });
    await Promise.all(all);
  }
  const of = (one: Known, verb: string) => [verb, one.id, "--user", one.userId];

  test("keys of either release do what they were made for under the Actions of both", async () => {
    await expectRights("made");
    for (const { madeBy, entry } of known) expect("prefix" in entry).toBe(madeBy === "present");
    expect(known.find(({ secrets }) => secrets[0]?.startsWith(BILL_PREFIX))?.madeBy).toBe("present");
  });

  test("each lists, shows, disables and enables what the other made", async () => {
    for (const release of RELEASES) {
      for (const userId of [ADA, GRACE]) {
        const listed = await m.keys<readonly Members[]>(release, "list", "--user", userId);
        const own = known.filter((one) => one.userId === userId);
        expect(listed.map(({ id, name, status }) => [id, name, status])).toEqual(
          own.map(({ id, entry }) => [id, entry["name"], "active"]),
        );
      }
    }
    await byTheOther(async (one, release) => {
      expect(await m.keys(release, ...of(one, "disable"))).toMatchObject({ status: "disabled" });
      one.works = false;
    });
    await expectRights("disabled");
    expectMembers(["disabled_at"]);
    await byTheOther(async (one, release) => {
      expect(await m.keys(release, ...of(one, "enable"))).toMatchObject({ status: "active" });
      one.works = true;
    });
    expectMembers(["disabled_at"]);
    await expectRights("enabled");
  });

  test("each rotates what the other made: both secrets work while the overlap lasts", async () => {
    await byTheOther(async (one, release) => {
      const { key } = await m.keys<{ readonly key: string }>(
        release,
        ...of(one, "rotate"),
        "--overlap",
        "24h",
      );
      one.secrets = [key, ...one.secrets];
    });
    await expectRights("rotated");
    const prefixes = new Map(known.map(({ id, entry }) => [id, entry["prefix"]]));
    expectMembers(["hash", "v", "previous", "exp", "prefix"]);
    // What the previous release rotates keeps the member that it does not know.
    for (const { id, madeBy, entry } of known) {
      expect(entry["prefix"]).toBe(
        madeBy === "present" ? prefixes.get(id) : entry["aud"] ? BILL_PREFIX : "acme_live",
      );
    }
  });

  test("each revokes what the other made, and that stays so", async () => {
    const ended = new Set(["from elsewhere", "from here"]);
    await byTheOther(async (one, release) => {
      if (!ended.has(String(one.entry["name"]))) return;
      expect(await m.keys(release, ...of(one, "revoke"))).toMatchObject({ status: "revoked" });
      one.works = false;
    });
    await expectRights("revoked");
    expectMembers(["revoked_at", "revoked_reason"]);
    for (const one of known.filter(({ works }) => !works)) {
      expect((await m.run("previous", of(one, "enable"))).code).toBe(1);
      expect((await m.run("present", of(one, "enable"))).code).toBe(1);
      expect((await m.run("present", of(one, "rotate"))).code).toBe(1);
    }
    await expectRights("still revoked");
  });

  describe("each mends, alternately, round after round", () => {
    const yesterday = Math.floor(Date.now() / 1000) - 86_400;
    let before: ReadonlyMap<string, string>;
    beforeAll(async () => {
      before = await recordsIn(m.s);
    });
    const execute = async (...command: readonly string[]) => m.s.local.redis.execute([...command]);
    const rounds: readonly (readonly [string, () => Promise<void>])[] = [
      [
        "every record is lost",
        async () => {
          for (const name of before.keys()) await execute("DEL", name);
        },
      ],
      [
        "records of before a revocation are back",
        async () => {
          const { peppers } = m.s.settings;
          for (const { id, works, userId, entry } of known) {
            if (works) continue;
            const { revoked_at: _, revoked_reason: __, name: ___, ...alive } = entry;
            const text = JSON.stringify({ sub: userId, ...alive });
            await execute("SET", recordKey(id), `v1.${sealOf(text, peppers.current)}.${text}`);
          }
        },
      ],
      [
        "a revocation ended after its first write",
        async () => {
          const { peppers } = m.s.settings;
          for (const one of known) {
            if (one.entry["name"] !== "by a client") continue;
            const { name: _, ...rest } = one.entry;
            const dead = { sub: one.userId, ...rest, revoked_at: yesterday, revoked_reason: "leaked" };
            const text = JSON.stringify(dead);
            await execute("SET", recordKey(one.id), `v1.${sealOf(text, peppers.current)}.${text}`);
            one.works = false;
          }
        },
      ],
      [
        "a user's entries are lost",
        async () => {
          setMetadata(m.s, GRACE, { plan: "gold" });
          setMetadata(m.s, ADA, { plan: "gold" });
        },
      ],
    ];
    /** The present release lets a key that only Redis knows of come back disabled, and one that has ended not at all. */
    async function expectRestoredOff(what: string, restore: readonly string[]): Promise<void> {
      const living = known.filter(({ works }) => works);
      for (const one of living) one.works = false;
      await expectRights(`${what}, restored`);
      for (const one of living) {
        await m.keys("present", ...of(one, "enable"));
        one.works = true;
      }
      await m.keys("previous", "reconcile", "--fix", ...restore);
    }
    const table = rounds.flatMap(([what, damage]) => RELEASES.map((first) => [what, first, damage] as const));
    test.each(table)("%s, and the %s release looks first", async (what, first, damage) => {
      const isLost = what.includes("entries");
      const restore = isLost ? ["--restore-entries", "--yes"] : [];
      await damage();
      await m.keys(first, "reconcile", "--fix", ...restore);
      if (isLost && first === "present") await expectRestoredOff(what, restore);
      await expectRights(`${what}, mended`);
      expectMembers(isLost ? ["name"] : ["revoked_at", "revoked_reason"]);
      // The other finds nothing to do, and neither has anything to drop.
      const looked = await m.keys<{ readonly mended: number }>(otherOf(first), "reconcile", "--fix");
      expect(looked).toMatchObject({ mended: 0, remaining: 0, marked: true });
      expect(await m.keys("previous", "prune", "--user", GRACE)).toEqual([]);
      expect(await m.keys("present", "prune", "--user", ADA)).toEqual([]);
      expectMembers([]);
      await expectRights(`${what}, looked at by both`);
    });
  });

  test("each prunes what the other made and is dead for longer than the retention, and nothing else", async () => {
    const long = Math.floor(Date.now() / 1000) - 31 * 86_400;
    const gone: string[] = [];
    for (const userId of [ADA, GRACE]) {
      const first = known.find((one) => one.userId === userId && !one.works);
      gone.push(first?.id ?? "");
      const entries = entriesOf(m.s, userId).map((one) =>
        one["id"] === first?.id ? { ...one, revoked_at: long } : one,
      );
      setMetadata(m.s, userId, { plan: "gold", api_keys: entries });
    }
    known = known.filter(({ id }) => !gone.includes(id));
    for (const [userId, release] of [
      [ADA, "present"],
      [GRACE, "previous"],
    ] as const) {
      const dropped = await m.keys<readonly Members[]>(release, "prune", "--user", userId);
      expect(dropped.map(({ id }) => id)).toEqual([gone[userId === ADA ? 0 : 1]]);
    }
    for (const id of gone) expect(await m.s.local.redis.execute(["EXISTS", recordKey(id)])).toBe(0);
    expectMembers([]);
    await expectRights("pruned");
    for (const release of RELEASES) {
      expect(await m.keys(release, "reconcile", "--fix")).toMatchObject({ mended: 0, remaining: 0 });
    }
  });

  test("what ends with time ends for both: overlaps, then keys", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 25 * 3_600_000 });
    for (const one of known) one.isOverlapping = false;
    await expectRights("after the overlap");
    // A rotation gave each its time anew, and none to what never ends.
    vi.setSystemTime(Date.now() + 90 * 86_400_000);
    for (const one of known) one.works &&= one.label.startsWith("without restrictions");
    await expectRights("after the end of all but some");
  });
});

describe("what a release of tomorrow wrote", () => {
  /** A restriction that neither release here knows. */
  const MEMBER = { weekdays: [1, 2] };
  interface Form {
    readonly entry: (entry: Members) => Members;
    readonly record: (record: Members) => string;
    /** What the present Actions answer. */
    readonly present: readonly [number, string];
    /** What those of the previous release answer: they look at the form of the record alone. */
    readonly previous: number;
    /** Whether the record can be read, and keeps what it has. */
    readonly isReadable: boolean;
  }
  const same = (one: Members) => one;
  const withMember = (one: Members) => ({ ...one, ...MEMBER });
  const inPrevious = (one: Members) => ({ ...one, previous: { ...(one["previous"] as Members), ...MEMBER } });
  const seal = (text: string) => sealOf(text, m.s.settings.peppers.current);
  const v1 = (record: Members) => {
    const text = JSON.stringify(record);
    return `v1.${seal(text)}.${text}`;
  };
  const v2 = (record: Members) => {
    const text = JSON.stringify(record);
    return `v2.${seal(`v2.${text}`)}.${text}`;
  };
  const newer = { present: [500, "server_error"] as const, isReadable: true };
  const forms: Readonly<Record<string, Form>> = {
    "a member": { ...newer, entry: withMember, record: (one) => v1(withMember(one)), previous: 200 },
    "a member of the previous secret": {
      ...newer,
      entry: inPrevious,
      record: (one) => v1(inPrevious(one)),
      previous: 200,
    },
    "a record of form v2": {
      ...newer,
      entry: withMember,
      record: (one) => v2(withMember(one)),
      previous: 500,
      isReadable: false,
    },
    "a member of the entry alone": {
      ...newer,
      entry: withMember,
      record: v1,
      present: [403, "access_denied"],
      previous: 200,
    },
    "a member of the record alone": {
      ...newer,
      entry: same,
      record: (one) => v1(withMember(one)),
      previous: 200,
    },
    "a record of form v2 alone": {
      ...newer,
      entry: same,
      record: (one) => v2(withMember(one)),
      previous: 500,
      isReadable: false,
    },
  };

  let m: Mixture;
  beforeAll(async () => {
    m = await startMixture();
  });
  afterEach(async () => {
    setMetadata(m.s, ADA, {});
    for (const name of (await recordsIn(m.s)).keys()) await m.s.local.redis.execute(["DEL", name]);
  });
  afterAll(async () => m.close());

  /** A rotated key of this form; and beside it one that is as today, and stays so. */
  async function make({ entry, record }: Form) {
    const { id } = await m.keys<{ readonly id: string }>(
      "present",
      "create",
      "--user",
      ADA,
      "--name",
      "newer",
      "--scope",
      "read:things",
    );
    const { key } = await m.keys<{ readonly key: string }>("present", "rotate", id, "--user", ADA);
    const plain = await m.keys<{ readonly key: string; readonly id: string }>(
      "present",
      "create",
      "--user",
      ADA,
      "--name",
      "plain",
    );
    const entries = entriesOf(m.s, ADA).map((one) => (one["id"] === id ? entry(one) : one));
    setMetadata(m.s, ADA, { api_keys: entries });
    const { name: _, ...rest } = entries.find((one) => one["id"] === id) ?? {};
    const bare: Members = { sub: ADA, ...withoutMember(rest) };
    await m.s.local.redis.execute(["SET", recordKey(id), record(bare)]);
    return { id, key, plain };
  }
  /** What a record of today says: the member is put into it, or is not, by the form. */
  function withoutMember(one: Members): Members {
    const drop = (all: Members) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => !(name in MEMBER)));
    return { ...drop(one), previous: drop(one["previous"] as Members) };
  }
  const entryOf = (id: string) => entriesOf(m.s, ADA).find((one) => one["id"] === id) ?? {};
  const recordOf = async (id: string) => String(await m.s.local.redis.execute(["GET", recordKey(id)]));
  const stores = async () => JSON.stringify([entriesOf(m.s, ADA), Object.fromEntries(await recordsIn(m.s))]);
  const answer = async (release: Release, key: string) => {
    m.use(release);
    return m.s.exchange(key);
  };
  const expectPlain = async (key: string) => {
    for (const release of RELEASES) expect((await answer(release, key)).status).toBe(200);
  };

  describe.each(Object.entries(forms))("%s", (_, form) => {
    test("is refused by the Actions, shown, and left as it is by every command but those that end the key", async () => {
      const { id, key, plain } = await make(form);
      const refused = await answer("present", key);
      expect([refused.status, refused.body["error"]]).toEqual(form.present);
      expect((await answer("previous", key)).status).toBe(form.previous);
      const before = await stores();
      const listed = await m.keys<readonly Members[]>("present", "list", "--user", ADA);
      expect(listed.map((one) => one["id"])).toEqual(expect.arrayContaining([id, plain.id]));
      for (const argv of [["rotate"], ["rotate", "--cancel"], ["rotate", "--now"], ["enable"]]) {
        const [verb = "", ...options] = argv;
        const run = await m.run("present", [verb, id, "--user", ADA, ...options]);
        expect([argv, run.code, run.err]).toEqual([
          argv,
          1,
          expect.stringContaining(`Key ${id} was changed by a newer version of this tool.`),
        ]);
      }
      await expect(renameKey(m.s.keys, ADA, id, "another")).rejects.toMatchObject({ code: "key_newer" });
      for (const more of [[], ["--restore-entries", "--yes"]]) {
        const run = await m.run("present", ["reconcile", "--fix", "--json", ...more]);
        expect(run.code).toBe(1);
        expect(JSON.parse(run.out)).toMatchObject({ counts: { newer_version: 1 }, mended: 0, remaining: 1 });
      }
      expect(await m.keys("present", "prune", "--user", ADA)).toEqual([]);
      expect(await stores()).toBe(before);
      // Others of the same user are changed as ever, and it stays beside them as it is.
      await m.keys("present", "rotate", plain.id, "--user", ADA);
      await m.keys("present", "create", "--user", ADA, "--name", "more");
      expect(JSON.stringify(entryOf(id))).toBe(
        JSON.stringify(JSON.parse(before)[0].find((one: Members) => one["id"] === id)),
      );
      await expectPlain(plain.key);
    });

    test("is disabled, keeps what it has, and is not enabled by this release", async () => {
      const { id, key, plain } = await make(form);
      const [entry, record] = [entryOf(id), await recordOf(id)];
      expect(await m.keys("present", "disable", id, "--user", ADA)).toMatchObject({ status: "disabled" });
      const disabled_at = entryOf(id)["disabled_at"];
      expect(disabled_at).toEqual(expect.any(Number));
      expect(entryOf(id)).toEqual({ ...entry, disabled_at });
      const text = await recordOf(id);
      if (form.isReadable) expect(jsonOf(text)).toEqual({ ...jsonOf(record), disabled_at });
      else expect(text).toBe(record);
      for (const release of RELEASES) expect((await answer(release, key)).status).toBeGreaterThanOrEqual(400);
      const before = await stores();
      expect((await m.run("present", ["enable", id, "--user", ADA])).code).toBe(1);
      expect((await m.run("present", ["reconcile", "--fix"])).code).toBe(1);
      expect(await stores()).toBe(before);
      await expectPlain(plain.key);
    });

    test("is revoked for good, and its entry keeps what it has", async () => {
      const { id, key, plain } = await make(form);
      const [entry, record] = [entryOf(id), await recordOf(id)];
      expect(await m.keys("present", "revoke", id, "--user", ADA)).toMatchObject({ status: "revoked" });
      const { revoked_at, revoked_reason } = entryOf(id);
      expect(entryOf(id)).toEqual({ ...entry, revoked_at: expect.any(Number), revoked_reason });
      const told = jsonOf(await recordOf(id));
      expect(told).toMatchObject({ revoked_at, revoked_reason });
      if (form.isReadable) expect(told).toEqual({ ...jsonOf(record), revoked_at, revoked_reason });
      for (const release of RELEASES) {
        const { status } = await answer(release, key);
        expect([release, status]).toEqual([release, expect.toSatisfy((one: number) => one >= 400)]);
      }
      await expectPlain(plain.key);
    });

    test("is revoked where it stands in a leak report, if its record can be read, and else nothing is", async () => {
      const { id, key, plain } = await make(form);
      const before = await stores();
      const run = await m.run("present", ["revoke", "--stdin", "--json"], `leaked: ${key}`);
      if (form.isReadable) {
        expect([run.code, JSON.parse(run.out)]).toMatchObject([0, [{ outcome: "revoked", user_id: ADA }]]);
        expect(entryOf(id)).toMatchObject({ revoked_at: expect.any(Number) });
      } else {
        expect([run.code, run.err]).toEqual([1, expect.stringContaining("a newer version of this tool")]);
        expect(await stores()).toBe(before);
      }
      await expectPlain(plain.key);
    });

    test("is dropped with all keys of the deployment", async () => {
      const { id } = await make(form);
      const dropped = await dropKeys(m.s.keys);
      expect([dropped.entries, dropped.foreign]).toEqual([2, []]);
      expect(entriesOf(m.s, ADA)).toEqual([]);
      expect(await m.s.local.redis.execute(["EXISTS", recordKey(id)])).toBe(0);
      await m.keys("present", "init");
    });

    test("without its entry it is reported, and no entry is made of it", async () => {
      const { id, plain } = await make(form);
      // The member is gone with the entry where that alone had it.
      if (!(await recordOf(id)).includes("weekdays")) return;
      setMetadata(m.s, ADA, { api_keys: entriesOf(m.s, ADA).filter((one) => one["id"] !== id) });
      const before = await stores();
      const run = await m.run("present", ["reconcile", "--fix", "--restore-entries", "--yes", "--json"]);
      expect([run.code, JSON.parse(run.out)]).toMatchObject([1, { counts: { newer_version: 1 }, mended: 0 }]);
      expect(await stores()).toBe(before);
      await expectPlain(plain.key);
    });

    test("is sealed anew as it is when the pepper that sealed it is retired", async () => {
      const { id, plain } = await make(form);
      for (const one of [id, plain.id]) await m.keys("present", "revoke", one, "--user", ADA);
      const before = jsonOf(await recordOf(id));
      const marker = String(await m.s.local.redis.execute(["GET", "apikey-store"]));
      const peppers = parsePeppers(`2:${pepperOf("two")} 1:${pepperOf("one")}`);
      const later = openKeys(m.s.config, { ...m.s.settings, peppers });
      await later.records.remark();
      await retirePepper(later, 1);
      const text = await recordOf(id);
      expect(jsonOf(text)).toEqual(before);
      expect(text.startsWith(`v1.${sealOf(JSON.stringify(before), peppers.current)}.`)).toBe(true);
      await m.s.local.redis.execute(["SET", "apikey-store", marker]);
    });

    test("is pruned once it is dead for longer than the retention", async () => {
      const { id } = await make(form);
      await m.keys("present", "revoke", id, "--user", ADA);
      const long = Math.floor(Date.now() / 1000) - 31 * 86_400;
      const entries = entriesOf(m.s, ADA).map((one) =>
        one["id"] === id ? { ...one, revoked_at: long } : one,
      );
      setMetadata(m.s, ADA, { api_keys: entries });
      expect(await m.keys("present", "prune", "--user", ADA)).toMatchObject([{ id }]);
      expect([entryOf(id), await m.s.local.redis.execute(["EXISTS", recordKey(id)])]).toEqual([{}, 0]);
    });
  });
});

/** The JSON of a sealed text. */
function jsonOf(text: string): Members {
  return JSON.parse(text.slice(text.indexOf("{"))) as Members;
}
