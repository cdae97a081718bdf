import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";

import { keyEntriesOf } from "../support/entries.ts";
import { parsePeppers } from "../../src/core/peppers.ts";
import { sealStoreMarker, STORE_MARKER_KEY } from "../../src/core/store-marker.ts";
import { importKeys } from "../../src/keys/import.ts";
import { readImportLine } from "../../src/keys/import-line.ts";
import { openKeys } from "../../src/keys/open-keys.ts";
import { rotateKey } from "../../src/keys/rotate.ts";
import { runKeysCli, type Run } from "../support/cli.ts";
import {
  ADA,
  AUDIENCE,
  environmentOf,
  GRACE,
  pepperOf,
  setMetadata,
  stage,
  type Stage,
} from "../support/stage.ts";

const NOW = Date.UTC(2026, 10, 25, 12);
const CONFIG_FILE = ["--config", "test/support/foreign.config.ts"];

const PEPPERS = `2:${pepperOf("two")} 1:${pepperOf("one")}`;

let s: Stage;
let folder: string;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
  folder = await mkdtemp(join(tmpdir(), "import-"));
  s = await stage({
    config: { policy: { allowNoExpiry: true, acceptForeignKeys: true } },
    pepper: PEPPERS,
  });
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true });
  vi.useRealTimers();
});
beforeEach(async () => {
  for (const user of [ADA, GRACE]) setMetadata(s, user, undefined);
  await s.local.redis.execute(["FLUSHALL"]);
  await s.keys.records.mark();
});

let made = 0;
/** A key as another system made it; no two are the same. */
const foreign = () => `shop-${createHash("sha256").update(`key ${++made}`).digest("hex")}`;
const sha256 = (key: string, encoding: "hex" | "base64" | "base64url") =>
  createHash("sha256").update(key).digest(encoding);

async function importLines(
  lines: readonly (object | string)[],
  argv: readonly string[] = ["--write"],
  pepper = PEPPERS,
): Promise<Run & { readonly report: readonly Record<string, unknown>[] }> {
  const file = join(folder, "keys.ndjson");
  await writeFile(
    file,
    lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"),
  );
  const env = { ...environmentOf(s), API_KEY_PEPPER: pepper };
  const run = await runKeysCli(["import", file, "--json", ...CONFIG_FILE, ...argv], env);
  const report = run.out
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { ...run, report };
}

const subOf = async (key: string) => {
  const { status, body } = await s.exchange(key);
  if (status !== 200) return `${String(body["error"])}: ${String(body["error_description"])}`;
  const [, payload = ""] = String(body["access_token"]).split(".");
  return (JSON.parse(Buffer.from(payload, "base64url").toString()) as { sub: string }).sub;
};
const entriesOf = (userId: string) => keyEntriesOf(s.local.tenant.users.get(userId)?.["app_metadata"]);

