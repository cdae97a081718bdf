import { gunzipSync } from "node:zlib";

import { afterAll, beforeAll, expect, it } from "vitest";

import { createManagementClient } from "../../src/stores/management-client.ts";
import { ADA, stage, type Stage } from "../support/stage.ts";

let now = Date.now();
let s: Stage;
let client: ReturnType<typeof createManagementClient>;
beforeAll(async () => {
  s = await stage({ nowMs: () => now });
  client = createManagementClient({ ...s.settings, timeoutMs: 5_000 });
});
afterAll(async () => s.stop());

const importFile = (users: unknown) =>
  new File([typeof users === "string" ? users : JSON.stringify(users)], "users.json");

async function finished(id: string | undefined): Promise<Record<string, unknown>> {
  const states = [];
  for (;;) {
    const job = await client.jobs.get(id ?? "");
    states.push(job.status);
    if (job.status === "completed") return { ...job, states };
  }
}

it("an export goes through its states and gives gzipped lines of the fields, as they were when it was asked for", async () => {
  const fields = [{ name: "user_id" }, { name: "email", export_as: "mail" }, { name: "app_metadata" }];
  const job = await client.jobs.usersExports.create({ format: "json", fields });
  expect(job).toMatchObject({ type: "users_export", status: "pending" });
  await s.create(ADA);
  const { states, location } = await finished(job.id);
  expect(states).toEqual(["processing", "completed"]);
  const response = await fetch(String(location));
  const lines = gunzipSync(Buffer.from(await response.arrayBuffer()))
    .toString()
    .trim()
    .split("\n");
  expect(JSON.parse(lines[0] ?? "")).toEqual({ user_id: ADA, mail: "ada@acme.example" });
  expect(lines).toHaveLength(2);
});

it("a download link is good for 60 seconds, and the job gives another one", async () => {
  const job = await client.jobs.usersExports.create({ format: "json" });
  const { location } = await finished(job.id);
  now += 59_999;
  expect((await fetch(String(location))).status).toBe(200);
  now += 1;
  expect((await fetch(String(location))).status).toBe(403);
  const { location: another } = await finished(job.id);
  expect((await fetch(String(another))).status).toBe(200);
});

it("an import inserts, refuses who is there already, and says who failed", async () => {
  const file = [{ email: "new@acme.example", user_id: "new" }, { email: "ada@acme.example" }, { name: "x" }];
  const job = await client.jobs.usersImports.create({ users: importFile(file), connection_id: "con_1" });
  expect(await finished(job.id)).toMatchObject({
    type: "users_import",
    summary: { failed: 2, updated: 0, inserted: 1, total: 3 },
  });
  expect(s.local.tenant.users.get("auth0|new")).toMatchObject({ email: "new@acme.example" });
  expect(await client.jobs.errors.get(job.id ?? "")).toMatchObject([
    { errors: [{ code: "DUPLICATED_USER" }] },
    { errors: [{ code: "OBJECT_REQUIRED" }] },
  ]);
});

it("an import with upsert overwrites app_metadata and does not merge it", async () => {
  await s.create(ADA);
  const users = importFile([{ email: "ada@acme.example", app_metadata: { plan: "free" } }]);
  const job = await client.jobs.usersImports.create({ users, connection_id: "con_1", upsert: true });
  expect(await finished(job.id)).toMatchObject({ summary: { updated: 1, failed: 0 } });
  expect(s.local.tenant.users.get(ADA)?.["app_metadata"]).toEqual({ plan: "free" });
});

it("two imports run at once and no third; a file over 500 KB and one that is no list are refused", async () => {
  const create = async (users: unknown) =>
    client.jobs.usersImports.create({ users: importFile(users), connection_id: "con_1" });
  const [one, other] = [await create([]), await create([])];
  await expect(create([])).rejects.toMatchObject({ statusCode: 429 });
  await finished(one.id);
  await finished(other.id);
  await expect(create("x".repeat(512_001))).rejects.toMatchObject({ statusCode: 413 });
  await expect(create({})).rejects.toMatchObject({ statusCode: 400 });
  await expect(client.jobs.get("job_none")).rejects.toMatchObject({ statusCode: 404 });
});

it("the tenant keeps the last 100 jobs and links, since each export holds the users of its moment", async () => {
  const ids: string[] = [];
  for (let at = 0; at < 101; at++) {
    ids.push((await client.jobs.usersExports.create({ format: "json" })).id ?? "");
  }
  await expect(client.jobs.get(ids[0] ?? "")).rejects.toMatchObject({ statusCode: 404 });
  const { location: first } = await finished(ids[1]);
  for (let at = 0; at < 100; at++) await client.jobs.get(ids[2] ?? "");
  expect((await fetch(String(first))).status).toBe(200);
  await client.jobs.get(ids[2] ?? "");
  expect((await fetch(String(first))).status).toBe(403);
});
