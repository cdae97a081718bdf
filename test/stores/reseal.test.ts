import { afterAll, beforeAll, expect, test } from "vitest";

import { ADA, stage, type Stage } from "../support/stage.ts";

let s: Stage;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => s.stop());

test("a record that is sealed anew keeps its lifetime, and one that is gone stays gone", async () => {
  const { id } = await s.create(ADA);
  const record = await s.keys.records.read(id);
  if (!record) throw new Error("no record");
  await s.local.redis.execute(["EXPIRE", `apikey:${id}`, "1000"]);
  await s.keys.records.reseal(record);
  const ttlSeconds = Number(await s.local.redis.execute(["TTL", `apikey:${id}`]));
  expect([ttlSeconds > 900, ttlSeconds <= 1_000]).toEqual([true, true]);
  await s.keys.records.remove(id);
  await s.keys.records.reseal(record);
  expect(await s.keys.records.read(id)).toBeUndefined();
});