describe("foreign keys go on working as they are", () => {
  test.each<[string, (key: string) => object]>([
    ["given as they are", (key) => ({ key })],
    ["given as SHA-256, hexadecimal", (key) => ({ sha256: sha256(key, "hex") })],
    ["given as SHA-256, upper case", (key) => ({ sha256: sha256(key, "hex").toUpperCase() })],
    ["given as SHA-256, base64", (key) => ({ sha256: sha256(key, "base64") })],
    ["given as SHA-256, base64url", (key) => ({ sha256: sha256(key, "base64url") })],
  ])("%s", async (_, given) => {
    const key = foreign();
    expect(await subOf(key)).toBe("invalid_request: Invalid API key.");
    const { code, report } = await importLines([{ user_id: GRACE, name: "old", ...given(key) }]);
    expect([code, report[0]]).toEqual([
      0,
      expect.objectContaining({ line: 1, user_id: GRACE, outcome: "imported" }),
    ]);
    expect(await subOf(key)).toBe(GRACE);
    expect(await subOf(`${key}x`)).toBe("invalid_request: Invalid API key.");
  });

  it("with their restrictions, for as long as was said", async () => {
    const [restricted, ending] = [foreign(), foreign()];
    const end = new Date(NOW + 60_000).toISOString();
    await importLines([
      {
        user_id: ADA,
        name: "one",
        key: restricted,
        scope: "write:things",
        audience: [AUDIENCE],
        expires_at: null,
      },
      { user_id: ADA, name: "two", key: ending, expires_at: end },
    ]);
    expect(await subOf(restricted)).toBe("invalid_scope: This API key does not have the scope: read:things.");
    vi.setSystemTime(NOW + 59_000);
    const before = await subOf(ending);
    vi.setSystemTime(NOW + 60_000);
    const after = await subOf(ending);
    vi.setSystemTime(NOW);
    expect([before, after]).toEqual([ADA, "invalid_request: This API key expired at 2026-11-25T12:01:00Z."]);
    expect(entriesOf(ADA).map(({ exp }) => exp)).toEqual([undefined, NOW / 1000 + 60]);
  });

  it("and can be rotated to a key of ours, with an overlap, disabled and revoked like any other", async () => {
    const key = foreign();
    const { report } = await importLines([{ user_id: ADA, name: "old", key }]);
    const id = String(report[0]?.["key_id"]);
    const { apiKey } = await rotateKey(s.keys, ADA, id, { overlapSeconds: 60 });
    expect([await subOf(key), await subOf(apiKey.reveal())]).toEqual([ADA, ADA]);
    expect(apiKey.id).toBe(id);
    vi.setSystemTime(NOW + 60_000);
    const late = await subOf(key);
    vi.setSystemTime(NOW);
    expect(late).toContain("its previous secret expired");
    expect((await importLines([{ user_id: ADA, name: "old", key }])).report[0]).toMatchObject({
      outcome: "there_already",
    });
  });

  it("and are found in a leak report by whoever has them, quoted or not, and never echoed", async () => {
    const [one, other, unknown] = [foreign(), foreign(), foreign()];
    await importLines([
      { user_id: ADA, name: "one", key: one },
      { user_id: GRACE, name: "other", key: other },
    ]);
    const env = { ...environmentOf(s), API_KEY_PEPPER: PEPPERS };
    const text = `token = "${one}", seen at shop.example\n${other}\n${unknown}\n`;
    const run = await runKeysCli(["revoke", "--stdin", "--json", ...CONFIG_FILE], env, text);
    expect(
      (JSON.parse(run.out) as { user_id: string; outcome: string }[]).map((o) => [o.user_id, o.outcome]),
    ).toEqual(
      expect.arrayContaining([
        [ADA, "revoked"],
        [GRACE, "revoked"],
      ]),
    );
    for (const key of [one, other, unknown]) expect(run.out + run.err).not.toContain(key);
    expect(await subOf(one)).toContain("was revoked");
    expect(await subOf(other)).toContain("was revoked");
  });

  const inReport = async (text: string) => {
    const env = { ...environmentOf(s), API_KEY_PEPPER: PEPPERS };
    return runKeysCli(["revoke", "--stdin", ...CONFIG_FILE], env, text);
  };

  test.each<[string, (key: string) => string]>([
    ["assigned", (key) => `API_KEY=${key}`],
    ["in parentheses", (key) => `(${key})`],
    ["in brackets", (key) => `[${key}]`],
    ["in a link", (key) => `https://shop.example/orders/?a=1&k=${key}&page=2`],
    ["in a path", (key) => `C:\\keys\\${key}\\old`],
    ["in a header", (key) => `Authorization:${key}`],
    ["at the end of a sentence", (key) => `It was ${key}.`],
    ["in JSON inside of JSON", (key) => `{"log":"{\\"key\\":\\"${key}\\"}"}`],
    ["escaped in a link", (key) => `key%3D${key}%26`],
    ["as UTF-16", (key) => Buffer.from(`key: ${key}\r\n`, "utf16le").toString("utf8")],
  ])("a foreign key that stands in a report %s is revoked", async (_, text) => {
    for (const key of [foreign(), `shop/${Buffer.from(foreign()).toString("base64")}`]) {
      await importLines([{ user_id: ADA, name: key.slice(0, 60), key }]);
      expect((await inReport(text(key))).code).toBe(0);
      expect(await subOf(key)).toContain("was revoked");
    }
  });

  test("a report without a key that is known fails loudly where a word may be one, and not otherwise", async () => {
    const nothing = await inReport(`see ${foreign()}`);
    expect([nothing.code, nothing.err]).toEqual([1, expect.stringContaining("none in it was revoked")]);
    expect((await inReport("nothing to see here")).code).toBe(0);
  });
});

