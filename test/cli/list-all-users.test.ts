import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import { newUser } from "../../src/local/management/users.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { disableKey } from "../../src/keys/disable.ts";
import { runKeysCli } from "../support/cli.ts";
import { ADA, environmentOf, GRACE, setMetadata, stage, type Stage } from "../support/stage.ts";
import { FAULTS, openWire, type Fault, type Wire } from "../support/wire.ts";

const START = Date.UTC(2026, 10, 22, 12);
const DAY = 86_400_000;
const FORTNIGHT = ["--expiring-within", "14d"];

let s: Stage;
let wire: Wire;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  s = await stage();
  wire = openWire(s);
});
afterEach(async () => {
  vi.setSystemTime(START);
  for (const userId of s.local.tenant.users.keys()) {
    if (userId === ADA || userId === GRACE) setMetadata(s, userId, {});
    else s.local.tenant.users.delete(userId);
  }
});
afterAll(async () => {
  wire.close();
  await s.stop();
  vi.useRealTimers();
});

const list = async (...argv: readonly string[]) => runKeysCli(["list", ...argv], environmentOf(s));
const linesOf = (out: string) =>
  out
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it("prints every key of every user, living and dead, one JSON object a line, with --json or without", async () => {
  const [ada, old, grace] = [await s.create(ADA), await s.create(ADA), await s.create(GRACE)];
  await revokeKey(s.keys, ADA, old.id, "leaked");
  const run = await list("--all-users");
  expect([run.code, run.err]).toEqual([0, ""]);
  expect(linesOf(run.out)).toMatchObject([
    { user_id: ADA, id: ada.id, status: "active", expires_at: "2027-02-20T12:00:00Z" },
    { user_id: ADA, id: old.id, status: "revoked", revoked_reason: "leaked" },
    { user_id: GRACE, id: grace.id, status: "active" },
  ]);
  expect((await list("--all-users", "--json")).out).toBe(run.out);
  const one = JSON.parse((await list("--user", GRACE, "--json")).out) as unknown[];
  expect(linesOf(run.out)[2]).toEqual(one[0]);
  for (const { key } of [ada, old, grace]) expect(run.out).not.toContain(key.slice(-38));
});

it("--expiring-within takes the last second of the time in, and leaves out what is over already or was revoked", async () => {
  const soon = await s.create(ADA, { lifetimeDays: 14 });
  const later = await s.create(GRACE, { lifetimeDays: 15 });
  const over = await s.create(GRACE, { lifetimeDays: 1 });
  const [revoked, disabled] = [
    await s.create(GRACE, { lifetimeDays: 3 }),
    await s.create(GRACE, { lifetimeDays: 2 }),
  ];
  await s.create(GRACE, { lifetimeDays: "never" });
  await revokeKey(s.keys, GRACE, revoked.id, "leaked");
  await disableKey(s.keys, GRACE, disabled.id);
  const idsAt = async (ms: number) => {
    vi.setSystemTime(ms);
    return linesOf((await list("--all-users", ...FORTNIGHT)).out).map(({ id }) => id);
  };
  expect(await idsAt(START - 1_000)).toEqual([over.id, disabled.id]);
  expect(await idsAt(START)).toEqual([soon.id, over.id, disabled.id]);
  expect(await idsAt(START + DAY - 1_000)).toEqual([soon.id, over.id, disabled.id]);
  expect(await idsAt(START + DAY)).toEqual([soon.id, later.id, disabled.id]);
  vi.setSystemTime(START);
  const run = await list("--all-users", ...FORTNIGHT);
  expect(linesOf(run.out)[2]).toMatchObject({ id: disabled.id, status: "disabled" });
});

it("one user's strange app_metadata keeps nobody's key from being told", async () => {
  const { tenant } = s.local;
  const good = await s.create(GRACE, { lifetimeDays: 7 });
  const entry = (await s.keys.users.read(GRACE)).entries[0] as object;
  const strange: readonly unknown[] = [
    null,
    "text",
    [],
    { api_keys: null },
    { api_keys: "mine" },
    { api_keys: { 0: entry } },
    { api_keys: [null, 1, "x", [], {}, { ...entry, exp: "soon" }, { ...entry, id: "../../etc" }] },
    // More seconds than a moment can have.
    {
      api_keys: [
        { ...entry, iat: Number.MAX_SAFE_INTEGER },
        { ...entry, exp: 8.64e12 + 1 },
      ],
    },
  ];
  for (const [at, app_metadata] of strange.entries()) {
    const userId = `auth0|strange${at}`;
    tenant.users.set(userId, { ...newUser(tenant, userId, {}), app_metadata });
  }
  const late = { ...entry, id: "last00000001", exp: 8.64e12 };
  tenant.users.set("auth0|last", {
    ...newUser(tenant, "auth0|last", {}),
    app_metadata: { api_keys: [late] },
  });
  const all = await list("--all-users");
  expect([all.code, linesOf(all.out).map(({ id }) => id)]).toEqual([0, [good.id, late.id]]);
  const soon = await list("--all-users", ...FORTNIGHT);
  expect(linesOf(soon.out).map(({ id }) => id)).toEqual([good.id]);
});

it("no key, no line", async () => {
  expect(await list("--all-users")).toEqual({ code: 0, out: "", err: "" });
});

describe("an export that fails ends it with 1", () => {
  const failed: Fault = async () => Response.json({ id: "job_1", status: "failed" });
  const cut: Fault = async (send) => new Response((await (await send()).arrayBuffer()).slice(0, -12));
  it.each<[string, number, Fault, string]>([
    [
      "is refused",
      1,
      FAULTS["is answered with 403"],
      "Auth0 refused a request about an export of all users.",
    ],
    ["is failed", 2, failed, "Auth0's export of the users ended as failed."],
    ["cannot be downloaded", 4, FAULTS["is answered with 500"], "could not be downloaded: status 500"],
    ["is cut off", 4, cut, "could not be read to its end"],
  ])("a job that %s", async (_, failAt, fault, message) => {
    await s.create(ADA);
    const run = await wire.disturb(failAt, fault, async () => list("--all-users"));
    expect(wire.requests.length).toBeGreaterThan(failAt);
    expect(run).toMatchObject({ code: 1, err: expect.stringContaining(message) as string });
  });
});

it.each<[readonly string[], string]>([
  [[], "--org ID, or --all-users"],
  [FORTNIGHT, "--org ID, or --all-users"],
  [["--user", ADA, "--all-users"], "cannot be used with"],
  [["--org", "org_4fJ2kQ9xZb1T3hXy", "--all-users"], "cannot be used with"],
  [["--user", ADA, "--pepper", "1"], "--pepper needs --all-users"],
])("list %j is wrong usage", async (argv, message) => {
  const run = await list(...argv);
  expect([run.code, run.out, run.err]).toEqual([2, "", expect.stringContaining(message)]);
});