test("a key for an organization that its user is no member of is refused, and one for another is not", async () => {
  const org = { id: "org_1", name: "acme", members: new Set([ADA]), enabledConnections: new Map() };
  s.local.tenant.organizations.set(org.id, { ...org, display_name: "Acme" } as never);
  const lines = ["org_1", "org_nope"].map((org_id) => ({
    user_id: ADA,
    name: org_id,
    key: foreign(),
    org_id,
  }));
  const { code, report } = await importLines(lines);
  s.local.tenant.organizations.clear();
  expect([code, ...report]).toMatchObject([
    1,
    { outcome: "imported" },
    { outcome: "refused", error: "organization_not_found" },
  ]);
  expect(entriesOf(ADA).map((entry) => entry.org_id)).toEqual(["org_1"]);
});

test("a file that begins with the mark of its byte order is read, and an end at its own offset", async () => {
  const key = foreign();
  const line = { user_id: ADA, name: "marked", key, expires_at: "2026-11-25T14:00:30+02:00" };
  const { code } = await importLines([`\uFEFF${JSON.stringify(line)}`]);
  expect([code, entriesOf(ADA)[0]?.exp]).toEqual([0, NOW / 1000 + 30]);
});

test("an end on a day that no month has is refused", async () => {
  const line = { user_id: ADA, name: "x", key: foreign(), expires_at: "2027-02-29T00:00:00Z" };
  const { code, report } = await importLines([line]);
  expect([code, report[0]?.["problem"]]).toEqual([1, expect.stringContaining("expires_at")]);
});

describe("a line is refused, says why, and keeps no other from being imported", () => {
  const good = { user_id: GRACE, name: "good" };
  test.each<[string, (key: string) => object | string, string, string]>([
    ["no JSON", (key) => `{"key":"${key}"`, "import_line_invalid", "the line itself"],
    ["an unknown field", (key) => ({ ...good, key, secret: key }), "import_line_invalid", "secret"],
    ["no user", (key) => ({ name: "x", key }), "import_line_invalid", "user_id"],
    ["neither key nor hash", () => good, "import_line_invalid", "either key or sha256"],
    [
      "both",
      (key) => ({ ...good, key, sha256: sha256(key, "hex") }),
      "import_line_invalid",
      "either key or sha256",
    ],
    ["a short key", (key) => ({ ...good, key: key.slice(0, 23) }), "import_line_invalid", "24 to 1,024"],
    [
      "half a hash",
      (key) => ({ ...good, sha256: sha256(key, "hex").slice(32) }),
      "import_line_invalid",
      "sha256",
    ],
    [
      "a key of our own form",
      () => ({ ...good, key: `acme_live_${"x".repeat(50)}` }),
      "import_line_invalid",
      "own keys",
    ],
    [
      "a user who does not exist",
      (key) => ({ ...good, user_id: "auth0|nobody", key }),
      "user_not_found",
      "nobody",
    ],
    ["an unknown scope", (key) => ({ ...good, key, scope: "fly" }), "scope_unknown", "fly"],
    [
      "a moment that is past",
      (key) => ({ ...good, key, expires_at: "2026-01-01T00:00:00Z" }),
      "expiry_past",
      "expired",
    ],
    [
      "a moment too late",
      (key) => ({ ...good, key, expires_at: "2036-01-01T00:00:00Z" }),
      "expiry_over_policy",
      "policy",
    ],
    [
      "no moment at all",
      (key) => ({ ...good, key, expires_at: "soon" }),
      "import_line_invalid",
      "expires_at",
    ],
  ])("%s", async (_, line, error, problem) => {
    const [key, other] = [foreign(), foreign()];
    const { code, report, out, err } = await importLines([line(key), { ...good, name: "other", key: other }]);
    expect(code).toBe(1);
    expect(report).toEqual([
      expect.objectContaining({
        line: 1,
        outcome: "refused",
        error,
        problem: expect.stringContaining(problem) as string,
      }),
      expect.objectContaining({ line: 2, outcome: "imported" }),
    ]);
    expect(out + err).not.toContain(key.slice(5));
    expect(await subOf(other)).toBe(GRACE);
  });

  it("a key that acts as another user, or was revoked, by its entry or by a tombstone alone", async () => {
    const [theirs, dead, tombstoned] = [foreign(), foreign(), foreign()];
    await importLines([
      { user_id: ADA, name: "theirs", key: theirs },
      { user_id: ADA, name: "dead", key: dead },
      { user_id: ADA, name: "tombstoned", key: tombstoned },
    ]);
    const env = { ...environmentOf(s), API_KEY_PEPPER: PEPPERS };
    await runKeysCli(["revoke", "--stdin", ...CONFIG_FILE], env, `${dead}\n${tombstoned}`);
    setMetadata(s, ADA, { api_keys: entriesOf(ADA).filter(({ name }) => name !== "tombstoned") });
    const { report } = await importLines([
      { user_id: GRACE, name: "theirs", key: theirs },
      { user_id: ADA, name: "dead", key: dead },
      { user_id: ADA, name: "tombstoned", key: tombstoned },
    ]);
    expect(report.map((one) => one["error"])).toEqual(["key_taken", "key_dead", "key_dead"]);
    expect([await subOf(theirs), await subOf(tombstoned)]).toEqual([
      ADA,
      expect.stringContaining("was revoked"),
    ]);
    expect(entriesOf(GRACE)).toEqual([]);
  });

  it("more keys than the policy allows, and the same name twice", async () => {
    const lines = Array.from({ length: 22 }, (_, at) => ({
      user_id: ADA,
      name: `key ${at % 21}`,
      key: foreign(),
    }));
    const { report } = await importLines(lines);
    expect(report.map(({ outcome }) => outcome)).toEqual([
      ...Array(20).fill("imported"),
      "refused",
      "refused",
    ]);
    expect(entriesOf(ADA)).toHaveLength(20);
  });

  it("all of them where the policy does not accept foreign keys, at the exchange too", async () => {
    const key = foreign();
    const strict = await stage({ pepper: PEPPERS });
    const file = join(folder, "strict.ndjson");
    await writeFile(file, JSON.stringify({ user_id: ADA, name: "x", key }));
    const argv = ["import", file, "--write", "--config", "test/support/no-expiry.config.ts"];
    const run = await runKeysCli(argv, environmentOf(strict));
    expect([run.code, run.out, run.err]).toEqual([
      1,
      "",
      expect.stringContaining("policy.acceptForeignKeys"),
    ]);
    const before = strict.local.redisRequests();
    expect((await strict.exchange(key)).body["error"]).toBe("invalid_request");
    expect(strict.local.redisRequests()).toBe(before);
    await strict.stop();
  });
});

test("two users' imports of one key at the same moment: one of them gets it, and the other is told", async () => {
  const keys = openKeys(s.config, s.settings);
  for (let round = 0; round < 10; round++) {
    const key = foreign();
    const outcomes = await Promise.all(
      [ADA, GRACE].map(async (user_id) => {
        const line = readImportLine(
          JSON.stringify({ user_id, name: `n${round}`, key }),
          [],
          keys.nowSeconds(),
        );
        const [outcome] = await importKeys(keys, user_id, [line], { write: true, upgrade: false });
        return outcome?.kind === "refused" ? outcome.error.code : outcome?.kind;
      }),
    );
    expect(new Set(outcomes)).toEqual(new Set(["imported", "key_taken"]));
    expect(await subOf(key)).toBe(outcomes[0] === "imported" ? ADA : GRACE);
  }
  expect(entriesOf(ADA).length + entriesOf(GRACE).length).toBe(10);
});

describe("running it", () => {
  it("writes nothing without --write, and says what would be", async () => {
    const key = foreign();
    const line = { user_id: ADA, name: "later", key };
    const { code, report, err } = await importLines([line], []);
    expect([code, report[0]?.["outcome"], err]).toEqual([
      0,
      "imported",
      expect.stringContaining("Nothing was written."),
    ]);
    expect(entriesOf(ADA)).toEqual([]);
    expect(await s.local.redis.execute(["DBSIZE"])).toBe(1);
    expect(await subOf(key)).toBe("invalid_request: Invalid API key.");
  });

  it("twice changes nothing, even with the same key on two lines", async () => {
    const key = foreign();
    const lines = [{ user_id: ADA, name: "one", key }, "", { user_id: ADA, name: "again", key }];
    expect((await importLines(lines)).report.map(({ line, outcome }) => [line, outcome])).toEqual([
      [1, "imported"],
      [3, "there_already"],
    ]);
    const before = structuredClone(entriesOf(ADA));
    const { err, report } = await importLines(lines);
    expect(report.map(({ outcome }) => outcome)).toEqual(["there_already", "there_already"]);
    expect(err).not.toContain("operation");
    expect(entriesOf(ADA)).toEqual(before);
  });

  it("with --upgrade hashes keys under the current pepper, so that the old one can be retired", async () => {
    const [one, other] = [foreign(), foreign()];
    const lines = [
      { user_id: ADA, name: "one", key: one, scope: "read:things" },
      { user_id: GRACE, name: "other", sha256: sha256(other, "hex") },
    ];
    const before = parsePeppers(`1:${pepperOf("one")}`);
    await s.local.redis.execute(["SET", STORE_MARKER_KEY, sealStoreMarker(s.config, before)]);
    await importLines(lines, ["--write"], `1:${pepperOf("one")} 2:${pepperOf("two")}`);
    expect([...entriesOf(ADA), ...entriesOf(GRACE)].map(({ v }) => v)).toEqual([1, 1]);
    await s.keys.records.remark();
    expect((await importLines(lines)).report.map(({ outcome }) => outcome)).toEqual([
      "there_already",
      "there_already",
    ]);
    const { report, err } = await importLines(lines, ["--write", "--upgrade"]);
    expect(report.map(({ outcome }) => outcome)).toEqual(["rehashed", "rehashed"]);
    expect(err).toContain('"changes":["secret"]');
    expect([...entriesOf(ADA), ...entriesOf(GRACE)].map(({ v, scope }) => [v, scope])).toEqual([
      [2, "read:things"],
      [2, undefined],
    ]);
    expect([await subOf(one), await subOf(other)]).toEqual([ADA, GRACE]);
    const retired = parsePeppers(`2:${pepperOf("two")}`);
    const records = await Promise.all(entriesOf(ADA).map(async ({ id }) => s.keys.records.read(id)));
    expect(records[0]?.v).toBe(retired.current.version);
  });

  it("names a file that cannot be read", async () => {
    const env = { ...environmentOf(s), API_KEY_PEPPER: PEPPERS };
    const run = await runKeysCli(["import", folder, ...CONFIG_FILE], env);
    expect([run.code, run.err]).toEqual([1, expect.stringContaining("cannot be read")]);
  });
});
